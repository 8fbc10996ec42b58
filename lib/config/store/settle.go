package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// Settle finishes what an earlier transaction of this master left undecided, and returns the configuration that holds now.
// After a Commit that is Unknown nothing may be undone before this.
func (s *Store) Settle(ctx context.Context, nodes remote.Runner) (Commit, error) {
	return s.change(ctx, nodes, needed, func(t *transaction) error {
		return t.afterSettling(ctx, func() error {
			v := judge(t.base.header, t.ask(ctx, nodes, voters(t.base.config, t.base.header.Master)))
			if v.err == nil && v.successor != nil {
				return &unfinished{v.successors[0], *v.successor, v.silent}
			}
			return v.err
		})
	})
}

// afterSettling calls f once nothing is undecided any more. If f then meets an unfinished version of ours on a candidate, that
// one is adopted, and f is called again.
func (t *transaction) afterSettling(ctx context.Context, f func() error) error {
	if err := t.checkMaster(t.base.header); err != nil {
		return err
	}
	if err := t.settlePending(ctx); err != nil {
		return err
	}
	err := f()
	var u *unfinished
	if !errors.As(err, &u) {
		return err
	}
	if err := t.adopt(ctx, u); err != nil {
		return err
	}
	if err := t.settlePending(ctx); err != nil {
		return err
	}
	return f()
}

// leftOver returns the name of the file with a version that an earlier transaction may have given to candidates; "" if there is none.
// The new file is one after a power cut: the other name may not have reached the disk.
func (s *Store) leftOver() (string, error) {
	for _, name := range []string{pendingName, newName} {
		if _, err := os.Lstat(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
	}
	return "", nil
}

// unsettled says whether such a file is left of a transaction that has ended. One that runs has its files, too.
func (s *Store) unsettled() (bool, error) {
	name, err := s.leftOver()
	if name == "" || err != nil {
		return false, err
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	unlock, err := s.lock(now, transactionLock)
	if errors.Is(err, context.Canceled) {
		return false, nil // somebody has it
	}
	if err != nil {
		return false, err
	}
	unlock()
	return true, nil
}

// LoadSettled is Load once what an earlier transaction left undecided is finished. Where that cannot be done now the fence will say so.
func (s *Store) LoadSettled(ctx context.Context, nodes remote.Runner) (*config.Config, error) {
	left, err := s.unsettled()
	if err != nil {
		return nil, err
	}
	if left {
		_, _ = s.Settle(ctx, nodes)
	}
	return s.Load()
}

// settlePending commits the version that an earlier transaction left undecided, if it is the one after ours: some candidates may have
// it, so that no other version may ever get its number.
func (t *transaction) settlePending(ctx context.Context) error {
	name, err := t.leftOver()
	if name == "" || err != nil {
		return err
	}
	text, err := os.ReadFile(t.path(name))
	if err != nil {
		return err
	}
	next, err := readVersion(t.path(name), text)
	if _, newer := errors.AsType[*NewerFormat](err); newer {
		return err
	}
	if err != nil || !follows(next.header, t.base.header) {
		return t.remove(name) // overtaken, or damaged: then a candidate that has it will show it
	}
	r := newRound(t.base.config, next.config)
	staged, err := t.prepare(ctx, r, next, t.stage(ctx, t.nodes, r.keep, next, t.base))
	if u, other := errors.AsType[*unfinished](err); other && name == newName && len(u.silent) == 0 {
		return t.discard(nil) // nobody has this one, and it was about to be refused
	}
	if err == nil && name == newName {
		err = t.rename(name, pendingName)
	}
	if err == nil {
		err = t.decide(ctx, r, next, staged)
	}
	if err != nil {
		t.state = NotCommitted // of this transaction
		return fmt.Errorf("an earlier change of the configuration is not decided yet: %w", err)
	}
	t.state = NotCommitted
	return nil
}

// follows says whether a version was made from another by the same master.
func follows(next, base Header) bool {
	return next.Epoch == base.Epoch && next.Serial == base.Serial+1 && next.Parent == base.Digest
}

// adopt makes a candidate's version the pending one here.
func (t *transaction) adopt(ctx context.Context, u *unfinished) error {
	c := remote.Command("cat", t.File())
	c.Limit, c.Secret = 4*askLimit, true
	res, err := t.run(ctx, t.nodes, u.node, c, false, 0)
	if err != nil {
		return fmt.Errorf("fetching the version of %s: %w", u.node, err)
	}
	next, err := readVersion(u.node+":"+t.File(), res.Stdout)
	if err != nil {
		return err
	}
	if next.header != u.header {
		return fmt.Errorf("%s had %s a moment ago and now has %s", u.node, u.header, next.header)
	}
	if err := t.writeNew(next.text); err != nil {
		return t.discard(err)
	}
	t.warn(fmt.Sprintf("Took over the configuration of %s (%s), which this master had begun to write", u.node, u.header))
	return t.rename(newName, pendingName)
}
