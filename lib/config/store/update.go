package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// State is what is known about a transaction when it has ended.
type State int

const (
	NotCommitted State = iota // nothing has changed, for good
	Committed                 // it holds, and a majority of the candidates has it
	Unknown                   // it may come to hold: the next Update, Fence or Settle decides it. Nothing may be undone before that
)

func (s State) String() string { return [...]string{"not committed", "committed", "unknown"}[s] }

// Commit is how a transaction ended. Config is the version that holds now: the new one if it was committed; nil if even that is
// not known. Warnings are for the user: candidates that did not answer, files that were not distributed.
type Commit struct {
	State    State
	Config   *config.Config
	Warnings []string
}

// Update changes the configuration in one transaction: f is given a copy and changes it. f may be called again, with a newer
// copy, so it must not change anything else. An error of f ends the transaction. The error is nil if and only if it was committed.
func (s *Store) Update(ctx context.Context, nodes remote.Runner, f func(*config.Config) error) (Commit, error) {
	return s.UpdateWith(ctx, nodes, Decide, f)
}

// UpdateWith is Update with the strength of the fence: Look for what a person has given their word on, such as a node being off.
func (s *Store) UpdateWith(ctx context.Context, nodes remote.Runner, strength Strength, f func(*config.Config) error) (Commit, error) {
	return s.change(ctx, nodes, strength.need(), func(t *transaction) error {
		return t.afterSettling(ctx, func() error {
			next, err := t.apply(f)
			if err != nil {
				return err
			}
			return t.replicate(ctx, next)
		})
	})
}

// change runs the body of a transaction under the lock, and distributes the ssconf files after it.
func (s *Store) change(ctx context.Context, nodes remote.Runner, need func(int) int, body func(*transaction) error) (Commit, error) {
	unlock, err := s.lock(ctx, transactionLock)
	if err != nil {
		return Commit{}, err
	}
	defer unlock() // f may panic
	t := &transaction{Store: s, nodes: nodes, need: need}
	err = t.load()
	if err == nil {
		err = body(t)
	}
	unlock()
	if t.moved {
		if unsynced := t.finish(ctx); unsynced != nil {
			err = errors.Join(err, unsynced)
		}
	}
	c := Commit{State: t.state, Warnings: t.warnings}
	if t.state != Unknown && t.base != nil {
		c.Config = t.base.config
	}
	return c, err
}

// finish brings the name of a version that holds onto the disk, and the ssconf files to the nodes. Nobody is told of it before: a master
// whose power failed would show what was before.
func (t *transaction) finish(ctx context.Context) error {
	err := t.beside(func() {
		t.warn(t.publish(context.WithoutCancel(ctx), t.nodes, t.base.config, t.base.header)...)
	}, t.syncDir)
	if err != nil {
		t.state = Unknown
		return fmt.Errorf("the new configuration is in place, but not on disk: %w", err)
	}
	return nil
}

// transaction is the working state of one transaction.
type transaction struct {
	*Store
	nodes    remote.Runner
	need     func(candidates int) int // how many of them must take part
	moved    bool                     // base is newer than when the transaction began
	base     *version                 // that holds on this node now
	state    State
	warnings []string
}

func (t *transaction) warn(texts ...string) {
	for _, text := range texts {
		if !slices.Contains(t.warnings, text) {
			t.warnings = append(t.warnings, text)
		}
	}
}

func (t *transaction) load() error {
	v, err := t.Store.load()
	if err != nil {
		return err
	}
	if v.header.Format > Format { // it can be read, but what this program does not know would be lost
		return newer(t.File(), v.header.Format)
	}
	t.base = v
	return nil
}

// apply makes the next version.
func (t *transaction) apply(f func(*config.Config) error) (*version, error) {
	next := t.base.config.Clone()
	if err := f(next); err != nil {
		return nil, err
	}
	next.Epoch, next.Serial, next.Parent = t.base.header.Epoch, t.base.header.Serial+1, t.base.header.Digest
	return t.checked(next)
}

// checked encodes the next version, which is checked meanwhile. What was wrong in the old one before does not stop it.
func (t *transaction) checked(next *config.Config) (*version, error) {
	if err := t.stamp(next); err != nil {
		return nil, err
	}
	var errs []error
	var check sync.WaitGroup
	check.Go(func() { errs = newErrors(t.base.config, next) })
	v, err := newVersion(next, t.base)
	check.Wait()
	if errs != nil {
		return nil, &Invalid{errs}
	}
	return v, err
}

// newErrors returns what is wrong in next and was not wrong before.
func newErrors(before, next *config.Config) []error {
	errs := next.Validate()
	if errs == nil {
		return nil
	}
	known := map[string]bool{}
	for _, err := range before.Validate() {
		known[err.Error()] = true
	}
	errs = slices.DeleteFunc(errs, func(err error) bool { return known[err.Error()] })
	if len(errs) == 0 {
		return nil
	}
	return errs
}
