package config

import (
	"slices"
	"testing"
	"time"
)

func TestCandidatesArePromotedUntilThereAreEnough(t *testing.T) {
	node := func(name string, change func(*Node)) *Node {
		n := &Node{Name: name, MasterCapable: true}
		change(n)
		return n
	}
	cfg := &Config{Cluster: Cluster{CandidatePool: 3}, Nodes: []*Node{
		node("a", func(n *Node) { n.MasterCandidate = true }), node("b", func(n *Node) { n.Offline = true }),
		node("c", func(n *Node) { n.Drained = true }), node("d", func(n *Node) { n.MasterCapable = false }),
		node("e", func(*Node) {}), node("f", func(*Node) {}), node("g", func(*Node) {}),
	}}
	if now, should := cfg.CandidateCount(0); now != 1 || should != 3 {
		t.Errorf("%d candidates of %d", now, should)
	}
	if got := cfg.PromoteCandidates(time.Unix(1, 0)); !slices.Equal(got, []string{"e", "f"}) {
		t.Errorf("promoted %v", got)
	}
	if got := cfg.PromoteCandidates(time.Unix(1, 0)); got != nil {
		t.Errorf("promoted %v once more", got)
	}
}
