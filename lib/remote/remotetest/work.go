package remotetest

import (
	"context"
	"io"
	"time"

	"gantry/lib/remote"
)

// work is what Follow will say of durable work.
type work struct {
	result remote.Result
	err    error
}

// Start takes the command as Run does, but what it was told about it is only seen by Follow.
func (f *Fake) Start(ctx context.Context, node, id string, c remote.Cmd) error {
	f.t.Helper()
	f.mu.Lock()
	_, begun := f.works[node+" "+id]
	f.mu.Unlock()
	if begun {
		return nil
	}
	result, err := f.Run(ctx, node, c)
	if ctx.Err() != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.works[node+" "+id] = work{result, err}
	return nil
}

// Follow gives what was told about the command that Start began.
func (f *Fake) Follow(ctx context.Context, node, id string) (remote.Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w, begun := f.works[node+" "+id]
	if !begun {
		return remote.Result{}, &remote.Error{Node: node, Line: "work " + id, Outcome: remote.Unknown, Err: remote.ErrNoWork}
	}
	return w.result, w.err
}

// FollowOutput is Follow with all output in one piece.
func (f *Fake) FollowOutput(ctx context.Context, node, id string, _ time.Duration, each func(stdout, stderr []byte)) (remote.Result, error) {
	r, err := f.Follow(ctx, node, id)
	each(r.Stdout, r.Stderr)
	return remote.Result{Status: r.Status, Took: r.Took}, err
}

// Stop has nothing to do: fake work has always ended.
func (f *Fake) Stop(ctx context.Context, node, id string) error { return ctx.Err() }

// Forget makes the id free.
func (f *Fake) Forget(ctx context.Context, node, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.works, node+" "+id)
	return ctx.Err()
}

// Stream is Run that reads all input and writes the output.
func (f *Fake) Stream(ctx context.Context, node string, c remote.Cmd, in io.Reader, out io.Writer) (remote.Result, error) {
	f.t.Helper()
	if in != nil {
		more, err := io.ReadAll(in)
		if err != nil {
			return remote.Result{}, err
		}
		c.Stdin = append(c.Stdin, more...)
	}
	r, err := f.Run(ctx, node, c)
	if out != nil {
		out.Write(r.Stdout)
		r.Stdout = nil
	}
	return r, err
}

// Hop is "ssh NODE", or "ssh ADDRESS".
func (f *Fake) Hop(node, address string) ([]string, error) {
	if address == "" {
		address = node
	}
	return []string{"ssh", address}, nil
}
