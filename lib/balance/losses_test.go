package balance_test

import (
	"path/filepath"
	"testing"

	"gantry/lib/balance"
)

// What is worked out of the loss of a node by looking at its secondaries one by one is what moving its instances one by one shows.
func TestTheLossOfANodeIsWorkedOutAsMovingItsInstancesShows(t *testing.T) {
	names, err := filepath.Glob(data + "/*.data")
	if err != nil || len(names) < 100 {
		t.Fatalf("%d recorded clusters: %v", len(names), err)
	}
	lost, kept, placed, refused := 0, 0, 0, 0
	for k, name := range names {
		for _, part := range load(t, name) {
			for _, n := range part.Nodes.Present() {
				got, want := balance.CanLose(part, n)
				if got != want {
					t.Errorf("%s: node %s can be lost: %v, want %v", filepath.Base(name), n.Name, got, want)
				}
				if want {
					lost++
				} else {
					kept++
				}
			}
			if k%3 != 0 {
				continue
			}
			var pairs [][2]*balance.Node
			for _, p := range part.Nodes.Present() {
				for _, s := range part.Nodes.Present() {
					if p != s && len(pairs) < 60 {
						pairs = append(pairs, [2]*balance.Node{p, s})
					}
				}
			}
			for at, i := range part.Instances {
				if i == nil || !i.Mirrored() || at%5 != 0 {
					continue
				}
				balance.Redundant(part, i, pairs, func(at [2]*balance.Node, got, want bool) {
					if got != want {
						t.Errorf("%s: with one like %s on %s and %s: %v, want %v", filepath.Base(name), i.Name, at[0].Name, at[1].Name, got, want)
					}
					if want {
						placed++
					} else {
						refused++
					}
				})
				break
			}
		}
	}
	if lost < 500 || kept < 100 || placed < 500 || refused < 400 {
		t.Errorf("too little was compared: %d nodes that can be lost, %d that cannot, %d placements, %d refused", lost, kept, placed, refused)
	}
}
