package balance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Allocator finds nodes for instances on a cluster, one after the other.
type Allocator struct {
	AllocOptions
	Groups    []*Group
	Nodes     NodeList
	Instances InstanceList
}

// groupResult is how a search went in one group.
type groupResult struct {
	group  *Group
	search *Search
	err    error
}

// messages are what the result says about the group.
func (r groupResult) messages() []string {
	if r.err != nil {
		return []string{fmt.Sprintf("Group %s: error %s", r.group.Name, r.err)}
	}
	var list []string
	for _, text := range r.search.Log {
		list = append(list, fmt.Sprintf("Group %s (%s): %s", r.group.Name, r.group.Alloc, text))
	}
	return list
}

func (g *Group) connected(i *Instance) bool {
	for _, network := range i.Networks {
		if !slices.Contains(g.Networks, network) {
			return false
		}
	}
	return true
}

func (g *Group) unconnected(i *Instance) error {
	return fmt.Errorf("The group %s is not connected to a network required by instance %s", g.Name, i.Name)
}

// populated lists the groups that have nodes, of the allowed ones; nil allows all.
func (a *Allocator) populated(allowed []int) []*Group {
	has := map[int]bool{}
	for _, n := range a.Nodes.Present() {
		has[n.Group] = true
	}
	var list []*Group
	for _, g := range a.Groups {
		if has[g.Index] && (allowed == nil || slices.Contains(allowed, g.Index)) {
			list = append(list, g)
		}
	}
	return list
}

// bestGroup searches group by group and returns the best usable result; of equal ones the later group wins. Scores and the
// loss of nodes are judged on the whole cluster.
func (a *Allocator) bestGroup(allowed []int, i *Instance, count int, onDedicated bool) (*groupResult, []string, error) {
	groups := a.populated(allowed)
	var messages []string
	var results []groupResult
	for _, g := range groups {
		if !onDedicated && !g.connected(i) { // on dedicated nodes the search itself refuses, in other words
			messages = append(messages, fmt.Sprintf("group %s is not connected to a network required by instance %s", g.Name, i.Name))
			continue
		}
		results = append(results, a.searchGroup(g, i, count, onDedicated))
	}
	var usable []*groupResult
	for k := range results {
		r := &results[k]
		messages = append(messages, r.messages()...)
		if r.err == nil && r.search.Best != nil && r.group.Alloc != Unallocable {
			usable = append(usable, r)
		}
	}
	if len(usable) == 0 {
		return nil, nil, a.noGroup(allowed, groups, messages)
	}
	slices.Reverse(usable)
	usable = sortLike(usable, func(x, y *groupResult) bool {
		if x.group.Alloc != y.group.Alloc {
			return x.group.Alloc > y.group.Alloc
		}
		return x.search.Best.greater(y.search.Best)
	})
	return usable[0], messages, nil
}

func (a *Allocator) noGroup(allowed []int, groups []*Group, messages []string) error {
	if len(groups) > 0 {
		return errors.New(strings.Join(messages, ", "))
	}
	shown := "Nothing"
	if allowed != nil {
		first := 0
		if len(a.Groups) > 0 {
			first = a.Groups[0].FirstIndex
		}
		indices := make([]int, len(allowed))
		for k, g := range allowed {
			indices[k] = g + first
		}
		shown = "Just " + showInts(indices)
	}
	var all []string
	for _, g := range a.populated(nil) {
		all = append(all, g.show())
	}
	return fmt.Errorf("no groups for evacuation: allowed groups was %s, all groups: [%s]", shown, strings.Join(all, ","))
}

func (a *Allocator) searchGroup(g *Group, i *Instance, count int, dedicatedNodes bool) groupResult {
	if !g.connected(i) {
		return groupResult{group: g, err: g.unconnected(i)}
	}
	inside := a.Nodes.filter(func(n *Node) bool { return n.Group == g.Index })
	places, err := a.places(inside, count)
	if err != nil {
		return groupResult{group: g, err: err}
	}
	return groupResult{group: g, search: a.run(a.Nodes, a.Instances, i, places, dedicatedNodes)}
}

func (a *Allocator) run(nodes NodeList, instances InstanceList, i *Instance, p places, dedicatedNodes bool) *Search {
	o := a.AllocOptions
	o.dedicated = dedicatedNodes
	found := o.search(nodes, instances, i, p)
	found.Log = []string{found.Describe()}
	return &found
}

// Allocate finds nodes for a new instance, in the group of that name or, without, in the best one.
func (a *Allocator) Allocate(i *Instance, count int, group *string) (*Search, error) {
	i = a.numbered(i)
	onDedicated := dedicated(a.Nodes, a.Groups, group)
	if group != nil {
		return a.allocateIn(*group, i, count, onDedicated)
	}
	best, messages, err := a.bestGroup(nil, i, count, onDedicated)
	if err != nil {
		return nil, err
	}
	best.search.Log = append([]string{"Selected group: " + best.group.Name}, messages...)
	return best.search, nil
}

// numbered gives the instance the index it will have.
func (a *Allocator) numbered(i *Instance) *Instance {
	placed := *i
	placed.Index = len(a.Instances)
	return &placed
}

// allocateIn looks at nothing but the group, for the score too, and does not ask whether it is allocable.
func (a *Allocator) allocateIn(name string, i *Instance, count int, onDedicated bool) (*Search, error) {
	g, err := FindGroup(a.Groups, name)
	if err != nil {
		return nil, err
	}
	nodes := a.Nodes.filter(func(n *Node) bool { return n.Group == g.Index })
	instances := a.Instances.filter(func(i *Instance) bool { return nodes[i.Primary] != nil })
	if !g.connected(i) {
		return nil, g.unconnected(i)
	}
	places, err := a.places(nodes, count)
	if err != nil {
		return nil, err
	}
	s := a.run(nodes, instances, i, places, onDedicated)
	s.Log = groupResult{group: g, search: s}.messages()
	if s.Best != nil {
		a.Nodes, a.Instances = nodes, instances // what the cluster is shown as afterwards
	}
	return s, nil
}

// Take makes an allocation part of the state.
func (a *Allocator) Take(placed *Allocated) {
	a.Nodes = a.Nodes.with(placed.Nodes...)
	a.Instances = a.Instances.with(placed.Instance.Index, placed.Instance)
}

// Preview returns the state with an allocation that has no number yet: on the lists of its nodes the instance is -1, and it
// comes before all others.
func (a *Allocator) Preview(placed *Allocated) (NodeList, InstanceList) {
	nodes := a.Nodes.with(placed.Nodes...)
	for _, n := range placed.Nodes {
		m := *n
		m.pri, m.sec = renumbered(n.pri, placed.Instance.Index), renumbered(n.sec, placed.Instance.Index)
		nodes[n.Index] = &m
	}
	return nodes, append(InstanceList{placed.Instance}, a.Instances...)
}

func renumbered(list []int, index int) []int {
	changed := slices.Clone(list)
	for k, i := range changed {
		if i == index {
			changed[k] = None
		}
	}
	return changed
}

// AllocateSecondary finds a secondary node for an instance that has none; it becomes mirrored.
func (a *Allocator) AllocateSecondary(i *Instance) (*Search, error) {
	if i.Secondary != None {
		return nil, errors.New("Instance already has a secondary")
	}
	p := a.Nodes[i.Primary]
	mirrored := *i
	mirrored.Template = DRBD
	mirrored.Movable = true
	nodes := a.Nodes.with(p.removePri(i))
	pair := placePair{primary: nodes[i.Primary]}
	for _, k := range groupNodes(nodes, p.Group, i.Primary) {
		pair.group = append(pair.group, nodes[k])
		pair.others++
	}
	return a.run(nodes, a.Instances, &mirrored, places{pairs: []placePair{pair}}, false), nil
}

// ChangeGroup moves instances to the best of the target groups that they are not in. No targets mean any group.
func (a *Allocator) ChangeGroup(targets []int, list []int) *Evacuation {
	if len(targets) == 0 {
		for _, g := range a.Groups {
			targets = append(targets, g.Index)
		}
	}
	allowed := append([]int{}, targets...)
	own := map[int]bool{}
	for _, k := range list {
		own[a.Nodes[a.Instances[k].Primary].Group] = true
	}
	for g := range own {
		if at := slices.Index(allowed, g); at >= 0 { // a group given twice stays once
			allowed = slices.Delete(allowed, at, at+1)
		}
	}
	e := &evacuator{slices.Clone(a.Nodes), slices.Clone(a.Instances), false}
	result := &Evacuation{}
	for _, k := range list {
		i := a.Instances[k]
		step, err := a.changeGroup(e, allowed, i)
		e.record(result, i, step, err)
	}
	result.Nodes, result.Instances = e.nodes, e.instances
	return result
}

func (a *Allocator) changeGroup(e *evacuator, allowed []int, i *Instance) (*evacStep, error) {
	state := *a
	state.Nodes, state.Instances = e.nodes, e.instances
	best, _, err := state.bestGroup(allowed, i, i.Template.NodeCount(), false)
	if err != nil {
		return nil, err
	}
	g := best.group.Index
	targets := slices.DeleteFunc(groupNodes(e.nodes, g, None), func(k int) bool { return e.nodes[k].Offline })
	return e.move(i, EvacAll, g, targets)
}

// Relocate finds another secondary (mirrored) or primary (shared storage) node for an instance.
func Relocate(nodes NodeList, instances InstanceList, k, required int, from []int, force bool) (*Evacuation, *Node, error) {
	i := instances[k]
	if required != 1 {
		return nil, nil, fmt.Errorf("Exchange %d nodes mode is not implemented", required)
	}
	leave, role, mode := i.Secondary, "secondary", EvacSecondary
	switch i.Template.Mirror() {
	case MirrorNone:
		return nil, nil, errors.New("Can't relocate non-mirrored instances")
	case MirrorExternal:
		leave, role, mode = i.Primary, "primary", EvacPrimary
	}
	if len(from) != 1 || from[0] != leave {
		return nil, nil, fmt.Errorf("Unsupported request: excluded nodes not equal to instance's %s(%d versus %s)", role, leave, showInts(from))
	}
	e := Evacuate(nodes, instances, mode, []int{k}, force)
	if len(e.Failed) > 0 {
		return nil, nil, errors.New(e.Failed[0].Why)
	}
	moved := e.Instances[k]
	if mode == EvacSecondary {
		return e, e.Nodes[moved.Secondary], nil
	}
	return e, e.Nodes[moved.Primary], nil
}
