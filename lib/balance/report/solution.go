package report

import (
	"fmt"
	"unicode/utf8"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
)

// Solution prints the moves of a solution one by one, in columns as wide as the names of the group need.
type Solution struct {
	nodes                    balance.NodeList
	instanceWidth, nodeWidth int
}

// NewSolution measures the names.
func NewSolution(nodes balance.NodeList, instances balance.InstanceList) Solution {
	s := Solution{nodes: nodes}
	for _, i := range instances.Present() {
		s.instanceWidth = max(s.instanceWidth, utf8.RuneCountInString(i.Alias))
	}
	for _, n := range nodes.Present() {
		s.nodeWidth = max(s.nodeWidth, utf8.RuneCountInString(n.Alias))
	}
	return s
}

// Move prints one move.
func (s Solution) Move(position int, p balance.Placed) string {
	width := 2*s.nodeWidth + 1
	return fmt.Sprintf("  %3d. %s %s => %s %12s a=%s", position, Pad(p.Instance.Alias, s.instanceWidth, false),
		Pad(s.pair(p.OldPrimary, p.OldSecondary), width, false), Pad(s.pair(p.Primary, p.Secondary), width, false),
		number.Fixed(p.Score, 8), p.Describe(s.nodes))
}

// pair names the nodes of an instance.
func (s Solution) pair(primary, secondary int) string {
	if secondary == balance.None {
		return s.nodes[primary].Alias
	}
	return s.nodes[primary].Alias + ":" + s.nodes[secondary].Alias
}
