package balance

import "slices"

// What can be lost, secondary by secondary. That instances fail over from a node changes it and their secondaries, and none of these
// asks for the state of another.

// secondaries are those of a node's primaries, nil if one of them does not simply fail over.
func (n *Node) secondaries(nodes NodeList, instances InstanceList) []int {
	there := make([]int, 0, len(n.pri))
	for at, k := range n.pri {
		i := instances[k]
		if !i.Mirrored() || i.Secondary == None || nodes[i.Secondary] == nil || i.Forthcoming || i.Primary != n.Index || slices.Contains(n.pri[:at], k) {
			return nil
		}
		if !slices.Contains(there, i.Secondary) {
			there = append(there, i.Secondary)
		}
	}
	return there
}

// takesOver says whether all instances of another node that have their secondary here find room when they fail over.
func (n *Node) takesOver(from *Node, instances InstanceList) bool {
	if !mayMigrate(from, n) {
		return false
	}
	after, kept, rest := n.state, n.peers.find(from.Index), n.peers.maxWithout(from.Index)
	for _, k := range from.pri {
		i := instances[k]
		if i.Secondary != n.Index {
			continue
		}
		after.removeSecondary(n, i, kept, rest)
		kept = max(0, kept-i.secondaryMem())
		if after.addPrimary(n, i, true, false) != OK {
			return false
		}
	}
	return true
}

// becomesMirrors says whether the node can be the secondary of all that fails over from it.
func (n *Node) becomesMirrors(instances InstanceList) bool {
	after := n.state
	for at, k := range n.pri {
		i := instances[k]
		kept := n.peers.find(i.Secondary)
		for _, before := range n.pri[:at] {
			if instances[before].Secondary == i.Secondary {
				kept += instances[before].secondaryMem()
			}
		}
		after.removePrimary(n, i)
		if after.addSecondary(n, i, n.Offline, true, kept) != OK {
			return false
		}
	}
	return true
}

// losses tells of many placements of one instance whether the cluster could still lose any one node. Of a node that a placement
// does not change, only what goes to a node that it does change is looked at again.
type losses struct {
	AllocOptions
	nodes     NodeList
	instances InstanceList
	longer    InstanceList // those with the one that is placed, nil before the first
	ready     bool
	apart     []bool  // nodes that fail over secondary by secondary, and can be lost before the placement
	towards   [][]int // the secondaries of those nodes
	doomed    []*Node // such nodes that cannot be lost before the placement
}

// prepare looks at every node without the placement.
func (l *losses) prepare() {
	l.ready = true
	l.apart, l.towards = make([]bool, len(l.nodes)), make([][]int, len(l.nodes))
	for k, n := range l.nodes {
		if n == nil || l.ignores(n) {
			continue
		}
		if l.towards[k] = n.secondaries(l.nodes, l.instances); l.towards[k] == nil {
			continue
		}
		if l.apart[k] = l.canLose(n, l.nodes, l.instances); !l.apart[k] {
			l.doomed = append(l.doomed, n)
		}
	}
}

// redundantWith tells whether the cluster could lose any node once the instance is placed.
func (l *losses) redundantWith(a *Allocated) bool {
	if !l.Capacity || l.dedicated {
		return true
	}
	if !l.ready {
		l.prepare()
	}
	for _, n := range l.doomed {
		if !l.touches(n, a) {
			return false
		}
	}
	nodes, instances := l.nodes.with(a.Nodes...), l.grown(a.Instance)
	if n := l.likely(nodes); n != nil && !l.canLose(n, nodes, instances) {
		return false
	}
	for k, n := range nodes {
		switch {
		case n == nil || l.ignores(n):
		case l.apart[k] && n == l.nodes[k]:
			if !l.stillFits(n, a) {
				return false
			}
		case !l.canLose(n, nodes, instances):
			l.suspects(n)
			return false
		}
	}
	return true
}

// grown is the list of instances with one more, which is replaced when the next comes.
func (l *losses) grown(i *Instance) InstanceList {
	if i.Index < len(l.instances) && l.instances[i.Index] != nil {
		return l.instances
	}
	if l.longer == nil {
		l.longer = l.instances.with(i.Index, i)
	}
	l.longer[i.Index] = i
	return l.longer
}

// touches says whether the placement changes the node or one that its instances would fail over to.
func (l *losses) touches(n *Node, a *Allocated) bool {
	return slices.ContainsFunc(a.Nodes, func(m *Node) bool { return m.Index == n.Index || slices.Contains(l.towards[n.Index], m.Index) })
}

// stillFits says whether the instances of an unchanged node still find room on the nodes that the placement changes.
func (l *losses) stillFits(n *Node, a *Allocated) bool {
	return !slices.ContainsFunc(a.Nodes, func(m *Node) bool {
		return slices.Contains(l.towards[n.Index], m.Index) && !m.takesOver(n, l.instances)
	})
}
