package config

import (
	"strings"
	"sync"
)

// index finds objects by UUID and by name. It is filled at the first lookup and only a hint: a hit is checked against the
// object, a miss falls back to reading the list, so that changing the lists needs no bookkeeping.
type index struct {
	sync.Mutex
	nodes, groups, networks, instances, disks map[string]int
}

// find returns the object of list whose key is want, or the zero value.
func find[T any](c *Config, at *map[string]int, list []*T, key func(*T) (uuid, name string), want string) *T {
	if want == "" {
		return nil
	}
	i, ok := c.position(at, len(list), want, func(i int) (string, string) { return key(list[i]) })
	if ok && i < len(list) {
		if uuid, name := key(list[i]); uuid == want || name == want {
			return list[i]
		}
	}
	for _, o := range list {
		if uuid, name := key(o); uuid == want || name == want {
			return o
		}
	}
	return nil
}

func (c *Config) position(at *map[string]int, n int, want string, key func(int) (string, string)) (int, bool) {
	c.index.Lock()
	defer c.index.Unlock()
	if *at == nil {
		*at = make(map[string]int, 2*n)
		for i := range n {
			uuid, name := key(i)
			(*at)[uuid] = i
			if name != "" {
				(*at)[name] = i
			}
		}
	}
	i, ok := (*at)[want]
	return i, ok
}

func nodeKey(n *Node) (string, string)         { return n.UUID, n.Name }
func groupKey(g *NodeGroup) (string, string)   { return g.UUID, g.Name }
func networkKey(n *Network) (string, string)   { return n.UUID, n.Name }
func instanceKey(i *Instance) (string, string) { return i.UUID, i.Name }
func diskKey(d *Disk) (string, string)         { return d.UUID, "" }

// Node returns the node with this UUID, nil when there is none.
func (c *Config) Node(uuid string) *Node {
	return find(c, &c.index.nodes, c.Nodes, nodeKey, uuid)
}

// NodeByName returns the node with exactly this name, nil when there is none.
func (c *Config) NodeByName(name string) *Node {
	if n := find(c, &c.index.nodes, c.Nodes, nodeKey, name); n != nil && n.Name == name {
		return n
	}
	return nil
}

// NodeName returns the name of the node with this UUID; "" when there is none.
func (c *Config) NodeName(uuid string) string {
	if n := c.Node(uuid); n != nil {
		return n.Name
	}
	return ""
}

// MasterNode returns the master.
func (c *Config) MasterNode() *Node { return c.Node(c.Cluster.MasterNode) }

// Group returns the node group with this UUID, nil when there is none.
func (c *Config) Group(uuid string) *NodeGroup {
	return find(c, &c.index.groups, c.NodeGroups, groupKey, uuid)
}

// GroupByName returns the node group with this name or UUID, as Ganeti looks groups up, nil when there is none.
func (c *Config) GroupByName(name string) *NodeGroup {
	return find(c, &c.index.groups, c.NodeGroups, groupKey, name)
}

// Network returns the network with this UUID, nil when there is none.
func (c *Config) Network(uuid string) *Network {
	return find(c, &c.index.networks, c.Networks, networkKey, uuid)
}

// NetworkByName returns the network with this name or UUID, as Ganeti looks networks up, nil when there is none.
func (c *Config) NetworkByName(name string) *Network {
	return find(c, &c.index.networks, c.Networks, networkKey, name)
}

// Instance returns the instance with this UUID, nil when there is none.
func (c *Config) Instance(uuid string) *Instance {
	return find(c, &c.index.instances, c.Instances, instanceKey, uuid)
}

// InstanceByName returns the instance with exactly this name, nil when there is none.
func (c *Config) InstanceByName(name string) *Instance {
	if i := find(c, &c.index.instances, c.Instances, instanceKey, name); i != nil && i.Name == name {
		return i
	}
	return nil
}

// Disk returns the disk with this UUID, nil when there is none; children are not looked at.
func (c *Config) Disk(uuid string) *Disk {
	return find(c, &c.index.disks, c.Disks, diskKey, uuid)
}

// InstanceDisks returns the disks of an instance in their order.
func (c *Config) InstanceDisks(inst *Instance) []*Disk {
	disks := make([]*Disk, 0, len(inst.Disks))
	for _, uuid := range inst.Disks {
		if d := c.Disk(uuid); d != nil {
			disks = append(disks, d)
		}
	}
	return disks
}

// MatchNode finds a node by its name or an unambiguous first part of it ("node1"), nil when none or several match.
// Ganeti does not take UUIDs here.
func (c *Config) MatchNode(short string) *Node {
	if n := c.NodeByName(short); n != nil {
		return n
	}
	return matchName(short, c.Nodes, nodeKey)
}

// MatchInstance finds an instance as MatchNode finds a node.
func (c *Config) MatchInstance(short string) *Instance {
	if i := c.InstanceByName(short); i != nil {
		return i
	}
	return matchName(short, c.Instances, instanceKey)
}

// matchName compares without regard to case, whole names first, then up to a dot. A short name that fits several is no match.
func matchName[T any](short string, list []*T, key func(*T) (uuid, name string)) *T {
	if short == "" {
		return nil
	}
	low := strings.ToLower(short)
	var found *T
	hits := 0
	for _, o := range list {
		_, name := key(o)
		name = strings.ToLower(name)
		if name == low {
			return o
		}
		if strings.HasPrefix(name, low+".") {
			found = o
			hits++
		}
	}
	if hits == 1 {
		return found
	}
	return nil
}
