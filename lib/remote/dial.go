package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// handshakes is how often a handshake is tried that the server drops before anybody is logged in: sshd does that at random
// when more than MaxStartups are under way, and nothing can have happened.
const handshakes = 6

// dial makes a connection, or says why the node is unreachable.
func (l *link) dial(ctx context.Context) (*connection, error) {
	for attempt := 1; ; attempt++ {
		c, err := l.handshake(ctx)
		if err == nil || attempt == handshakes || !droppedEarly(err) {
			return c, err
		}
		if !sleep(ctx, jitter(attempt)) {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, context.Cause(ctx))
		}
	}
}

// handshake tries one login after another until the server has shown a host key that somebody vouches for: a node may have
// keys of several types, and the first one it shows need not be the one that is known.
func (l *link) handshake(ctx context.Context) (*connection, error) {
	node := l.pool.trust.about(l.host)
	for {
		c, err := l.login(ctx, node)
		if refused, ok := errors.AsType[*HostKeyError](err); ok && node.without(refused.keyType) {
			continue
		}
		return c, err
	}
}

// login makes one TCP connection and logs in over it.
func (l *link) login(ctx context.Context, node *hostTrust) (*connection, error) {
	d := l.pool.opts.Deadlines
	identity, err := l.pool.identity()
	if err != nil {
		return nil, err
	}
	keys := &loginKeys{}
	tcp, err := (&net.Dialer{Timeout: d.Connect}).DialContext(ctx, "tcp", l.host.address())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	tcp.SetDeadline(time.Now().Add(d.Handshake))
	stop := context.AfterFunc(ctx, func() { tcp.Close() })
	defer stop()
	conn, channels, requests, err := ssh.NewClientConn(tcp, l.host.address(), &ssh.ClientConfig{
		User:              l.pool.opts.User,
		Auth:              []ssh.AuthMethod{keys.offer(identity)},
		HostKeyCallback:   node.check,
		HostKeyAlgorithms: node.algorithms(),
		ClientVersion:     "SSH-2.0-gantry",
	})
	if err != nil {
		tcp.Close()
		return nil, l.explain(ctx, node, identity, err)
	}
	if !stop() {
		conn.Close()
		return nil, context.Cause(ctx)
	}
	tcp.SetDeadline(time.Time{})
	if err := node.accepted(); err != nil {
		conn.Close()
		return nil, err
	}
	return newConnection(ssh.NewClient(conn, channels, requests), keys.used, d), nil
}

// explain turns what the library says about a failed handshake into what an operator can act on.
func (l *link) explain(ctx context.Context, node *hostTrust, identity *identity, err error) error {
	if node.refused != nil {
		return node.refused
	}
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: SSH handshake with %s not done within %v", ErrUnreachable, l.host.address(), l.pool.opts.Deadlines.Handshake)
	case node.shown:
		said := fmt.Errorf("%w: SSH login as %s at %s (keys tried: %s): %w",
			ErrUnreachable, l.pool.opts.User, l.host.address(), identity.describe(), err)
		if droppedEarly(err) {
			return said
		}
		return &LoginError{said}
	}
	return fmt.Errorf("%w: SSH handshake with %s: %w", ErrUnreachable, l.host.address(), err)
}

// LoginError is a node that was reached, whose host key somebody vouches for, and that takes none of our keys.
type LoginError struct{ Err error }

func (e *LoginError) Error() string { return e.Err.Error() }

func (e *LoginError) Unwrap() error { return e.Err }

// droppedEarly recognises a connection that the server closed during the handshake.
func droppedEarly(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// jitter is a random wait that grows with the attempts: 25-75 ms, 50-150 ms … so that the rejected do not come back together.
func jitter(attempt int) time.Duration {
	base := 25 * time.Millisecond << attempt
	return base/2 + rand.N(base)
}

// sleep waits, and says false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
