package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxChannels stays below sshd's MaxSessions of 10.
const maxChannels = 8

// link is the way to one node: no connection yet, an open one, or one that has gone and is made again when next needed.
type link struct {
	pool *Pool
	host Host
	turn chan struct{} // holds one token; whoever has it may dial

	mu     sync.Mutex
	open   *connection
	closed bool // the pool has ended: what is still being dialled is not wanted any more
}

func newLink(p *Pool, host Host) *link {
	l := &link{pool: p, host: host, turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	return l
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.open != nil {
		l.open.client.Close()
		l.open = nil
	}
}

// session opens a channel for one command. A connection that went while nobody used it is made again: nothing can have
// been sent on it.
func (l *link) session(ctx context.Context) (*session, error) {
	for attempt := 0; ; attempt++ {
		c, fresh, err := l.connect(ctx)
		if err != nil {
			return nil, err
		}
		s, err := c.session(ctx, l.pool.opts.Deadlines.Open)
		if err == nil || fresh || attempt > 0 || ctx.Err() != nil || !c.isGone() {
			return s, err
		}
	}
}

// connect gives the open connection, or makes one. Callers that come meanwhile wait for it; each under its own context.
func (l *link) connect(ctx context.Context) (c *connection, fresh bool, err error) {
	select {
	case <-l.turn:
		defer func() { l.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	l.mu.Lock()
	c = l.open
	l.mu.Unlock()
	if c != nil && !c.isGone() {
		return c, false, nil
	}
	c, err = l.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.client.Close()
		return nil, false, errLost
	}
	l.open = c
	return c, true, nil
}

// connection is one SSH connection with its places for channels.
type connection struct {
	client *ssh.Client
	places chan struct{}       // a token for each channel that may be opened
	active atomic.Int32        // channels in use
	gone   chan struct{}       // closed when the connection has ended
	key    ssh.AlgorithmSigner // the one that logged in
	files  *fileServer

	keptMu sync.Mutex
	kept   map[string]*kept // by the text of the script: perls that wait for their next call
}

func newConnection(client *ssh.Client, key ssh.AlgorithmSigner, d Deadlines) *connection {
	c := &connection{
		client: client, places: make(chan struct{}, maxChannels), gone: make(chan struct{}), key: key,
	}
	c.files = &fileServer{connection: c}
	for range maxChannels {
		c.places <- struct{}{}
	}
	go func() {
		client.Wait()
		close(c.gone)
	}()
	go c.keepAlive(d.Keepalive)
	return c
}

func (c *connection) isGone() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// keepAlive closes a connection whose node has not answered for three intervals.
func (c *connection) keepAlive(interval time.Duration) {
	for {
		select {
		case <-c.gone:
			return
		case <-time.After(interval):
			c.prove(3 * interval)
		}
	}
}

// prove closes the connection unless the node answers in time. The answer costs no channel and no process.
func (c *connection) prove(within time.Duration) {
	late := time.AfterFunc(within, func() { c.client.Close() })
	defer late.Stop()
	if _, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		c.client.Close()
		<-c.gone
	}
}

// session waits for a place, for as long as ctx lets it, and opens a channel in it. A server that takes fewer channels than
// we have places for loses the place for good; the command then waits for one that is in use.
func (c *connection) session(ctx context.Context, limit time.Duration) (*session, error) {
	for alone := 1; ; {
		select {
		case <-c.places:
		case <-c.gone:
			return nil, errLost
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		s, err := c.openSession(ctx, limit)
		if err == nil {
			c.active.Add(1)
			return s, nil
		}
		_, refused := errors.AsType[*ssh.OpenChannelError](err)
		if refused && c.dropKept() {
			c.places <- struct{}{}
			continue
		}
		if refused && c.active.Load() > 0 {
			continue
		}
		c.places <- struct{}{}
		// The server may not be done yet with channels that we have closed.
		if !refused || alone == 6 || !sleep(ctx, jitter(alone)) {
			return nil, err
		}
		alone++
	}
}

// openSession opens the channel; one that opens too late is closed again, and a connection on which none opens is proved.
func (c *connection) openSession(ctx context.Context, limit time.Duration) (*session, error) {
	late := time.NewTimer(limit)
	defer late.Stop()
	type opened struct {
		channel  ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	reply := make(chan opened, 1)
	go func() {
		channel, requests, err := c.client.OpenChannel("session", nil)
		reply <- opened{channel, requests, err}
	}()
	closeLate := func() {
		if o := <-reply; o.err == nil {
			go ssh.DiscardRequests(o.requests)
			o.channel.Close()
		}
	}
	select {
	case o := <-reply:
		if _, refused := errors.AsType[*ssh.OpenChannelError](o.err); o.err != nil && !refused {
			c.client.Close()
			<-c.gone
			return nil, errLost
		}
		if o.err != nil {
			return nil, o.err
		}
		return &session{c, o.channel, o.requests}, nil
	case <-ctx.Done():
		go closeLate()
		return nil, context.Cause(ctx)
	case <-late.C:
		go closeLate()
		c.prove(limit / 4)
		return nil, fmt.Errorf("no channel within %v", limit)
	}
}

// address is where to dial.
func (h Host) address() string {
	to := h.Address
	if to == "" {
		to = h.Name
	}
	return net.JoinHostPort(to, strconv.Itoa(h.port()))
}

func (h Host) port() int {
	if h.Port == 0 {
		return 22
	}
	return h.Port
}
