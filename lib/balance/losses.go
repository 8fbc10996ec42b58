package balance

import "slices"

// losses tells of many placements of one instance whether the cluster could still lose any one node. What a node's mirrored
// instances need of their secondaries is looked at secondary by secondary: of a node that a placement does not change, only what
// goes to a node that it does change is looked at again.
type losses struct {
	AllocOptions
	nodes     NodeList
	instances InstanceList
	ready     bool
	apart     []bool         // nodes that fail over secondary by secondary, and can be lost before the placement
	towards   []map[int]bool // the secondaries of those nodes
	doomed    []*Node        // such nodes that cannot be lost before the placement
}

// prepare looks at every node without the placement.
func (l *losses) prepare() {
	l.ready = true
	l.apart, l.towards = make([]bool, len(l.nodes)), make([]map[int]bool, len(l.nodes))
	for k, n := range l.nodes {
		if n == nil || l.ignores(n) {
			continue
		}
		if l.towards[k] = l.secondaries(n); l.towards[k] == nil {
			continue
		}
		if l.apart[k] = l.canLose(n, l.nodes, l.instances); !l.apart[k] {
			l.doomed = append(l.doomed, n)
		}
	}
}

// secondaries are those of a node's primaries, nil if one of them does not simply fail over.
func (l *losses) secondaries(n *Node) map[int]bool {
	there := map[int]bool{}
	for at, k := range n.pri {
		i := l.instances[k]
		if !i.Mirrored() || i.Secondary == None || l.nodes[i.Secondary] == nil || slices.Contains(n.pri[:at], k) {
			return nil
		}
		there[i.Secondary] = true
	}
	return there
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
	nodes, instances := l.nodes.with(a.Nodes...), l.instances
	if a.Instance.Index >= len(instances) || instances[a.Instance.Index] == nil {
		instances = instances.with(a.Instance.Index, a.Instance)
	}
	for k, n := range nodes {
		switch {
		case n == nil || l.ignores(n):
		case l.apart[k] && n == l.nodes[k]:
			if !l.stillFits(n, a) {
				return false
			}
		case !l.canLose(n, nodes, instances):
			return false
		}
	}
	return true
}

// touches says whether the placement changes the node or one that its instances would fail over to.
func (l *losses) touches(n *Node, a *Allocated) bool {
	return slices.ContainsFunc(a.Nodes, func(m *Node) bool { return m.Index == n.Index || l.towards[n.Index][m.Index] })
}

// stillFits says whether the instances of an unchanged node still find room on the nodes that the placement changes.
func (l *losses) stillFits(n *Node, a *Allocated) bool {
	for _, m := range a.Nodes {
		if !l.towards[n.Index][m.Index] {
			continue
		}
		for _, k := range n.pri {
			i := l.instances[k]
			if i.Secondary != m.Index {
				continue
			}
			after, why := m.removeSec(i).addPri(i, true)
			if why != OK {
				return false
			}
			m = after
		}
	}
	return true
}
