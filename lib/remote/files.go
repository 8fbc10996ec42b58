package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Put makes the file have this content and mode, whole or not at all, also when the node loses power: it is staged beside
// the old one and renamed over it, and the directory is synced.
func (p *Pool) Put(ctx context.Context, node, file string, data []byte, mode os.FileMode) error {
	temp, err := p.Stage(ctx, node, file, data, mode)
	if err != nil {
		return err
	}
	err = p.transfer(ctx, node, file, fmt.Sprintf("rename %s to %s", Quote(temp), Quote(file)), func(t files) error {
		return t.rename(temp, file)
	})
	if err != nil {
		return err
	}
	_, err = p.Run(ctx, node, Command("sync", path.Dir(file)))
	if e, ok := errors.AsType[*Error](err); ok {
		e.Outcome = Unknown // renamed already, but a power cut may take it back
	}
	return err
}

// Stage writes data to a new file beside the one named, synced and with that mode, and returns its name. What happens to
// it is the caller's business; one that is left behind is called .NAME.gantry-RANDOM.
func (p *Pool) Stage(ctx context.Context, node, file string, data []byte, mode os.FileMode) (temp string, err error) {
	temp = tempName(file)
	what := fmt.Sprintf("write %d bytes to %s mode %04o", len(data), Quote(temp), mode.Perm())
	err = p.transfer(ctx, node, file, what, func(t files) error { return t.write(temp, data, mode) })
	return temp, err
}

// Get reads a file. That it does not exist is fs.ErrNotExist in the error's chain.
func (p *Pool) Get(ctx context.Context, node, file string) (data []byte, err error) {
	err = p.transfer(ctx, node, file, "read "+Quote(file), func(t files) (err error) {
		data, err = t.read(file, p.opts.MaxOutput)
		return err
	})
	return data, err
}

// tempName is a new name beside file.
func tempName(file string) string {
	return path.Join(path.Dir(file), "."+path.Base(file)+".gantry-"+strings.ToLower(rand.Text()[:12]))
}

// files is what a transfer is made of, over SFTP or on the master's own node.
type files interface {
	write(name string, data []byte, mode fs.FileMode) error
	read(name string, limit int) ([]byte, error)
	rename(from, to string) error
}

// transfer does one thing to a node's files, within the deadline, and logs it. An answer of the node is a failure; no
// answer leaves it unknown, but nothing needs to be known of a read or of a temporary file.
func (p *Pool) transfer(ctx context.Context, node, file, what string, do func(files) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !path.IsAbs(file) || strings.ContainsRune(file, 0) {
		return &Error{Node: node, Line: what, Outcome: Failed, Err: fmt.Errorf("%q is no absolute path", file)}
	}
	host, err := p.opts.Hosts(node)
	if err != nil {
		return &Error{Node: node, Line: what, Outcome: Failed, Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.opts.Deadlines.Transfer, fmt.Errorf("not done within %v", p.opts.Deadlines.Transfer))
	defer cancel()
	after := Inject(areaOf(!strings.HasPrefix(what, "read ")), node+": "+what)
	defer after()
	started := time.Now()
	err = p.transferTo(ctx, host, do)
	if err != nil {
		e := &Error{Node: node, Line: what, Outcome: Failed, Err: err}
		if errors.Is(err, errLost) && strings.HasPrefix(what, "rename ") {
			e.Outcome = Unknown
		}
		err = e
	}
	p.log.write(node, what+" # SFTP", Result{Took: time.Since(started)}, err)
	return err
}

func (p *Pool) transferTo(ctx context.Context, host Host, do func(files) error) error {
	if host.Local {
		return do(localFiles{})
	}
	l := p.link(host)
	for attempt := 0; ; attempt++ {
		c, fresh, err := l.connect(ctx)
		if err != nil {
			return err
		}
		server, err := c.files.open(ctx, p.opts.Deadlines.Open)
		switch {
		case err == nil:
			return c.files.within(ctx, func() error { return do(remoteFiles{server}) })
		case fresh, attempt > 0, ctx.Err() != nil, !c.isGone():
			return err
		}
	}
}

// fileServer is the sftp subsystem of one connection, started when first needed. It takes one of the places.
type fileServer struct {
	connection *connection
	mu         sync.Mutex
	session    *session
	client     *sftp.Client
}

func (f *fileServer) open(ctx context.Context, limit time.Duration) (*sftp.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.client != nil {
		return f.client, nil
	}
	s, err := f.connection.session(ctx, limit)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(s.requests)
	ok, err := s.request(ctx, "subsystem", ssh.Marshal(struct{ Name string }{"sftp"}))
	if err == nil && !ok {
		err = errors.New("sshd on the node has no sftp subsystem")
	}
	if err != nil {
		s.release()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.channel.Close() })
	client, err := sftp.NewClientPipe(s.channel, s.channel)
	if !stop() || err != nil {
		s.release()
		return nil, fmt.Errorf("starting the sftp subsystem: %w", errors.Join(context.Cause(ctx), err))
	}
	f.session, f.client = s, client
	return client, nil
}

// within does a transfer until ctx ends. Then, and when the connection fails, the subsystem is given up: what it still
// answers cannot be told from answers to the next one.
func (f *fileServer) within(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		if !errors.Is(err, sftp.ErrSSHFxConnectionLost) {
			return err
		}
		f.drop()
		return errLost
	case <-ctx.Done():
		f.drop()
		return fmt.Errorf("%w: %w", errLost, context.Cause(ctx))
	}
}

func (f *fileServer) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.session != nil {
		f.session.release()
		f.session, f.client = nil, nil
	}
}

// remoteFiles are the files of a node over SFTP.
type remoteFiles struct{ server *sftp.Client }

// write has the mode set before the first byte: secrets are never readable for a moment.
func (r remoteFiles) write(name string, data []byte, mode fs.FileMode) error {
	f, err := r.server.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	err = f.Chmod(mode)
	if err == nil {
		_, err = f.ReadFrom(bytes.NewReader(data))
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		r.server.Remove(name)
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func (r remoteFiles) read(name string, limit int) ([]byte, error) {
	f, err := r.server.Open(name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer f.Close()
	return readAtMost(f, name, limit)
}

// rename replaces: plain SFTP rename refuses an existing target.
func (r remoteFiles) rename(from, to string) error {
	err := r.server.PosixRename(from, to)
	if err != nil && !errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		r.server.Remove(from)
	}
	return err
}

// localFiles are those of the master's own node.
type localFiles struct{}

func (localFiles) write(name string, data []byte, mode fs.FileMode) error {
	return writeNew(name, data, mode)
}

func (localFiles) read(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, name, limit)
}

func (localFiles) rename(from, to string) error {
	err := os.Rename(from, to)
	if err != nil {
		os.Remove(from)
	}
	return err
}

func readAtMost(r io.Reader, name string, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return data, err
}
