// Package balance is what the htools know: a model of nodes and instances, the score of a cluster, the moves that change
// it, and where new instances fit.
//
// The results have to be those of the reference to the last printed digit. So sums run in the order the reference has
// them, products that feed a sum are rounded on their own (no fused multiply-add), and ties are decided as there.
package balance

import "strings"

// Cluster is everything that was read about a cluster. Groups, nodes and instances have their position as index.
type Cluster struct {
	Groups    []*Group
	Nodes     []*Node
	Instances []*Instance
	Tags      []string
	Policy    Policy
	Kinds     []string // of storage, if nodes say what they have of each
}

// Clone returns a cluster whose nodes can be marked without changing this one's.
func (c *Cluster) Clone() *Cluster {
	d := *c
	d.Nodes = make([]*Node, len(c.Nodes))
	for k, n := range c.Nodes {
		own := *n
		d.Nodes[k] = &own
	}
	return &d
}

// NodeList holds nodes by index; nodes that do not belong to the list are nil.
type NodeList []*Node

// Present lists the nodes in index order.
func (l NodeList) Present() []*Node {
	present := make([]*Node, 0, len(l))
	for _, n := range l {
		if n != nil {
			present = append(present, n)
		}
	}
	return present
}

// with returns the list with some nodes replaced by their newer versions.
func (l NodeList) with(changed ...*Node) NodeList {
	c := make(NodeList, len(l))
	copy(c, l)
	for _, n := range changed {
		c[n.Index] = n
	}
	return c
}

// filter keeps the nodes for which keep is true.
func (l NodeList) filter(keep func(*Node) bool) NodeList {
	c := make(NodeList, len(l))
	for k, n := range l {
		if n != nil && keep(n) {
			c[k] = n
		}
	}
	return c
}

// InstanceList holds instances by index; those that do not belong to the list are nil.
type InstanceList []*Instance

// Present lists the instances in index order.
func (l InstanceList) Present() []*Instance {
	present := make([]*Instance, 0, len(l))
	for _, i := range l {
		if i != nil {
			present = append(present, i)
		}
	}
	return present
}

// with returns the list with one instance replaced, or added at the end.
func (l InstanceList) with(index int, i *Instance) InstanceList {
	c := make(InstanceList, max(len(l), index+1))
	copy(c, l)
	c[index] = i
	return c
}

func (l InstanceList) filter(keep func(*Instance) bool) InstanceList {
	c := make(InstanceList, len(l))
	for k, i := range l {
		if i != nil && keep(i) {
			c[k] = i
		}
	}
	return c
}

// Part is a group with its nodes and the instances whose primary node is one of them.
type Part struct {
	Group     *Group
	Nodes     NodeList
	Instances InstanceList
}

// Part returns what belongs to one group.
func (c *Cluster) Part(g *Group) Part {
	return Part{
		Group:     g,
		Nodes:     NodeList(c.Nodes).filter(func(n *Node) bool { return n.Group == g.Index }),
		Instances: InstanceList(c.Instances).filter(func(i *Instance) bool { return c.Nodes[i.Primary].Group == g.Index }),
	}
}

// Parts splits the cluster into the groups that have nodes, in the order of the groups.
func (c *Cluster) Parts() []Part {
	var parts []Part
	for _, g := range c.Groups {
		if c.hasNodes(g) {
			parts = append(parts, c.Part(g))
		}
	}
	return parts
}

func (c *Cluster) hasNodes(g *Group) bool {
	for _, n := range c.Nodes {
		if n.Group == g.Index {
			return true
		}
	}
	return false
}

// SplitInstances lists the instances whose two nodes are in different groups.
func (c *Cluster) SplitInstances() []*Instance {
	var split []*Instance
	for _, i := range c.Instances {
		if c.spansGroups(i) {
			split = append(split, i)
		}
	}
	return split
}

func (c *Cluster) spansGroups(i *Instance) bool {
	return i.Secondary != None && c.Nodes[i.Primary].Group != c.Nodes[i.Secondary].Group
}

// BadNodes returns the online nodes of the list that could not replace another that fails, and how many instances are on them.
// One whose primary is in another group counts, too.
func BadNodes(nodes NodeList) (bad []*Node, affected int) {
	there := map[int]bool{}
	for _, n := range nodes.Present() {
		if n.Offline || !n.failN1 {
			continue
		}
		bad = append(bad, n)
		for _, list := range [][]int{n.sec, n.pri} {
			for _, i := range list {
				there[i] = true
			}
		}
	}
	return bad, len(there)
}

// LookupName finds a name among names: the exact one, or the only one that continues it with a dot.
func LookupName(names []string, wanted string) (string, bool) {
	matches := 0
	found := ""
	for _, name := range names {
		if name == wanted {
			return name, true
		}
		if strings.HasPrefix(name, wanted+".") {
			found = name
			matches++
		}
	}
	return found, matches == 1
}

// NodeNames lists the full names of all nodes.
func (c *Cluster) NodeNames() []string {
	names := make([]string, len(c.Nodes))
	for k, n := range c.Nodes {
		names[k] = n.Name
	}
	return names
}

func (c *Cluster) instanceNames() []string {
	names := make([]string, len(c.Instances))
	for k, i := range c.Instances {
		names[k] = i.Name
	}
	return names
}

// FindNode looks a node up by name or alias.
func (c *Cluster) FindNode(name string) (*Node, error) {
	return findOne(c.Nodes, name, func(n *Node) (string, string) { return n.Name, n.Alias })
}

// FindInstance looks an instance up by name or alias.
func (c *Cluster) FindInstance(name string) (*Instance, error) {
	return findOne(c.Instances, name, func(i *Instance) (string, string) { return i.Name, i.Alias })
}

// SetOffline marks the nodes with this full name as offline.
func (c *Cluster) SetOffline(name string) {
	for _, n := range c.Nodes {
		if n.Name == name {
			n.Offline = true
		}
	}
}

// SetLimits changes the limits of all nodes; nil leaves one as it is.
func (c *Cluster) SetLimits(maxCPU, minDisk *float64) {
	for _, n := range c.Nodes {
		if maxCPU != nil {
			n.Policy.VCPURatio = *maxCPU
		}
		if minDisk != nil {
			n.setMinDisk(*minDisk)
		}
	}
}

// Whole returns all nodes and instances.
func (c *Cluster) Whole() Part { return Part{Nodes: c.Nodes, Instances: c.Instances} }

// PolicyViolation tells which limit of its policy a node exceeds, if any. Here a negative ratio is no exemption.
func (n *Node) PolicyViolation() Failure {
	switch {
	case n.instSpindles > n.hiSpindles:
		return FailDisk
	case n.cpuRatio(&n.state) > n.Policy.VCPURatio:
		return FailCPU
	}
	return OK
}
