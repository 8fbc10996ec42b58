package store

import (
	"slices"

	"gantry/lib/config"
)

// Strength is how much the fence must know before it lets something happen.
type Strength int

const (
	// Look is for what can be taken back, and for what a person has given their word on (a node is off): nobody who answers
	// may show a later master. Silence is a warning.
	Look Strength = iota
	// Decide is for what starts, promotes or commits: a majority of three or more candidates must answer as well.
	Decide
)

// need returns how many of n candidates must answer at this strength.
func (s Strength) need() func(n int) int {
	if s == Look {
		return func(int) int { return 1 }
	}
	return needed
}

// needed is how many of n candidates, this node included, must answer before something is decided. With two a silent one is a
// warning: there a failover takes a person's word that the other is off.
func needed(n int) int {
	if n <= 2 {
		return 1
	}
	return majority(n)
}

func majority(n int) int { return n/2 + 1 }

// verdict is what the answers of the candidates come to.
type verdict struct {
	err        error    // somebody shows that this master must stop
	voted      []string // nodes that know what they have
	behind     []string // nodes with an older version, or none
	silent     []string // nodes that did not answer or whose file is damaged
	successor  *Header  // the version after ours, which a transaction of ours left on a candidate before it died
	successors []string // who has it
}

// judge compares what the candidates have with this node's version.
func judge(ours Header, answers []answer) verdict {
	var v verdict
	for _, a := range answers {
		if a.err != nil {
			v.silent = append(v.silent, a.node)
			continue
		}
		if a.absent {
			v.behind = append(v.behind, a.node)
			continue
		}
		v.voted = append(v.voted, a.node)
		if v.err == nil {
			v.err = v.compare(ours, a.node, a.header)
		}
	}
	return v
}

func (v *verdict) compare(ours Header, node string, theirs Header) error {
	switch {
	case theirs.Epoch > ours.Epoch:
		return &Fenced{Node: node, Theirs: theirs, Epoch: ours.Epoch}
	case theirs.Before(ours):
		v.behind = append(v.behind, node)
	case theirs.At(ours):
		if theirs.Digest != ours.Digest {
			return &Diverged{Node: node, Theirs: theirs, Ours: ours}
		}
	case theirs.Serial == ours.Serial+1 && theirs.Parent == ours.Digest:
		if v.successor != nil && v.successor.Digest != theirs.Digest {
			return &Diverged{Node: node, Theirs: theirs, Ours: *v.successor}
		}
		v.successor = &theirs
		v.successors = append(v.successors, node)
	default:
		return &Stale{Node: node, Theirs: theirs, Ours: ours}
	}
	return nil
}

// enough refuses when too few of the other candidates have voted; this node itself is one more candidate, and has voted.
func (v *verdict) enough(others []string, need func(int) int) error {
	e := &NoMajority{Answered: 1, Candidates: len(others) + 1, Needed: need(len(others) + 1)}
	for _, node := range others {
		if slices.Contains(v.voted, node) {
			e.Answered++
		} else {
			e.Silent = append(e.Silent, node)
		}
	}
	if e.Answered >= e.Needed {
		return nil
	}
	return e
}

// voters returns the names of the candidates of a configuration that are not marked offline, without this node. That
// node is the configuration's master, or the one that wants to be.
func voters(c *config.Config, self string) []string {
	var names []string
	for _, n := range c.MasterCandidates() {
		if !n.Offline && n.Name != self {
			names = append(names, n.Name)
		}
	}
	return names
}
