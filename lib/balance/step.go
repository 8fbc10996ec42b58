package balance

import (
	"fmt"
	"slices"
)

// Options say which moves are allowed and when balancing ends.
type Options struct {
	DiskMoves, InstanceMoves bool
	Evacuate                 bool // only move instances off offline nodes
	Restricted               bool // never move the primary only to balance
	IgnoreSoftErrors         bool
	MinScore                 float64 // how far above the optimum to stop
	MinGain, MinGainLimit    float64
	MaxMoves                 int // no limit if negative
}

// Placed is one move of a solution.
type Placed struct {
	Instance      *Instance // as it was before the move
	OldPrimary    int
	OldSecondary  int
	Primary       int
	Secondary     int
	Move          Move
	Score         float64 // of the group after the move
	nodes         []*Node
	movedInstance *Instance
}

// Table is a group at one point of balancing.
type Table struct {
	Nodes     NodeList
	Instances InstanceList
	Score     float64
	space     *space
}

// NewTable starts from the group as it is.
func NewTable(nodes NodeList, instances InstanceList) *Table {
	return &Table{nodes, instances, Score(nodes), &space{}}
}

// after returns the table with a move made.
func (t *Table) after(p *Placed) *Table {
	return &Table{t.Nodes.with(p.nodes...), t.Instances.with(p.Instance.Index, p.movedInstance), p.Score, t.space}
}

// search looks for the best next move of a table.
type search struct {
	Options
	table   *Table
	mover   mover
	targets []*Node
}

func newSearch(t *Table, o Options) *search {
	s := &search{Options: o, table: t, mover: mover{t.Nodes, o.IgnoreSoftErrors}}
	for _, n := range t.Nodes {
		if n != nil && !n.Offline {
			s.targets = append(s.targets, n)
		}
	}
	return s
}

// candidates lists the instances that may move.
func (s *search) candidates() ([]*Instance, error) {
	var list []*Instance
	for _, i := range s.table.Instances {
		if i == nil || !i.Movable || !i.AutoBalance || (s.Evacuate && !s.onOffline(i)) {
			continue
		}
		if i.Mirrored() && i.Secondary == None {
			return nil, fmt.Errorf("instance %s has no secondary node", i.Name)
		}
		list = append(list, i)
	}
	return list, nil
}

func (s *search) onOffline(i *Instance) bool {
	return slices.ContainsFunc(i.nodes(), func(k int) bool { return k != None && s.table.Nodes[k].Offline })
}

// What is tried with each target.
var (
	toAny              = []MoveKind{FailoverToAny}
	secondaryOnly      = []MoveKind{ReplaceSecondary}
	withoutSecondary   = []MoveKind{ReplaceSecondary, ReplaceAndFailover}
	restrictedReplaces = []MoveKind{ReplaceSecondary, ReplaceAndFailover, FailoverAndReplace}
	allReplaces        = []MoveKind{ReplaceSecondary, ReplaceAndFailover, ReplacePrimary, FailoverAndReplace}
)

// replacements are the moves of a mirrored instance to another node, in the order in which they are tried.
func (s *search) replacements(i *Instance) []MoveKind {
	if !s.DiskMoves {
		return nil
	}
	fromOffline := s.table.Nodes[i.Primary].Offline
	viaSecondary := s.InstanceMoves && !s.table.Nodes[i.Secondary].Offline
	switch {
	case !s.InstanceMoves, s.Restricted && !fromOffline:
		return secondaryOnly
	case viaSecondary && !s.Restricted:
		return allReplaces
	case viaSecondary:
		return restrictedReplaces
	}
	return withoutSecondary
}

// kinds returns the moves to try for an instance: whether to fail over, and what to try with each target.
func (s *search) kinds(i *Instance) (failover bool, perTarget []MoveKind) {
	switch i.Template.Mirror() {
	case MirrorExternal:
		if s.InstanceMoves {
			return false, toAny
		}
	case MirrorInternal:
		return s.InstanceMoves && !s.table.Nodes[i.Secondary].Offline, s.replacements(i)
	}
	return false, nil
}

// moves lists everything to try for an instance, in order.
func (s *search) moves(i *Instance) []Move {
	failover, perTarget := s.kinds(i)
	var list []Move
	if failover {
		list = append(list, Move{Kind: Failover, Target: None})
	}
	if len(perTarget) == 0 {
		return list
	}
	for _, t := range s.targets {
		if t.Index == i.Primary || (t.Index == i.Secondary && i.Secondary != None) {
			continue
		}
		for _, kind := range perTarget {
			list = append(list, Move{kind, t.Index})
		}
	}
	return list
}

// try makes a move and scores the result exactly, nil if it is not possible.
func (s *search) try(i *Instance, move Move, scorer *scorer) *Placed {
	nodes, moved, why := s.mover.apply(i, move)
	if why != OK {
		return nil
	}
	return &Placed{
		Instance: i, OldPrimary: i.Primary, OldSecondary: i.Secondary,
		Primary: moved.Primary, Secondary: moved.Secondary, Move: move,
		Score: scorer.with(nodes), nodes: nodes, movedInstance: moved,
	}
}

// exhaustive tries every move and returns the first of the best, nil if none is better than the present state.
func (s *search) exhaustive() (*Placed, error) {
	instances, err := s.candidates()
	if err != nil {
		return nil, err
	}
	scorer := newScorer(s.table.Nodes)
	var best *Placed
	limit := s.table.Score
	for _, i := range instances {
		for _, move := range s.moves(i) {
			if p := s.try(i, move, scorer); p != nil && limit > p.Score {
				best, limit = p, p.Score
			}
		}
	}
	return best, nil
}
