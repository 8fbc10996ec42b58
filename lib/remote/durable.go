package remote

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultWorkDir is where durable work lives on a node. It is gone after a restart of the node, as the work is.
const DefaultWorkDir = "/run/ganeti/gantry/work"

// The scripts of durable work; each says what it expects.
var (
	//go:embed work_start.sh
	workStart string
	//go:embed work_run.sh
	workRun string
	//go:embed work_follow.sh
	workFollow string
	//go:embed work_stop.sh
	workStop string
	//go:embed work_forget.sh
	workForget string
)

var (
	// ErrNoWork is in the chain when a node knows no work of that id: it was never started, forgotten, or the node has been
	// restarted since.
	ErrNoWork = errors.New("the node knows no such work")
	// ErrWorkLost is in the chain when work ended without saying how: it was killed.
	ErrWorkLost = errors.New("the work ended without leaving an exit status")
)

// followChunk is how much of each output one look at durable work brings.
const followChunk = 4 << 20

// Start begins c on the node, detached: it goes on when the connection, this process or the master ends. Starting an id
// that was started before does nothing, so a start whose answer was lost is sent again for as long as Follow would try. A key
// that c borrows is lent until Follow has seen the end.
func (p *Pool) Start(ctx context.Context, node, id string, c Cmd) error {
	if err := checkWorkID(id); err != nil {
		return p.fail(node, c, Failed, err)
	}
	if err := c.check(); err != nil {
		return p.fail(node, c, Failed, err)
	}
	var lost error // the first answer that did not come
	for attempt, began := 1, time.Now(); ; attempt = min(attempt+1, 8) {
		x := &execution{cmd: p.starter(id, c)}
		if c.LendKey {
			x.keepLent = func(lent *connection) { p.lend(node, id, lent) }
		}
		_, err := p.run(ctx, node, x)
		if lost == nil && OutcomeOf(err) == Unknown {
			lost = err
		}
		switch {
		case err == nil, lost == nil:
			return err
		case ctx.Err() != nil, !worthAnotherLook(err), time.Since(began) > p.opts.Deadlines.Reattach:
			return lost
		}
		sleep(ctx, min(jitter(attempt), 5*time.Second))
	}
}

// starter is the command that starts c.
func (p *Pool) starter(id string, c Cmd) Cmd {
	starter := Script(workStart, append([]string{p.opts.WorkDir, id, strconv.Itoa(len(c.Stdin)), workRun}, c.words()...)...)
	starter.Env, starter.Dir, starter.Stdin = c.Env, c.Dir, c.Stdin
	starter.Secret, starter.Changes, starter.LendKey = c.Secret, c.Changes, c.LendKey
	return starter
}

func checkWorkID(id string) error {
	bad := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", r)
	}
	if id == "" || len(id) > 100 || id[0] == '.' || id[0] == '-' || strings.ContainsFunc(id, bad) {
		return fmt.Errorf("%q is no id for durable work", id)
	}
	return nil
}

// lend keeps a connection over which a key is lent; nil ends the lending.
func (p *Pool) lend(node, id string, c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := node + " " + id
	if old := p.lent[key]; old != nil {
		old.client.Close()
	}
	delete(p.lent, key)
	if c != nil {
		p.lent[key] = c
	}
}

// Follow waits for the end of work that Start began, here or in a process before this one. It returns its output, as Run
// would; beyond MaxOutput only the files on the node have it.
func (p *Pool) Follow(ctx context.Context, node, id string) (Result, error) {
	f := &follower{pool: p, node: node, id: id, wait: 20 * time.Second}
	f.took = func(stdout, stderr []byte) {
		f.result.Stdout = keep(f.result.Stdout, stdout, p.opts.MaxOutput)
		f.result.Stderr = keep(f.result.Stderr, stderr, maxStderr)
	}
	return f.follow(ctx)
}

// FollowOutput is Follow for those who want the output as it comes, every so often: each is called with what is new, from
// the beginning. The Result has none of it.
func (p *Pool) FollowOutput(ctx context.Context, node, id string, every time.Duration, each func(stdout, stderr []byte)) (Result, error) {
	return (&follower{pool: p, node: node, id: id, wait: every, took: each}).follow(ctx)
}

func keep(have, more []byte, limit int) []byte {
	return append(have, more[:min(len(more), max(limit-len(have), 0))]...)
}

// Stop ends durable work with everything it started; nil means that none of it runs any more.
func (p *Pool) Stop(ctx context.Context, node, id string) error {
	if err := checkWorkID(id); err != nil {
		return err
	}
	c := Script(workStop, p.opts.WorkDir, id)
	c.Changes = "work " + id
	_, err := p.Run(ctx, node, c)
	return err
}

// Forget removes what ended work left on the node; running work is refused.
func (p *Pool) Forget(ctx context.Context, node, id string) error {
	if err := checkWorkID(id); err != nil {
		return err
	}
	_, err := p.Run(ctx, node, Script(workForget, p.opts.WorkDir, id))
	return err
}

// follower picks up the output of durable work from where it was, over as many connections as it takes.
type follower struct {
	pool     *Pool
	node, id string
	wait     time.Duration
	took     func(stdout, stderr []byte)
	result   Result
	out, err int64 // how much is known
}

func (f *follower) follow(ctx context.Context) (Result, error) {
	if err := checkWorkID(f.id); err != nil {
		return Result{}, &Error{Node: f.node, Outcome: Failed, Err: err}
	}
	defer f.pool.lend(f.node, f.id, nil)
	started, contact := time.Now(), time.Now()
	for attempt := 1; ; {
		news, err := f.look(ctx)
		f.result.Took = time.Since(started)
		switch {
		case err == nil:
			attempt, contact = 1, time.Now()
			if done, err := f.digest(news); done {
				return f.result, err
			}
		case ctx.Err() != nil, !worthAnotherLook(err):
			return f.result, f.unknown(err)
		case time.Since(contact) > f.pool.opts.Deadlines.Reattach:
			return f.result, f.unknown(fmt.Errorf("no contact for %v: %w", time.Since(contact).Round(time.Second), err))
		default:
			sleep(ctx, min(jitter(attempt), 5*time.Second))
			attempt = min(attempt+1, 8)
		}
	}
}

// look asks once.
func (f *follower) look(ctx context.Context) (workNews, error) {
	c := Script(workFollow, f.pool.opts.WorkDir, f.id, fmt.Sprint(f.out), fmt.Sprint(f.err), seconds(f.wait), fmt.Sprint(followChunk))
	c.Limit = f.wait + 20*time.Second
	// Looking is no action: it is not logged, or a long installation would fill the logs.
	x := &execution{cmd: c, quiet: true}
	x.stdout.max = 2*followChunk + 1<<10
	r, err := f.pool.run(ctx, f.node, x)
	if err != nil {
		return workNews{}, err
	}
	news, err := parseWorkNews(r.Stdout)
	if err != nil {
		err = &Error{Node: f.node, Line: c.Line(), Outcome: Unknown, Err: err}
	}
	return news, err
}

// worthAnotherLook says whether the way to the node, and not the node, was what failed.
func worthAnotherLook(err error) bool {
	for _, cause := range []error{errLost, errLimit, errTimeout, ErrUnreachable} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// digest takes the news in; done when there is nothing more to come.
func (f *follower) digest(n workNews) (done bool, err error) {
	if len(n.stdout)+len(n.stderr) > 0 {
		f.out, f.err = f.out+int64(len(n.stdout)), f.err+int64(len(n.stderr))
		f.took(n.stdout, n.stderr)
		if len(n.stdout) == followChunk || len(n.stderr) == followChunk {
			return false, nil
		}
	}
	switch n.state {
	case "absent":
		return true, f.unknown(ErrNoWork)
	case "lost":
		return true, f.unknown(ErrWorkLost)
	case "running":
		return false, nil
	}
	f.result.Status = n.status
	if n.status != 0 {
		return true, &Error{Node: f.node, Line: "work " + f.id, Outcome: Failed, Status: n.status, Stderr: f.result.Stderr}
	}
	return true, nil
}

func (f *follower) unknown(err error) error {
	return &Error{Node: f.node, Line: "work " + f.id, Outcome: Unknown, Stderr: f.result.Stderr, Err: err}
}

// workNews is what work_follow.sh prints: "STATE STATUS OUT ERR", then so many bytes of each.
type workNews struct {
	state          string
	status         int
	stdout, stderr []byte
}

func parseWorkNews(text []byte) (workNews, error) {
	line, rest, found := bytes.Cut(text, []byte("\n"))
	var n workNews
	var out, err int
	fields := strings.Fields(string(line))
	if !found || len(fields) != 4 {
		return n, fmt.Errorf("cannot read how the work stands from %q", shorten(string(line), 80))
	}
	n.state = fields[0]
	for i, to := range []*int{&n.status, &out, &err} {
		value, bad := strconv.Atoi(fields[i+1])
		if bad != nil || value < 0 || value > followChunk {
			return n, fmt.Errorf("cannot read how the work stands from %q", shorten(string(line), 80))
		}
		*to = value
	}
	switch {
	case n.state != "absent" && n.state != "lost" && n.state != "running" && n.state != "ended":
		return n, fmt.Errorf("work cannot be %q", n.state)
	case len(rest) != out+err:
		return n, fmt.Errorf("%d bytes of output announced, %d came", out+err, len(rest))
	}
	n.stdout, n.stderr = rest[:out], rest[out:]
	return n, nil
}
