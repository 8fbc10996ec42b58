package config

import "slices"

// NodesOf returns the UUIDs of the nodes a disk (with its children) has data on; none when it can be reached from everywhere.
func (d *Disk) NodesOf() []string {
	nodes := slices.Clone(d.Nodes)
	if id, ok := d.DRBD(); ok {
		nodes = appendNew(nodes, id.NodeA, id.NodeB)
	}
	for _, child := range d.Children {
		nodes = appendNew(nodes, child.NodesOf()...)
	}
	return nodes
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// InstanceNodes returns the UUIDs of all nodes an instance depends on, its primary first.
func (c *Config) InstanceNodes(inst *Instance) []string {
	nodes := []string{inst.PrimaryNode}
	for _, d := range c.InstanceDisks(inst) {
		nodes = appendNew(nodes, d.NodesOf()...)
	}
	return nodes
}

// SecondaryNodes returns the UUIDs of the nodes that hold a copy of the instance's disks besides its primary.
func (c *Config) SecondaryNodes(inst *Instance) []string {
	return c.InstanceNodes(inst)[1:]
}

// DiskTemplate returns the template of an instance: that of its disks, "diskless" without any, "mixed" when they differ.
func (c *Config) DiskTemplate(inst *Instance) string {
	template := DTDiskless
	for i, d := range c.InstanceDisks(inst) {
		if i > 0 && d.DevType != template {
			return "mixed"
		}
		template = d.DevType
	}
	return template
}

// GroupNodes returns the nodes of a group in the order of the configuration.
func (c *Config) GroupNodes(group string) []*Node {
	var nodes []*Node
	for _, n := range c.Nodes {
		if n.Group == group {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// NodeInstances returns the instances that have this node as primary, and those that have it as secondary.
func (c *Config) NodeInstances(node string) (primary, secondary []*Instance) {
	for _, inst := range c.Instances {
		switch {
		case inst.PrimaryNode == node:
			primary = append(primary, inst)
		case slices.Contains(c.InstanceNodes(inst), node):
			secondary = append(secondary, inst)
		}
	}
	return primary, secondary
}

// MasterCandidates returns the nodes that hold a copy of the configuration, the master included, offline ones too.
func (c *Config) MasterCandidates() []*Node {
	var nodes []*Node
	for _, n := range c.Nodes {
		if n.MasterCandidate || n.UUID == c.Cluster.MasterNode {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// DRBDID is what the logical id of a DRBD disk says. A and B are the order of its creation, not primary and secondary.
type DRBDID struct {
	NodeA, NodeB   string // UUIDs
	Port           int
	MinorA, MinorB int
	Secret         string
}

// DRBD reads the logical id of a DRBD disk; false for other disks.
func (d *Disk) DRBD() (DRBDID, bool) {
	if d.DevType != DTDRBD || len(d.LogicalID) < 6 {
		return DRBDID{}, false
	}
	id := d.LogicalID
	return DRBDID{NodeA: id.text(0), NodeB: id.text(1), Port: id.whole(2), MinorA: id.whole(3), MinorB: id.whole(4), Secret: id.text(5)}, true
}

// LogicalID returns the form that stands in Disk.LogicalID.
func (id DRBDID) LogicalID() LogicalID {
	return LogicalID{id.NodeA, id.NodeB, int64(id.Port), int64(id.MinorA), int64(id.MinorB), id.Secret}
}

// Minor returns the minor on a node.
func (id DRBDID) Minor(node string) int {
	if node == id.NodeB {
		return id.MinorB
	}
	return id.MinorA
}

// LV returns the volume group and the volume of a plain disk.
func (d *Disk) LV() (vg, lv string, ok bool) {
	if d.DevType != DTPlain || len(d.LogicalID) != 2 {
		return "", "", false
	}
	return d.LogicalID.text(0), d.LogicalID.text(1), true
}

// InstanceVolumes are the volumes (VG/LV) an instance should have, by the UUIDs of the nodes that have them.
func (c *Config) InstanceVolumes(inst *Instance) map[string][]string {
	volumes := map[string][]string{}
	for _, d := range c.InstanceDisks(inst) {
		list, nodes := d.Volumes(), []string{inst.PrimaryNode}
		if id, ok := d.DRBD(); ok {
			nodes = []string{id.NodeA, id.NodeB}
		}
		for _, node := range nodes {
			if len(list) > 0 { // a node without any is not one of those to be asked
				volumes[node] = append(volumes[node], list...)
			}
		}
	}
	return volumes
}

// Volumes are those (VG/LV) that a disk is, or stands on.
func (d *Disk) Volumes() (list []string) {
	if vg, lv, ok := d.LV(); ok {
		list = append(list, vg+"/"+lv)
	}
	for _, child := range d.Children {
		list = append(list, child.Volumes()...)
	}
	return list
}

// DiskInstance is the instance that a disk belongs to, nil if it is detached.
func (c *Config) DiskInstance(uuid string) *Instance {
	for _, inst := range c.Instances {
		if slices.Contains(inst.Disks, uuid) {
			return inst
		}
	}
	return nil
}

// DetachedDisks are those that belong to no instance.
func (c *Config) DetachedDisks() (list []*Disk) {
	attached := map[string]bool{}
	for _, inst := range c.Instances {
		for _, uuid := range inst.Disks {
			attached[uuid] = true
		}
	}
	for _, d := range c.Disks {
		if !attached[d.UUID] {
			list = append(list, d)
		}
	}
	return list
}

// External returns the provider of an external disk, and its name there.
func (d *Disk) External() (provider, name string, ok bool) {
	if d.DevType != DTExt || len(d.LogicalID) != 2 {
		return "", "", false
	}
	return d.LogicalID.text(0), d.LogicalID.text(1), true
}

// Image returns the name of an RBD disk in its pool.
func (d *Disk) Image() (name string, ok bool) {
	if d.DevType != DTRBD || len(d.LogicalID) != 2 {
		return "", false
	}
	return d.LogicalID.text(1), true
}

// Path returns the file of a file disk, the device of a block device disk; "" for disks of other kinds.
func (d *Disk) Path() string {
	switch d.DevType {
	case DTFile, DTSharedFile, DTGluster, DTBlock:
		return d.LogicalID.text(1)
	}
	return ""
}

func (l LogicalID) text(i int) string {
	if i >= len(l) {
		return ""
	}
	s, _ := l[i].(string)
	return s
}

func (l LogicalID) whole(i int) int {
	if i >= len(l) {
		return 0
	}
	n, _ := l[i].(int64)
	return int(n)
}
