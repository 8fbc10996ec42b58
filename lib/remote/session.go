package remote

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// session is an open channel that has not been told yet what to do. It takes a place of its connection until released.
type session struct {
	connection *connection
	channel    ssh.Channel
	requests   <-chan *ssh.Request
}

func (s *session) release() {
	s.channel.Close()
	s.connection.active.Add(-1)
	s.connection.places <- struct{}{}
}

// run executes x. It does not use ssh.Session: that one reports an exit status only when the channel closes, which a child
// that inherited the output can hold back for as long as it lives.
func (s *session) run(ctx context.Context, x *execution) error {
	defer s.release()
	status := make(chan ending, 1)
	go follow(s.requests, status)
	if err := s.start(ctx); err != nil {
		return err
	}
	go x.send(s.channel)
	copied := make(chan error, 2)
	go copyTo(&x.stdout, s.channel, copied)
	go copyTo(&x.stderr, s.channel.Stderr(), copied)
	err := x.await(ctx, status, copied)
	if errors.Is(err, errLimit) {
		// The node itself should have ended the command long before: is it still there?
		go s.connection.prove(5 * time.Second)
	}
	return err
}

// start asks for the preamble. While it has no header it does nothing, so that a failure here proves that nothing ran.
func (s *session) start(ctx context.Context) error {
	ok, err := s.request(ctx, "exec", ssh.Marshal(struct{ Command string }{payload}))
	switch {
	case err != nil:
		return &notStarted{err}
	case !ok:
		return &notStarted{errNotBegun}
	}
	return nil
}

// request asks the server for something on this channel and waits for its yes or no.
func (s *session) request(ctx context.Context, what string, about []byte) (bool, error) {
	type reply struct {
		ok  bool
		err error
	}
	answered := make(chan reply, 1)
	go func() {
		ok, err := s.channel.SendRequest(what, true, about)
		answered <- reply{ok, err}
	}()
	select {
	case r := <-answered:
		if r.err != nil {
			return false, errLost
		}
		return r.ok, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// ending is how a command ended.
type ending struct {
	status int
	signal string
	lost   bool // the channel closed and nobody said
}

// follow reads what the server says about the channel: the command's ending, or the channel's without one.
func follow(requests <-chan *ssh.Request, status chan<- ending) {
	said := false
	say := func(e ending) {
		if !said {
			status <- e
		}
		said = true
	}
	for r := range requests {
		switch {
		case r.Type == "exit-status" && len(r.Payload) >= 4:
			say(ending{status: int(binary.BigEndian.Uint32(r.Payload))})
		case r.Type == "exit-signal":
			var by struct {
				Signal     string
				Core       bool
				Error, Tag string
			}
			_ = ssh.Unmarshal(r.Payload, &by) // without a name it is an unknown signal
			say(ending{signal: by.Signal, status: 128 + int(unix.SignalNum("SIG"+by.Signal))})
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	say(ending{lost: true})
}

// send gives the command its input. It need not read it, so errors mean nothing.
func (x *execution) send(channel ssh.Channel) {
	_, _ = io.Copy(channel, x.in)
	channel.CloseWrite()
}

func copyTo(to io.Writer, from io.Reader, copied chan<- error) {
	_, err := io.Copy(to, from)
	copied <- err
}

// await waits for the ending and then for the rest of the output, but not for ever.
func (x *execution) await(ctx context.Context, status <-chan ending, copied <-chan error) error {
	for streams := 2; ; {
		select {
		case e := <-status:
			if e.lost {
				return errLost
			}
			x.status, x.signal = e.status, e.signal
			x.drainOutput(ctx, streams, copied)
			return nil
		case err := <-copied:
			streams--
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// maxDrain bounds how long the output of an ended command may go on.
const maxDrain = 30 * time.Second

// drainOutput waits until both streams have ended. What was on its way when the command ended still comes, as long as it
// keeps coming; a child that only holds the streams open gets a short while.
func (x *execution) drainOutput(ctx context.Context, streams int, copied <-chan error) {
	end := time.After(maxDrain)
	for came := x.came(); streams > 0; {
		select {
		case <-copied:
			streams--
		case <-time.After(x.drain):
			if x.came() == came {
				return
			}
			came = x.came()
		case <-end:
			return
		case <-ctx.Done():
			return
		}
	}
}

// came is how many bytes of output have come so far.
func (x *execution) came() int64 { return x.stdout.came() + x.stderr.came() }
