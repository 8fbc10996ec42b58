package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// round is who takes part in replicating one version, by name and without this node.
type round struct {
	old  []string // the candidates before: they vote
	keep []string // the candidates after: they get the version
}

func newRound(before, after *config.Config) round {
	self := after.MasterNode().Name
	return round{old: voters(before, self), keep: voters(after, self)}
}

// leaving returns the candidates that get nothing any more but still vote.
func (r round) leaving() []string {
	return slices.DeleteFunc(slices.Clone(r.old), func(n string) bool { return slices.Contains(r.keep, n) })
}

// replicate brings a new version onto the disks of the candidates, decides, and commits it.
func (t *transaction) replicate(ctx context.Context, next *version) error {
	r := newRound(t.base.config, next.config)
	if err := t.remove(newName); err != nil {
		return err
	}
	var answers []answer
	err := t.beside(
		func() { answers = t.stage(ctx, t.nodes, r.keep, next, t.base) },
		func() error {
			if err := t.writeNew(next.text); err != nil {
				return err
			}
			return next.readBack(t.base)
		})
	var staged []string
	if err == nil {
		staged, err = t.prepare(ctx, r, next, answers)
	}
	if err != nil {
		return t.discard(err)
	}
	if len(r.keep) == 0 {
		return t.commitHere(newName, next)
	}
	if err := t.rename(newName, pendingName); err != nil {
		return t.discard(err)
	}
	return t.decide(ctx, r, next, staged)
}

// beside does the work on the nodes while this node does its own: neither needs the other, and a version that is only staged may
// still turn out to be unreadable.
func (t *transaction) beside(there func(), here func() error) error {
	var all sync.WaitGroup
	all.Go(there)
	defer all.Wait()
	return here()
}

// unfinished is a version after ours that a candidate has and this master never committed: it died in between.
type unfinished struct {
	node   string
	header Header
	silent []string // who might have another one
}

func (u *unfinished) Error() string {
	return fmt.Sprintf("%s has a version (%s) that this master began and never finished", u.node, u.header)
}

// prepare judges what the candidates answered when a version was staged. Nothing has changed yet, for anybody.
func (t *transaction) prepare(ctx context.Context, r round, next *version, answers []answer) (staged []string, err error) {
	for _, a := range answers {
		if a.err == nil {
			staged = append(staged, a.node)
		}
		t.warnSilent(a)
	}
	answers = append(answers, t.ask(ctx, t.nodes, r.leaving())...)
	v := judge(t.base.header, answers)
	if v.err != nil {
		return nil, v.err
	}
	if v.successor != nil && v.successor.Digest != next.header.Digest {
		return nil, &unfinished{v.successors[0], *v.successor, v.silent}
	}
	return staged, v.enough(r.old, t.need)
}

func (t *transaction) warnSilent(a answer) {
	switch {
	case errors.Is(a.err, errDamaged):
		t.warn(fmt.Sprintf("Master candidate %s keeps a damaged configuration: %v. 'gnt-cluster redist-conf' replaces it", a.node, a.err))
	case a.err != nil:
		t.warn(fmt.Sprintf("Master candidate %s has not got the new configuration: %v", a.node, a.err))
	}
}

// decide puts a staged version in place on the candidates, and then here. From the first candidate on it must not stop halfway
// because somebody lost patience.
func (t *transaction) decide(ctx context.Context, r round, next *version, staged []string) error {
	ctx = context.WithoutCancel(ctx)
	done := t.Inject(area, "commit on candidates")
	replies := t.commitOn(ctx, t.nodes, staged, next, false)
	done()
	var v verdict
	var stop error
	open := false
	for _, reply := range replies {
		switch {
		case reply.outcome == remote.Done:
			v.voted = append(v.voted, reply.node)
		case reply.refused == statusNewer || reply.refused == statusDiverged:
			if stop == nil {
				stop = t.refusal(next.header, reply)
			}
		default:
			open = open || reply.outcome == remote.Unknown
			t.warn(fmt.Sprintf("Master candidate %s has not got the new configuration: %v", reply.node, reply.err))
		}
	}
	if stop == nil {
		stop = v.enough(r.keep, t.need)
	}
	if stop == nil {
		return t.commitHere(pendingName, next)
	}
	if len(v.voted) == 0 && !open {
		return t.discard(stop)
	}
	t.state = Unknown
	return stop
}

func (t *transaction) refusal(ours Header, reply commitReply) error {
	var v verdict
	if err := v.compare(ours, reply.node, reply.theirs); err != nil {
		return err
	}
	return reply.err
}

// discard takes back a version that no candidate has put in place, because of an error: for good, since what a power cut brought back
// would be finished.
func (t *transaction) discard(why error) error {
	if err := errors.Join(t.remove(newName), t.remove(pendingName), t.syncDir()); err != nil {
		t.state = Unknown
		return errors.Join(why, err)
	}
	return why
}

// commitHere is the moment a version comes to hold. This node's file is compared first, as on every candidate: another master
// may have written it since the transaction began.
func (t *transaction) commitHere(from string, next *version) error {
	unlock, err := t.lock(context.Background(), replicaLock)
	if err != nil {
		t.state = Unknown
		return err
	}
	defer unlock()
	now, err := t.Header()
	if err == nil && now != t.base.header {
		err = judge(t.base.header, []answer{{node: "this node", header: now}}).err
		if err == nil {
			err = fmt.Errorf("%s was replaced while the configuration was being changed (%s)", t.File(), now)
		}
	}
	if err != nil {
		return t.undecided(from, err)
	}
	old, _ := os.Open(t.File()) // until it is closed the blocks of the old file are not given back, which takes longer than the rename
	err = t.rename(from, fileName)
	go old.Close()
	if err != nil {
		t.state = Unknown
		return fmt.Errorf("putting the new configuration in place: %w", err)
	}
	t.state, t.moved, t.base = Committed, true, next
	t.remember(next)
	return nil
}

// undecided: what no candidate has seen is taken back; the rest is left for the next look.
func (t *transaction) undecided(from string, why error) error {
	if from == newName {
		return t.discard(why)
	}
	t.state = Unknown
	return why
}
