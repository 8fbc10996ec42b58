package main

import (
	"slices"

	"gantry/lib/balance"
)

// groupFigures are what is counted in one group.
type groupFigures struct {
	group  *balance.Group
	counts []int // in the order of labels
	score  float64
	broken error // why the last count has no value
}

// figures are those of all groups that have nodes.
type figures []groupFigures

// label names one figure, for machines and for people.
type label struct {
	key, text string
}

var labels = []label{
	{"N1_FAIL", "Nodes not N+1 happy"},
	{"CONFLICT_TAGS", "Nodes with conflicting instances"},
	{"OFFLINE_PRI", "Instances having the primary node offline"},
	{"OFFLINE_SEC", "Instances having a secondary node offline"},
	{"GN1_FAIL", "Nodes not directly evacuateable"},
}

// measure counts what is wrong in a group. The figure for secondaries is the number of offline nodes, as in the reference.
func measure(p balance.Part, capacity bool) groupFigures {
	bad, _ := balance.BadNodes(p.Nodes)
	conflicts, primaries, offline := 0, 0, 0
	for _, n := range p.Nodes.Present() {
		if n.Conflicts() > 0 {
			conflicts++
		}
		if n.Offline {
			primaries += len(n.Primaries())
			offline++
		}
	}
	g := groupFigures{group: p.Group, counts: []int{len(bad), conflicts, primaries, offline}, score: balance.Score(p.Nodes)}
	if !capacity {
		return g
	}
	unsafe, err := balance.UnsafeNodes(p.Nodes, p.Instances)
	g.counts, g.broken = append(g.counts, len(unsafe)), err
	return g
}

// sums adds the figures of all groups up; without groups there is none.
func (f figures) sums() []int {
	var sums []int
	for _, g := range f {
		if sums == nil {
			sums = make([]int, len(g.counts))
		}
		for k, n := range g.counts {
			sums[k] += n
		}
	}
	return sums
}

// needsRebalance tells whether anything is wrong. It fails if a count has no value.
func (f figures) needsRebalance() (bool, error) {
	if err := f.broken(); err != nil {
		return false, err
	}
	return slices.ContainsFunc(f.sums(), func(n int) bool { return n > 0 }), nil
}

func (f figures) broken() error {
	for _, g := range f {
		if g.broken != nil {
			return g.broken
		}
	}
	return nil
}
