package balance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// lostMetric rates a place on nodes that are dedicated to few instances: how many instances of each size of the policy
// less would fit, and the disk space left.
type lostMetric struct {
	lost []int
	disk int
}

func (m *lostMetric) compare(other *lostMetric) int {
	if c := slices.Compare(m.lost, other.lost); c != 0 {
		return c
	}
	return m.disk - other.disk
}

func (m *lostMetric) String() string {
	lost := make([]string, len(m.lost))
	for k, n := range m.lost {
		lost[k] = strconv.Itoa(n)
	}
	return fmt.Sprintf("([%s],%d)", strings.Join(lost, ","), m.disk)
}

func (m *lostMetric) plus(other *lostMetric) *lostMetric {
	sum := &lostMetric{slices.Clone(m.lost), m.disk + other.disk}
	for k := range min(len(sum.lost), len(other.lost)) {
		sum.lost[k] += other.lost[k]
	}
	return sum
}

// dedicated tells whether all nodes a search may use hand out their storage exclusively.
func dedicated(nodes NodeList, groups []*Group, wanted *string) bool {
	for _, n := range nodes.Present() {
		if n.Exclusive {
			continue
		}
		g := groups[n.Group]
		if wanted == nil && g.Alloc != Unallocable || wanted != nil && *wanted == g.Name {
			return false
		}
	}
	return true
}

// room counts how many instances of each minimal size of its policy a node could take, the largest disk first.
func room(n *Node) []int {
	pairs := slices.Clone(n.Policy.MinMax)
	slices.SortStableFunc(pairs, func(a, b MinMax) int { return b.Min.Disk - a.Min.Disk })
	counts := make([]int, len(pairs))
	for k, pair := range pairs {
		counts[k] = fits(n, pair.Min)
	}
	return counts
}

// maxFits bounds the count for a size that takes nothing.
const maxFits = 1 << 16

func fits(n *Node, spec Spec) int {
	test := NewInstance(Instance{
		Name: "test", Index: None, Mem: spec.Mem, Disk: spec.Disk, VCPUs: spec.CPU, Status: Running, AutoBalance: true,
		Primary: None, Secondary: None, Template: Plain, SpindleUse: spec.SpindleUse,
	})
	s := n.state
	for count := range maxFits {
		if s.addPrimary(n, test, false, false) != OK {
			return count
		}
	}
	return maxFits
}

// loss rates an instance on a node.
func loss(before, after *Node) *lostMetric {
	m := &lostMetric{lost: room(before), disk: after.freeDisk}
	for k, n := range room(after) {
		m.lost[k] -= n
	}
	return m
}
