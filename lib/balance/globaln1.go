package balance

import (
	"fmt"
	"slices"
)

// redundant tells whether every node could be lost: all its instances would find another place.
func (o AllocOptions) redundant(nodes NodeList, instances InstanceList) bool {
	return len(o.unsafeNodes(nodes, instances, true)) == 0
}

// unsafeNodes lists the nodes that could not be lost; with justOne the first is enough.
func (o AllocOptions) unsafeNodes(nodes NodeList, instances InstanceList, justOne bool) []*Node {
	if justOne {
		if n := o.likely(nodes); n != nil && !o.canLose(n, nodes, instances) {
			return []*Node{n}
		}
	}
	var unsafe []*Node
	for _, n := range nodes {
		if n == nil || o.ignores(n) {
			continue
		}
		if !o.canLose(n, nodes, instances) {
			unsafe = append(unsafe, n)
			o.suspects(n)
			if justOne {
				break
			}
		}
	}
	return unsafe
}

// likely is the node to look at first, the one that could not be lost before; nil if there is none.
func (o AllocOptions) likely(nodes NodeList) *Node {
	if o.suspect == nil || *o.suspect >= len(nodes) || nodes[*o.suspect] == nil || o.ignores(nodes[*o.suspect]) {
		return nil
	}
	return nodes[*o.suspect]
}

func (o AllocOptions) suspects(n *Node) {
	if o.suspect != nil {
		*o.suspect = n.Index
	}
}

// ignores says of which nodes it does not matter whether they could be lost.
func (o AllocOptions) ignores(n *Node) bool {
	return o.ignoredGroups[n.Group] || (o.AcceptExisting && n.Offline)
}

// UnsafeNodes lists the nodes that could not be lost. It fails if it meets an instance without its secondary node.
func UnsafeNodes(nodes NodeList, instances InstanceList) ([]*Node, error) {
	o := AllocOptions{broken: new(error)}
	return o.unsafeNodes(nodes, instances, false), *o.broken
}

// canLose tells whether all instances of a node would find another place. Mirrored ones fail over, those on shared storage
// move, the others are created anew on another node of the group.
func (o AllocOptions) canLose(n *Node, nodes NodeList, instances InstanceList) bool {
	if there := n.secondaries(nodes, instances); there != nil {
		return n.becomesMirrors(instances) &&
			!slices.ContainsFunc(there, func(k int) bool { return !nodes[k].takesOver(n, instances) })
	}
	if found, decided := forecast(n, nodes, instances); decided {
		return found
	}
	return o.empties(n, nodes, instances)
}

// empties moves the instances of a node one after the other.
func (o AllocOptions) empties(n *Node, nodes NodeList, instances InstanceList) bool {
	e := &emptying{nodes: slices.Clone(nodes), instances: instances, targets: groupNodes(nodes, n.Group, n.Index), group: n.Group}
	var shared, lost []int
	for _, k := range n.pri {
		switch i := instances[k]; {
		case i.Mirrored():
			if !e.mirrorThere(k) {
				o.meet(i)
				return false
			}
			if !e.failOver(k) {
				return false
			}
		case i.movesShared():
			shared = append(shared, k)
		default:
			lost = append(lost, k)
		}
	}
	for _, k := range shared {
		if !e.moveShared(k) {
			return false
		}
	}
	slices.SortStableFunc(lost, func(a, b int) int { return instances[b].Mem - instances[a].Mem })
	for _, k := range lost {
		if !e.recreate(instances[k]) {
			return false
		}
	}
	return true
}

// movesShared tells whether an instance is on storage from which other nodes can start it.
func (i *Instance) movesShared() bool {
	return i.Template.Mirror() == MirrorExternal && i.Template != Block
}

// emptying is the state of the nodes while the instances of one of them find other places.
type emptying struct {
	nodes     NodeList
	instances InstanceList
	moved     map[int]*Instance // where instances are now, if not where the list has them
	targets   []int
	group     int
}

// current is the instance where it is now: on a list that was read twice an instance is met twice.
func (e *emptying) current(k int) *Instance {
	if i, ok := e.moved[k]; ok {
		return i
	}
	return e.instances[k]
}

func (e *emptying) move(k int, nodes []*Node, i *Instance) {
	put(e.nodes, nodes)
	if e.moved == nil {
		e.moved = map[int]*Instance{}
	}
	e.moved[k] = i
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

// mirrorThere tells whether the secondary of an instance is among the nodes.
func (e *emptying) mirrorThere(k int) bool {
	i := e.current(k)
	return i.Secondary != None && e.nodes[i.Secondary] != nil
}

func (e *emptying) failOver(k int) bool {
	i := e.current(k)
	changed, moved, why := mover{e.nodes, true}.failover(i)
	if why != OK {
		return false
	}
	e.move(k, changed, moved)
	return true
}

// moveShared moves an instance to the node that gives the best score of the group, of equal ones the last.
func (e *emptying) moveShared(k int) bool {
	best, _ := bestMove(mover{e.nodes, true}, e.current(k), FailoverToAny, e.targets, e.group)
	if best == nil {
		return false
	}
	e.move(k, best.nodes, best.instance)
	return true
}

// recreate puts an instance on the node that gives the best score of all, of equal ones the last. What it was on keeps it.
func (e *emptying) recreate(i *Instance) bool {
	scorer := newScorer(e.nodes)
	var best *Node
	var bestScore float64
	for _, k := range e.targets {
		t := e.nodes[k]
		if t.Policy.check(i.placed(k, None), t.Exclusive) != OK {
			continue
		}
		after := t.state
		if t.tryPri(&after, i, true) != OK {
			continue
		}
		if score := scorer.afterPri(t, i, &after); best == nil || !(bestScore < score) {
			best, bestScore = t, score
		}
	}
	if best == nil {
		return false
	}
	e.nodes[best.Index], _ = best.addPri(i, true)
	return true
}

// UnsafeGroups lists the groups with nodes of which one at least could not be lost. It fails if it meets an instance without
// its secondary node.
func (c *Cluster) UnsafeGroups(acceptExisting bool) ([]*Group, error) {
	o := AllocOptions{AcceptExisting: acceptExisting, broken: new(error)}
	var list []*Group
	for _, p := range c.Parts() {
		if !o.redundant(p.Nodes, c.Instances) {
			list = append(list, p.Group)
		}
	}
	return list, *o.broken
}

// meet notes an instance whose secondary node is not there. Nothing that depends on it has an answer.
func (o AllocOptions) meet(i *Instance) {
	if o.broken != nil && *o.broken == nil {
		*o.broken = fmt.Errorf("the secondary node of instance %s is not there", i.Name)
	}
}

// AnyExclusive tells whether some node hands out its spindles exclusively.
func AnyExclusive(nodes NodeList) bool {
	return slices.ContainsFunc(nodes.Present(), func(n *Node) bool { return n.Exclusive })
}

// Noting returns the options with a place for the error of an instance whose secondary node is not there.
func (o AllocOptions) Noting(broken *error) AllocOptions {
	o.broken = broken
	return o
}
