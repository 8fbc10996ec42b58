package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Host is how to get to a node.
type Host struct {
	Name    string // the node's name, which known_hosts files know it by
	Address string // "" is Name
	Port    int    // ndparams/ssh_port; 0 is 22
	Local   bool   // the master's own node: no SSH
}

// Options say how a Pool reaches the nodes. Hosts is all it needs; the rest has useful zero values.
type Options struct {
	Hosts      func(node string) (Host, error)
	User       string   // "" is root
	Identity   []string // key files; nil is DefaultIdentity
	Agent      string   // the socket of an agent with more keys, "" is none
	KnownHosts KnownHosts
	MasterLog  string // DefaultMasterLog in production; "" is no log
	NodeLog    string // DefaultNodeLog in production; "" is no log
	WorkDir    string // where durable work lives on a node; "" is DefaultWorkDir
	MaxOutput  int    // bytes of stdout of one command; 0 is DefaultMaxOutput
	Deadlines  Deadlines
}

// Deadlines bound everything that waits. Zero fields get the values of defaultDeadlines.
type Deadlines struct {
	Connect   time.Duration // TCP connect
	Handshake time.Duration // from there until logged in
	Open      time.Duration // the answer to a new channel on an open connection
	Grace     time.Duration // what the node gets beyond a command's limit before the answer is given up
	Drain     time.Duration // how long a child of an ended command may hold its output
	Keepalive time.Duration // between two; the connection is given up when three went unanswered
	Transfer  time.Duration // a Put, Get or Stage as a whole
	Reattach  time.Duration // how long Start and Follow try to get back to a node
}

var defaultDeadlines = Deadlines{
	Connect: 10 * time.Second, Handshake: 20 * time.Second, Open: 20 * time.Second, Grace: 15 * time.Second,
	Drain: 2 * time.Second, Keepalive: 15 * time.Second, Transfer: 2 * time.Minute, Reattach: 5 * time.Minute,
}

func (d Deadlines) orDefault() Deadlines {
	for _, f := range []struct{ mine, standard *time.Duration }{
		{&d.Connect, &defaultDeadlines.Connect}, {&d.Handshake, &defaultDeadlines.Handshake},
		{&d.Open, &defaultDeadlines.Open}, {&d.Grace, &defaultDeadlines.Grace}, {&d.Drain, &defaultDeadlines.Drain},
		{&d.Keepalive, &defaultDeadlines.Keepalive}, {&d.Transfer, &defaultDeadlines.Transfer},
		{&d.Reattach, &defaultDeadlines.Reattach},
	} {
		if *f.mine == 0 {
			*f.mine = *f.standard
		}
	}
	return d
}

// Pool runs commands on nodes: one SSH connection a node, made when first needed and kept until Close; the local runner for
// the master's own node. It is safe for use by many goroutines.
type Pool struct {
	opts  Options
	trust *trust
	log   *commandLog
	mu    sync.Mutex
	keys  *identity
	links map[Host]*link
	lent  map[string]*connection // by node name and id of durable work
}

// NewPool makes a pool without opening, reading or connecting to anything.
func NewPool(opts Options) *Pool {
	opts.Deadlines = opts.Deadlines.orDefault()
	if opts.User == "" {
		opts.User = "root"
	}
	if opts.Identity == nil {
		opts.Identity = DefaultIdentity
	}
	if opts.WorkDir == "" {
		opts.WorkDir = DefaultWorkDir
	}
	if opts.MaxOutput == 0 {
		opts.MaxOutput = DefaultMaxOutput
	}
	return &Pool{
		opts: opts, trust: newTrust(opts.KnownHosts), log: &commandLog{path: opts.MasterLog}, links: map[Host]*link{},
		lent: map[string]*connection{},
	}
}

// Warm begins to connect to nodes, for who will need them soon and has other things to do until then. It waits for nothing and says
// nothing: a node that cannot be reached is met again by whoever wants something of it.
func (p *Pool) Warm(ctx context.Context, nodes ...string) {
	for _, node := range nodes {
		if host, err := p.opts.Hosts(node); err == nil && !host.Local {
			go func() { _, _, _ = p.link(host).connect(ctx) }()
		}
	}
}

// Close ends all connections. Commands still running on nodes end by their limits.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.close()
	}
	for _, c := range p.lent {
		c.client.Close()
	}
	if p.keys != nil {
		p.keys.close()
	}
	p.log.close()
	return nil
}

// Run runs c on the node and keeps its output.
func (p *Pool) Run(ctx context.Context, node string, c Cmd) (Result, error) {
	return p.run(ctx, node, &execution{cmd: c})
}

// Stream is Run for bulk data: in is sent after c.Stdin, and stdout goes to out as it comes, without a bound. Either may be
// nil. An input that was cut looks to the command like one that ended: the command must know how much to expect.
func (p *Pool) Stream(ctx context.Context, node string, c Cmd, in io.Reader, out io.Writer) (Result, error) {
	return p.run(ctx, node, &execution{cmd: c, more: in, stdout: output{to: out}})
}

// run is the life of every command: check, reach the node, execute, judge, log.
func (p *Pool) run(ctx context.Context, node string, x *execution) (Result, error) {
	c := x.cmd
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if err := c.check(); err != nil {
		return Result{}, p.fail(node, c, Failed, err)
	}
	host, err := p.opts.Hosts(node)
	if err != nil {
		return Result{}, p.fail(node, c, Failed, err)
	}
	if faults != nil {
		defer Inject(areaOf(c.Changes != ""), node+": "+c.Line())()
	}
	started := time.Now()
	p.prepare(x)
	err = p.execute(ctx, host, x)
	result := x.result(time.Since(started))
	err = p.judge(node, x, result, err)
	if !x.quiet && p.log.path != "" {
		p.log.write(node, c.logLine(), result, err)
	}
	return result, err
}

// prepare sets what all commands have in common.
func (p *Pool) prepare(x *execution) {
	if x.stdout.max == 0 {
		x.stdout.max = p.opts.MaxOutput
	}
	x.stderr.max, x.stderr.drop = maxStderr, true
	x.drain = p.opts.Deadlines.Drain
}

// execute hands x to the transport. The error is nil when the command's status came.
func (p *Pool) execute(ctx context.Context, host Host, x *execution) error {
	limited, cancel := ctx, context.CancelFunc(func() {})
	begin := func() {
		if limit := x.cmd.limit(); limit != NoLimit {
			limited, cancel = context.WithTimeoutCause(ctx, limit+p.opts.Deadlines.Grace, errLimit)
		}
	}
	defer func() { cancel() }()
	if !host.Local && x.cmd.keepable() && x.more == nil && x.stdout.to == nil {
		return p.runKept(ctx, host, x)
	}
	nodeLog := p.opts.NodeLog
	if x.quiet {
		nodeLog = ""
	}
	x.in = input(header(x.cmd, nodeLog, time.Now()), x.cmd.Stdin, x.more)
	if host.Local {
		begin()
		return p.runLocal(limited, x)
	}
	session, err := p.session(ctx, host, x)
	if err != nil {
		return &notStarted{err}
	}
	if x.cmd.LendKey && x.keepLent == nil {
		defer session.connection.client.Close()
	}
	begin()
	return session.run(limited, x)
}

// session opens a channel for x, on the node's connection, or on one of its own when the key is lent. That one is closed
// when the command has ended, unless x wants to keep it.
func (p *Pool) session(ctx context.Context, host Host, x *execution) (*session, error) {
	if !x.cmd.LendKey {
		return p.link(host).session(ctx)
	}
	s, err := p.link(host).lendingSession(ctx)
	if err == nil && x.keepLent != nil {
		x.keepLent(s.connection)
	}
	return s, err
}

// link is the one connection to a node, open or not. A node whose address or port was changed gets a new one.
func (p *Pool) link(host Host) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.links[host]
	if l == nil {
		l = newLink(p, host)
		p.links[host] = l
	}
	return l
}

// execution is one command on its way, with what has come of it.
type execution struct {
	cmd            Cmd
	more           io.Reader // input after cmd.Stdin, may be nil
	in             io.Reader // header and all input
	stdout, stderr output
	drain          time.Duration
	quiet          bool              // not for the logs
	keepLent       func(*connection) // takes the connection over which the key is lent, instead of closing it
	status         int
	signal         string // that ended the command, without SIG
}

// input is what goes to the node's stdin.
func input(header, data []byte, more io.Reader) io.Reader {
	if more == nil {
		more = bytes.NewReader(nil)
	}
	return io.MultiReader(bytes.NewReader(header), bytes.NewReader(data), more)
}

func (x *execution) result(took time.Duration) Result {
	stdout, _ := x.stdout.finish()
	stderr, _ := x.stderr.finish()
	_, noise := x.stdout.began()
	return Result{Stdout: stdout, Stderr: stderr, Status: x.status, Took: took, Noise: noise}
}

var (
	errLimit    = errors.New("the time limit was reached and the node did not answer")
	errTimeout  = errors.New("the time limit was reached")
	errLost     = errors.New("connection lost")
	errNotBegun = errors.New("root's shell did not start the command")
)

// notStarted wraps the reason why a command surely did not run.
type notStarted struct{ error }

func (e *notStarted) Unwrap() error { return e.error }

// judge makes the outcome of what the transport said.
func (p *Pool) judge(node string, x *execution, r Result, err error) error {
	e := &Error{Node: node, Status: r.Status, Stderr: r.Stderr, Err: err}
	_, tooMuch := x.stdout.finish()
	began, noise := x.stdout.began()
	var never *notStarted
	switch {
	case errors.As(err, &never):
		e.Outcome, e.Err = Failed, never.error
	case tooMuch != nil:
		e.Outcome, e.Err = Unknown, tooMuch
	case err != nil:
		e.Outcome = Unknown
	case !began:
		e.Outcome, e.Err, e.Stderr = Failed, errNotBegun, append(noise, r.Stderr...)
	case timedOut(x.cmd, r):
		e.Outcome, e.Err = Unknown, fmt.Errorf("%w (%s s)", errTimeout, seconds(x.cmd.limit()))
	case x.signal == "KILL":
		// It may have been timeout that was killed, and then the command runs on without a limit.
		e.Outcome, e.Err = Unknown, errors.New("ended by signal KILL")
	case x.signal != "":
		e.Outcome, e.Err = Failed, fmt.Errorf("ended by signal %s", x.signal)
	case x.cmd.answers(r.Status):
		return nil
	default:
		e.Outcome = Failed
	}
	e.Line = x.cmd.Line()
	return e
}

// timedOut tells timeout's own exit statuses (124, or 137 after the kill) from a command that happens to use them.
func timedOut(c Cmd, r Result) bool {
	return (r.Status == 124 || r.Status == 137) && c.limit() != NoLimit && r.Took >= c.limit()
}

func (p *Pool) fail(node string, c Cmd, outcome Outcome, err error) error {
	return &Error{Node: node, Line: c.Line(), Outcome: outcome, Err: err}
}
