package store

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// TakeOver makes this node the master: it raises the epoch, so that the old master stops at its next look. No candidate that
// answers may have a newer version than this node, and a majority of them must answer. With noVoting a person says that those
// who are silent are off: if one of them is not, two masters work until they meet, and the changes of one are lost.
// f may change the configuration in the same transaction.
func (s *Store) TakeOver(ctx context.Context, nodes remote.Runner, self string, noVoting bool, f func(*config.Config) error) (Commit, error) {
	need := majority
	if noVoting {
		need = Look.need()
	}
	return s.change(ctx, nodes, need, func(t *transaction) error {
		next, err := t.succeed(self, f)
		if err != nil {
			return err
		}
		if err := t.noneNewer(ctx, self); err != nil {
			return err
		}
		if err := errors.Join(t.remove(newName), t.remove(pendingName)); err != nil { // of a time when this node was master before
			return err
		}
		t.changeHints(func(h *hints) { h.Given = map[string]given{} }) // so are these: others have published since
		return asRefusal(t.replicate(ctx, next))
	})
}

// succeed makes the first version of the next epoch.
func (t *transaction) succeed(self string, f func(*config.Config) error) (*version, error) {
	next := t.base.config.Clone()
	node := next.NodeByName(self)
	if node == nil || !node.MasterCandidate {
		return nil, fmt.Errorf("node %s is not a master candidate, so it cannot become the master", self)
	}
	next.Cluster.MasterNode = node.UUID
	next.Cluster.Touch(t.Now())
	if f != nil {
		if err := f(next); err != nil {
			return nil, err
		}
	}
	h := t.base.header
	next.Epoch, next.Serial, next.Parent = h.Epoch+1, h.Serial+1, h.Digest
	return t.checked(next)
}

// noneNewer refuses when somebody knows more than this node, before anything is staged anywhere.
func (t *transaction) noneNewer(ctx context.Context, self string) error {
	others := voters(t.base.config, self)
	v := judge(t.base.header, t.ask(ctx, t.nodes, others))
	if v.err != nil {
		return asRefusal(v.err)
	}
	if v.successor != nil {
		return &Stale{Node: v.successors[0], Theirs: *v.successor, Ours: t.base.header}
	}
	return v.enough(others, t.need)
}

// asRefusal puts what would fence a master into the words for one who wants to become it.
func asRefusal(err error) error {
	var f *Fenced
	if errors.As(err, &f) {
		return fmt.Errorf("this node must not become the master: %w", err)
	}
	return err
}
