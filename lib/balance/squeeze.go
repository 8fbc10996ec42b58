package balance

import (
	"math"
	"slices"
	"strings"
)

// tagStandby marks nodes that may be switched on when there is need.
const tagStandby = "htools:standby:"

// TagStandbyAuto is the tag that a node gets when it is switched off.
const TagStandbyAuto = tagStandby + "auto"

// Squeezer finds nodes that can be switched off, or have to be switched on, for a cluster of instances that can move freely.
type Squeezer struct {
	Options
	Nodes     NodeList
	Instances InstanceList
	Minimal   *Instance // every node has to be able to take one of this, or nodes are switched on
	Target    *Instance // what every node has to be able to take after nodes are switched off
}

// Squeezed is what to do: which nodes to switch, and the moves before or after.
type Squeezed struct {
	Changed   []*Node
	Enough    bool // false if switching all standby nodes on does not help
	Moves     []Placed
	Nodes     NodeList
	Instances InstanceList
}

// Scaled makes an instance a multiple of the size of a spec, rounded down, on storage that all nodes see.
func (s Spec) Scaled(factor float64) *Instance {
	scale := func(n int) int { return Truncate(math.Floor(factor * float64(n))) }
	return NewInstance(Instance{
		Name: "target", Index: None, Mem: scale(s.Mem), Disk: 0, VCPUs: scale(s.CPU), Status: Running, AutoBalance: true,
		Primary: None, Secondary: None, Template: Ext, SpindleUse: scale(s.SpindleUse),
	})
}

// hasRoom tells whether every node could take the instance.
func hasRoom(nodes NodeList, i *Instance) bool {
	for _, n := range nodes.Present() {
		if _, why := n.addPri(i, false); why != OK {
			return false
		}
	}
	return true
}

// HasRoom tells whether no node needs to be switched on.
func (s Squeezer) HasRoom() bool { return hasRoom(s.Nodes, s.Minimal) }

// OfflineCandidates are the nodes that may be switched off: nothing on their own disks. Those with the most instances come
// first.
func (s Squeezer) OfflineCandidates() []*Node {
	var list []*Node
	for _, n := range s.Nodes.Present() {
		if !n.Offline && !n.Master && len(n.sec) == 0 && !s.hasLocal(n) {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *Node) int { return len(b.pri) - len(a.pri) })
	return list
}

func (s Squeezer) hasLocal(n *Node) bool {
	return slices.ContainsFunc(n.pri, func(k int) bool { return s.Instances[k].local() })
}

// StandbyNodes are the nodes that may be switched on.
func (s Squeezer) StandbyNodes() []*Node {
	var list []*Node
	for _, n := range s.Nodes.Present() {
		standby := slices.ContainsFunc(n.Tags, func(tag string) bool { return strings.HasPrefix(tag, tagStandby) })
		if n.Offline && standby {
			list = append(list, n)
		}
	}
	return list
}

// Expand switches on as few standby nodes as give every node the minimal room, in their order.
func (s Squeezer) Expand() (*Squeezed, error) {
	standby := s.StandbyNodes()
	var result *Squeezed
	for count := range len(standby) + 1 {
		var err error
		if result, err = s.switched(standby[:count], false); err != nil {
			return nil, err
		}
		if result.Enough = result.emptied() && hasRoom(result.Nodes, s.Minimal); result.Enough {
			break
		}
	}
	return result, nil
}

// Shrink switches off as many candidates as possible, those with the fewest instances first.
func (s Squeezer) Shrink() (*Squeezed, error) {
	best := &Squeezed{Nodes: s.Nodes, Instances: s.Instances}
	for _, n := range slices.Backward(s.OfflineCandidates()) {
		off := append([]*Node{n}, best.Changed...)
		next, err := s.switched(off, true)
		if err != nil {
			return nil, err
		}
		if next.emptied() && hasRoom(next.Nodes, s.Target) {
			best = next
		}
	}
	return best, nil
}

// emptied tells whether no instance, not even one that is only reserved, is left on an offline node.
func (s *Squeezed) emptied() bool {
	return !slices.ContainsFunc(s.Instances, func(i *Instance) bool { return s.Nodes[i.Primary].Offline })
}

// switched sets nodes offline or online and balances the cluster from its present state.
func (s Squeezer) switched(changed []*Node, offline bool) (*Squeezed, error) {
	var copies []*Node
	for _, n := range changed {
		c := *n
		c.Offline = offline
		copies = append(copies, &c)
	}
	nodes := s.Nodes.with(copies...)
	o := s.Options
	o.MinGain, o.MinGainLimit = 0, 0
	table, moves, err := Solve(NewTable(nodes, s.Instances), o, nil)
	if err != nil {
		return nil, err
	}
	return &Squeezed{Changed: changed, Moves: moves, Nodes: table.Nodes, Instances: table.Instances}, nil
}
