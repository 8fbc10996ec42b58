package remote

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// keepScript is how a kept script goes on after its own text, which defines serve. By itself it is one call. A perl that was sent the text
// stays: three lines say the key, the log and the script as the log names it, and each line after them is a call. It has the key in
// front, so that what a call left unread of its input is none, and a line break at its end, so that it was not cut; then the stamp for
// the log, the words as the log has them, and the words, all with a NUL between. The key ends the output on both streams.
//
//go:embed keep.pl
var keepScript string

// keptLoader is what a perl that stays begins with. Its script comes on stdin: nothing of one that was cut runs.
const keptLoader = `my $size = <STDIN>; (read STDIN, my $text, $size) == $size or die "the script did not arrive whole\n"; eval $text; die $@ if $@`

// keptIdle is how long a kept perl may have been idle before its connection is proved: a call that is lost on one that has gone
// meanwhile would have an unknown outcome, and nothing need have been sent.
const keptIdle = time.Second

// onePacket is how much input goes with the line of a call: less than a packet of SSH holds.
const onePacket = 16 << 10

// errNoEnd is what a perl leaves that ended in the middle of a call.
var errNoEnd = errors.New("the perl of the script ended before the script did")

// noCommand is the status of an sh that does not find what it is to execute.
const noCommand = 127

// kept is the perl of a script that stays for the next call. Whoever has taken it from its connection has it alone.
type kept struct {
	session        *session
	text, key      string
	header         []byte // still to be sent before the first call, with the script
	ended          chan ending
	stdout, stderr *bufio.Reader
	used           time.Time
}

// keepable says whether the perl of c's script can stay, and serve others.
func (c Cmd) keepable() bool {
	return c.Kept && len(c.Env) == 0 && c.Dir == "" && c.Needs == "" && !c.LendKey && len(c.Argv) >= scriptArgs &&
		!strings.ContainsAny(strings.Join(c.Argv[scriptArgs:], ""), "\n")
}

// runKept is one call of a kept script. A perl whose call did not end as it should is given up.
func (p *Pool) runKept(ctx context.Context, host Host, x *execution) error {
	k, err := p.keptPerl(ctx, host, x)
	if err != nil {
		return &notStarted{err}
	}
	limited, cancel := context.WithTimeoutCause(ctx, x.cmd.limit()+p.opts.Deadlines.Grace, errLimit)
	defer cancel()
	if err := k.call(limited, x); err != nil || !x.cmd.answers(x.status) {
		k.session.release()
		return err
	}
	k.session.connection.keep(k)
	return nil
}

// keptPerl takes the perl that has the script from the open connection, or starts one.
func (p *Pool) keptPerl(ctx context.Context, host Host, x *execution) (*kept, error) {
	l := p.link(host)
	l.mu.Lock()
	c := l.open
	l.mu.Unlock()
	if c != nil {
		if k := c.takeKept(ctx, x.cmd.Argv[scriptArgs-2], p.opts.Deadlines.Open/4); k != nil {
			return k, nil
		}
	}
	s, err := l.session(ctx)
	if err != nil {
		return nil, err
	}
	k := &kept{session: s, text: x.cmd.Argv[scriptArgs-2], key: rand.Text(), ended: make(chan ending, 1),
		stdout: bufio.NewReader(s.channel), stderr: bufio.NewReader(s.channel.Stderr())}
	go follow(s.requests, k.ended)
	if err := s.start(ctx); err != nil {
		s.release()
		return nil, err
	}
	k.header = keptHeader(k.key, x.cmd, p.opts.NodeLog)
	return k, nil
}

// keptHeader makes the preamble's sh the perl of the script.
func keptHeader(key string, c Cmd, logFile string) []byte {
	text := c.Argv[scriptArgs-2]
	return fmt.Appendf(framed("exec perl -e "+Quote(keptLoader)), "%d\n%s%s\n%s\n%s\n", len(text), text, key, logFile, logged(c.Argv[:scriptArgs]...))
}

// keptCall is the line that makes one call.
func keptCall(key string, c Cmd, at string) []byte {
	words := c.Argv[scriptArgs:]
	return fmt.Appendf(nil, "%s %s\n", key, strings.Join(append([]string{at, logged(words...)}, words...), "\x00"))
}

// call sends one call and its input, and reads what comes until the end of it.
func (k *kept) call(ctx context.Context, x *execution) error {
	line := append(k.header, keptCall(k.key, x.cmd, stamp(time.Now())+": gantry")...)
	if k.header == nil {
		x.stdout.marked, x.stderr.marked = true, true // there is one mark, at the beginning
	}
	first := k.header != nil
	k.header = nil
	rest := x.cmd.Stdin
	if len(rest) < onePacket {
		line, rest = append(line, rest...), nil
	}
	sent, out, errs := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := k.session.channel.Write(line)
		if err == nil {
			_, err = k.session.channel.Write(rest)
		}
		sent <- err
	}()
	status := -1
	go func() {
		rest, err := copyUntil(&x.stdout, k.stdout, k.key)
		if err == nil {
			status, err = strconv.Atoi(rest)
		}
		out <- err
	}()
	go func() {
		_, err := copyUntil(&x.stderr, k.stderr, k.key)
		errs <- err
	}()
	// The output first: what has come of it decides whether anything ran.
	for _, done := range []<-chan error{out, errs, sent} {
		select {
		case err := <-done:
			if errors.Is(err, io.EOF) {
				return k.noEnd(ctx, x, first)
			}
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	x.status = status
	return nil
}

// noEnd tells a perl that never began, and one that ended, from a connection that has gone. Its output is complete.
func (k *kept) noEnd(ctx context.Context, x *execution, first bool) error {
	select {
	case e := <-k.ended:
		if e.lost {
			return errLost
		}
		x.status, x.signal = e.status, e.signal
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if began, _ := x.stdout.began(); !began || first && x.status == noCommand {
		return nil
	}
	return errNoEnd
}

// copyUntil copies lines until one that begins with the key, and returns the rest of that. The line break before it is not part
// of the output.
func copyUntil(to io.Writer, from *bufio.Reader, key string) (rest string, err error) {
	fresh, held := true, false // at the beginning of a line; its break is not written yet
	for {
		part, err := from.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			_, _ = to.Write(part) // what ends the call is told
			return "", err
		}
		if after, ok := strings.CutPrefix(string(part), key); ok && fresh {
			return strings.TrimSpace(after), nil
		}
		if held {
			part = append([]byte{'\n'}, part...)
		}
		part, held = bytes.CutSuffix(part, []byte("\n"))
		fresh = held
		if _, err := to.Write(part); err != nil {
			return "", err
		}
	}
}

// keep lays a perl aside for the next call; one of each script is enough.
func (c *connection) keep(k *kept) {
	k.used = time.Now()
	c.keptMu.Lock()
	_, other := c.kept[k.text]
	if !other {
		if c.kept == nil {
			c.kept = map[string]*kept{}
		}
		c.kept[k.text] = k
	}
	c.keptMu.Unlock()
	if other {
		k.session.release()
	}
}

// takeKept takes the perl of a script, if there is one that still runs on a connection that still stands.
func (c *connection) takeKept(ctx context.Context, text string, within time.Duration) *kept {
	c.keptMu.Lock()
	k := c.kept[text]
	delete(c.kept, text)
	c.keptMu.Unlock()
	if k == nil {
		return nil
	}
	if time.Since(k.used) > keptIdle {
		proved := make(chan struct{})
		go func() {
			c.prove(within)
			close(proved)
		}()
		select {
		case <-proved:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil || c.isGone() || len(k.ended) > 0 {
		k.session.release()
		return nil
	}
	return k
}

// dropKept gives up the perls that wait for calls, and says whether there were any: their channels are wanted for others.
func (c *connection) dropKept() bool {
	c.keptMu.Lock()
	all := c.kept
	c.kept = nil
	c.keptMu.Unlock()
	for _, k := range all {
		k.session.release()
	}
	return len(all) > 0
}
