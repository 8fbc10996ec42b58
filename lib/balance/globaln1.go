package balance

import "slices"

// redundant tells whether every node could be lost: all its instances would find another place.
func (o AllocOptions) redundant(nodes NodeList, instances InstanceList) bool {
	return len(o.unsafeNodes(nodes, instances, true)) == 0
}

// unsafeNodes lists the nodes that could not be lost; with justOne the first is enough.
func (o AllocOptions) unsafeNodes(nodes NodeList, instances InstanceList, justOne bool) []*Node {
	var unsafe []*Node
	for _, n := range nodes {
		if n == nil || o.ignoredGroups[n.Group] || (o.AcceptExisting && n.Offline) {
			continue
		}
		if !canLose(n, nodes, instances) {
			unsafe = append(unsafe, n)
			if justOne {
				break
			}
		}
	}
	return unsafe
}

// UnsafeNodes lists the nodes that could not be lost.
func UnsafeNodes(nodes NodeList, instances InstanceList) []*Node {
	return AllocOptions{}.unsafeNodes(nodes, instances, false)
}

// canLose tells whether all instances of a node would find another place. Mirrored ones fail over, those on shared storage
// move, the others are created anew on another node of the group.
func canLose(n *Node, nodes NodeList, instances InstanceList) bool {
	var shared, lost []*Instance
	nodes = slices.Clone(nodes)
	for _, k := range n.pri {
		i := instances[k]
		switch {
		case i.Mirrored():
			if !failOver(nodes, i) {
				return false
			}
		case i.Template.Mirror() == MirrorExternal && i.Template != Block:
			shared = append(shared, i)
		default:
			lost = append(lost, i)
		}
	}
	targets := groupNodes(nodes, n.Group, n.Index)
	for _, i := range shared {
		if !moveShared(nodes, i, targets, n.Group) {
			return false
		}
	}
	slices.SortStableFunc(lost, func(a, b *Instance) int { return b.Mem - a.Mem })
	for _, i := range lost {
		if !recreate(nodes, i, targets) {
			return false
		}
	}
	return true
}

// groupNodes lists the indices of the nodes of a group, offline ones too, but for one.
func groupNodes(nodes NodeList, group, without int) []int {
	var list []int
	for k, n := range nodes {
		if n != nil && n.Group == group && k != without {
			list = append(list, k)
		}
	}
	return list
}

func put(nodes NodeList, changed []*Node) {
	for _, n := range changed {
		nodes[n.Index] = n
	}
}

func failOver(nodes NodeList, i *Instance) bool {
	if i.Secondary == None || nodes[i.Secondary] == nil {
		return false
	}
	changed, _, why := mover{nodes, true}.failover(i)
	put(nodes, changed)
	return why == OK
}

// moveShared moves an instance to the node that gives the best score of the group, of equal ones the last.
func moveShared(nodes NodeList, i *Instance, targets []int, group int) bool {
	best, _ := bestMove(mover{nodes, true}, i, FailoverToAny, targets, group)
	if best == nil {
		return false
	}
	put(nodes, best.nodes)
	return true
}

// recreate puts an instance on the node that gives the best score of all, of equal ones the last. What it was on keeps it.
func recreate(nodes NodeList, i *Instance, targets []int) bool {
	scorer := newScorer(nodes)
	var best *Node
	var bestScore float64
	for _, k := range targets {
		t := nodes[k]
		if t.Policy.check(i.placed(k, None), t.Exclusive) != OK {
			continue
		}
		after, why := t.addPri(i, true)
		if why != OK {
			continue
		}
		if score := scorer.with([]*Node{after}); best == nil || !(bestScore < score) {
			best, bestScore = after, score
		}
	}
	if best == nil {
		return false
	}
	nodes[best.Index] = best
	return true
}

// UnsafeGroups lists the groups with nodes of which one at least could not be lost.
func (c *Cluster) UnsafeGroups() []*Group {
	var list []*Group
	for _, p := range c.Parts() {
		if !(AllocOptions{}).redundant(p.Nodes, c.Instances) {
			list = append(list, p.Group)
		}
	}
	return list
}

// AnyExclusive tells whether some node hands out its spindles exclusively.
func AnyExclusive(nodes NodeList) bool {
	return slices.ContainsFunc(nodes.Present(), func(n *Node) bool { return n.Exclusive })
}
