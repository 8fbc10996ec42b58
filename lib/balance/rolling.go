package balance

import (
	"errors"
	"slices"
)

// RebootGroup is a set of nodes that can be rebooted together, and where all instances are meanwhile.
type RebootGroup struct {
	Nodes     []int
	nodes     NodeList
	instances InstanceList
}

// Relocation is an instance that has to be somewhere else while its nodes reboot.
type Relocation struct {
	Instance           *Instance
	Primary, Secondary *Node // the new ones; no secondary is nil
}

// Roller finds reboot groups on a cluster.
type Roller struct {
	Nodes     NodeList
	Instances InstanceList
}

// Groups makes a reboot group of each class of nodes; nothing is moved.
func (r Roller) Groups(classes [][]int) []RebootGroup {
	var groups []RebootGroup
	for _, class := range classes {
		groups = append(groups, RebootGroup{class, r.Nodes, r.Instances})
	}
	return groups
}

// SplitNonRedundant splits groups so that the instances without a mirror find a place outside their reboot group.
func (r Roller) SplitNonRedundant(groups []RebootGroup) ([]RebootGroup, error) {
	return r.split(groups, clearNonRedundant, "Not enough capacity to move non-redundant instances")
}

// Evacuate makes the mirrored instances leave the nodes of their reboot group altogether; groups are split for that.
func (r Roller) Evacuate(groups []RebootGroup) ([]RebootGroup, error) {
	var migrated []RebootGroup
	for _, g := range groups {
		m, ok := g.migrate()
		if !ok {
			return nil, errors.New("Failed to migrate instances off nodes")
		}
		migrated = append(migrated, m)
	}
	return r.split(migrated, clearSecondaries, "Not enough capacity to move secondaries")
}

// clearing moves what must not be on a node to the targets; false if that is not possible.
type clearing func(g *RebootGroup, node int, targets []int) bool

func (r Roller) split(groups []RebootGroup, clear clearing, refusal string) ([]RebootGroup, error) {
	var parts []RebootGroup
	for _, g := range groups {
		for rest := g.Nodes; len(rest) > 0; {
			part := g.clearSome(rest, r.online(), clear)
			if len(part.Nodes) == 0 {
				return nil, errors.New(refusal)
			}
			parts = append(parts, part)
			rest = slices.DeleteFunc(slices.Clone(rest), func(n int) bool { return slices.Contains(part.Nodes, n) })
		}
	}
	return parts, nil
}

func (r Roller) online() []int {
	var list []int
	for _, n := range r.Nodes.Present() {
		if !n.Offline {
			list = append(list, n.Index)
		}
	}
	return list
}

// clearSome clears as many of the nodes as possible, one after the other; cleared nodes are no targets any more.
func (g RebootGroup) clearSome(nodes, targets []int, clear clearing) RebootGroup {
	part := RebootGroup{nil, g.nodes, g.instances}
	for _, n := range nodes {
		rest := slices.DeleteFunc(slices.Clone(targets), func(t int) bool { return t == n })
		try := RebootGroup{part.Nodes, slices.Clone(part.nodes), slices.Clone(part.instances)}
		if clear(&try, n, rest) {
			try.Nodes = append(slices.Clone(part.Nodes), n)
			part, targets = try, rest
		}
	}
	return part
}

func clearNonRedundant(g *RebootGroup, node int, targets []int) bool {
	for _, k := range g.nodes[node].pri {
		i := g.instances[k]
		if !i.Mirrored() && !g.moveTo(i, targets) {
			return false
		}
	}
	return true
}

// moveTo puts an instance on the first target of its group that can take it.
func (g *RebootGroup) moveTo(i *Instance, targets []int) bool {
	p := g.nodes[i.Primary]
	for _, k := range targets {
		t := g.nodes[k]
		if t.Group != p.Group {
			continue
		}
		after, why := t.addPri(i, true)
		if why != OK {
			continue
		}
		g.nodes[k] = after
		g.nodes[i.Primary] = p.removePri(i)
		g.instances[i.Index] = i.placed(k, i.Secondary)
		return true
	}
	return false
}

// migrate makes the secondaries of all mirrored instances that run on the nodes of the group their primaries.
func (g RebootGroup) migrate() (RebootGroup, bool) {
	m := RebootGroup{g.Nodes, slices.Clone(g.nodes), slices.Clone(g.instances)}
	for _, n := range g.Nodes {
		for _, k := range g.nodes[n].pri {
			if i := m.instances[k]; i.Mirrored() && !m.swap(i) {
				return m, false
			}
		}
	}
	return m, true
}

func (g *RebootGroup) swap(i *Instance) bool {
	if i.Secondary == None || g.nodes[i.Secondary] == nil {
		return false
	}
	p, s := g.nodes[i.Primary], g.nodes[i.Secondary]
	newS, why := s.removeSec(i).addPri(i, true)
	if why != OK {
		return false
	}
	newP, why := p.removePri(i).addSec(i, i.Secondary, false, true)
	if why != OK {
		return false
	}
	g.nodes[i.Secondary], g.nodes[i.Primary] = newS, newP
	g.instances[i.Index] = i.placed(i.Secondary, i.Primary)
	return true
}

func clearSecondaries(g *RebootGroup, node int, targets []int) bool {
	for _, k := range g.nodes[node].sec {
		if !g.mirrorTo(g.instances[k], targets) {
			return false
		}
	}
	return true
}

// mirrorTo gives an instance the first target that can take it as secondary, of the group that the old one is in.
func (g *RebootGroup) mirrorTo(i *Instance, targets []int) bool {
	p, group := g.nodes[i.Primary], g.nodes[i.Secondary].Group
	for _, k := range targets {
		t := g.nodes[k]
		if k == i.Primary || t.Group != group {
			continue
		}
		after, why := t.addSec(i, i.Primary, false, true)
		if why != OK {
			continue
		}
		// The reference takes the record of the primary where it means that of the old secondary; which later
		// instances still fit depends on it.
		g.nodes[i.Secondary] = p.removeSec(i)
		g.nodes[k] = after
		g.instances[i.Index] = i.placed(i.Primary, k)
		return true
	}
	return false
}

// Relocations lists the instances that are on other nodes while the group reboots. One whose two nodes only changed roles is
// not listed.
func (r Roller) Relocations(g RebootGroup) []Relocation {
	var list []Relocation
	for k, i := range r.Instances {
		now := g.instances[k]
		if now.onNodesOf(i) {
			continue
		}
		to := Relocation{Instance: now, Primary: g.nodes[now.Primary]}
		if i.Mirrored() {
			to.Secondary = g.nodes[now.Secondary]
		}
		list = append(list, to)
	}
	return list
}

func (i *Instance) onNodesOf(other *Instance) bool {
	if !i.Mirrored() {
		return i.Primary == other.Primary
	}
	same := i.Primary == other.Primary && i.Secondary == other.Secondary
	return same || (i.Primary == other.Secondary && i.Secondary == other.Primary)
}
