package store

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/remote"
)

// Survey is what the other master candidates say at one moment. Nodes are names; offline ones are not asked.
type Survey struct {
	Asked  []string
	Behind []string         // have an older version, or none
	Silent map[string]error // did not answer, or have a damaged file
}

// Fence asks all other candidates, at once, whether this master may go on. An error is a *Fenced, *Diverged, *Stale or
// *NoMajority, or that this node's own file cannot be read. A transaction of this master that died is finished first.
func (s *Store) Fence(ctx context.Context, nodes remote.Runner, strength Strength) error {
	_, err := s.Survey(ctx, nodes, strength)
	return err
}

// Survey is Fence that also tells who is behind and who was silent.
func (s *Store) Survey(ctx context.Context, nodes remote.Runner, strength Strength) (Survey, error) {
	left, err := s.unsettled()
	if err != nil {
		return Survey{}, err
	}
	if left {
		if _, err := s.Settle(ctx, nodes); err != nil {
			return Survey{}, err
		}
	}
	survey, v, err := s.survey(ctx, nodes, strength)
	if err == nil && v.successor != nil { // a transaction that runs, or one that died
		_, err = s.Settle(ctx, nodes)
	}
	return survey, err
}

func (s *Store) survey(ctx context.Context, nodes remote.Runner, strength Strength) (Survey, verdict, error) {
	base, err := s.load()
	if err != nil {
		return Survey{}, verdict{}, err
	}
	c, h := base.config, base.header
	if err := s.checkMaster(h); err != nil {
		return Survey{}, verdict{}, err
	}
	asked := voters(c, h.Master)
	answers := s.ask(ctx, nodes, asked)
	// Other jobs go on committing. Candidates are never more than one version ahead of what this node has afterwards.
	ours, err := s.Header()
	if err == nil {
		err = s.checkPinned(ours)
	}
	if err != nil {
		return Survey{}, verdict{}, err
	}
	v := judge(ours, answers)
	survey := Survey{Asked: asked, Behind: v.behind, Silent: map[string]error{}}
	for _, a := range answers {
		if a.err != nil {
			survey.Silent[a.node] = a.err
		}
	}
	if v.err != nil {
		return survey, v, v.err
	}
	return survey, v, v.enough(asked, strength.need())
}

func (s *Store) checkPinned(h Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkEpoch(h)
}

// Redistribute gives every candidate and node what this node has, damaged copies included. A candidate that has anything
// newer stops it. Who was slow or has been given something is not taken from memory: this is what people run when a node is back,
// and it gets the full time.
func (s *Store) Redistribute(ctx context.Context, nodes remote.Runner) (Commit, error) {
	s.changeHints(func(h *hints) { h.Given, h.Slow = map[string]given{}, map[string]int64{} })
	return s.change(ctx, nodes, needed, func(t *transaction) error {
		return t.afterSettling(ctx, func() error { return t.redistribute(ctx) })
	})
}

func (t *transaction) redistribute(ctx context.Context) error {
	answers := t.stage(ctx, t.nodes, voters(t.base.config, t.base.header.Master), t.base, nil)
	v := judge(t.base.header, answers)
	if v.err != nil {
		return v.err
	}
	if v.successor != nil {
		return &unfinished{v.successors[0], *v.successor, v.silent}
	}
	var staged []string
	for _, a := range answers {
		if a.err == nil || errors.Is(a.err, errDamaged) {
			staged = append(staged, a.node)
			continue
		}
		t.warnSilent(a)
	}
	if n := len(answers) + 1; len(staged)+1 < t.need(n) { // who is cut off from most does not know whether this is still what holds
		return &NoMajority{Answered: len(staged) + 1, Needed: t.need(n), Candidates: n, Silent: v.silent}
	}
	for _, reply := range t.commitOn(ctx, t.nodes, staged, t.base, true) {
		if reply.outcome != remote.Done {
			t.warn(fmt.Sprintf("Master candidate %s has not got the configuration: %v", reply.node, reply.err))
		}
	}
	t.state, t.moved = Committed, true
	return nil
}
