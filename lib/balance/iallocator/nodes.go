package iallocator

import (
	"fmt"
	"slices"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
	"gantry/lib/balance/number"
)

func readGroups(top jsondata.Record, c *balance.Cluster) (map[string]int, error) {
	groups, err := message(top, "nodegroups")
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	for _, m := range groups {
		record, err := m.Value.ToRecord()
		if err != nil {
			return nil, err
		}
		f := &fields{record: record, what: fmt.Sprintf("invalid data for group '%s'", m.Name)}
		g := &balance.Group{
			UUID: m.Name, Index: len(c.Groups), Name: get(f, "name", jsondata.AsString),
			Alloc: get(f, "alloc_policy", allocPolicy), Networks: get(f, "networks", strings),
			Policy: get(f, "ipolicy", jsondata.AsPolicy), Tags: get(f, "tags", strings),
		}
		if f.err != nil {
			return nil, f.err
		}
		index[m.Name] = g.Index
		c.Groups = append(c.Groups, g)
	}
	return index, nil
}

func allocPolicy(v jsondata.Value) (balance.AllocPolicy, error) {
	return jsondata.AsName(v, "AllocPolicy", balance.ParseAllocPolicy)
}

var hypervisors = []string{"kvm", "xen-pvm", "chroot", "xen-hvm", "lxc", "fake"}

func hypervisor(v jsondata.Value) (string, error) {
	return jsondata.AsName(v, "Hypervisor", func(s string) (string, error) {
		if !slices.Contains(hypervisors, s) {
			return "", fmt.Errorf("Invalid string value for type Hypervisor: %s", number.Quote(s))
		}
		return s, nil
	})
}

func readNodes(top jsondata.Record, c *balance.Cluster, groups map[string]int) (map[string]int, error) {
	nodes, err := message(top, "nodes")
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	for _, m := range nodes {
		n, err := readNode(m, groups)
		if err != nil {
			return nil, err
		}
		n.Index = len(c.Nodes)
		index[m.Name] = n.Index
		c.Nodes = append(c.Nodes, n)
	}
	return index, nil
}

func readNode(m jsondata.Member, groups map[string]int) (*balance.Node, error) {
	record, err := m.Value.ToRecord()
	if err != nil {
		return nil, err
	}
	f := &fields{record: record, what: fmt.Sprintf("invalid data for node '%s'", m.Name)}
	n := balance.Node{Name: m.Name, CPUSpeed: 1}
	offline, drained := get(f, "offline", jsondata.AsBool), get(f, "drained", jsondata.AsBool)
	uuid := get(f, "group", jsondata.AsString)
	capable := maybe(f, "vm_capable", jsondata.AsBool, true)
	if f.err != nil {
		return nil, f.err
	}
	group, ok := groups[uuid]
	if !ok {
		return nil, fmt.Errorf("Unknown group '%s' for node %s", uuid, m.Name)
	}
	n.Group = group
	down := offline || !capable
	n.Offline = down || drained
	freeDisk, freeSpindles, err := readNodeFigures(f, &n, !down)
	if err != nil {
		return nil, err
	}
	return balance.NewNode(n, freeDisk, freeSpindles), nil
}

// readNodeFigures reads what is known of a node only while it is up.
func readNodeFigures(f *fields, n *balance.Node, live bool) (freeDisk, freeSpindles int, err error) {
	params, err := get(f, "ndparams", anything).ToRecord()
	if f.err != nil {
		return 0, 0, f.err
	}
	if err != nil {
		return 0, 0, err
	}
	if n.Tags, err = jsondata.Maybe(f.record, "tags", strings, nil); err != nil {
		return 0, 0, err
	}
	p := &fields{record: params, what: f.what}
	n.Exclusive = get(p, "exclusive_storage", jsondata.AsBool)
	if p.err != nil {
		return 0, 0, p.err
	}
	switch {
	case n.Exclusive && live:
		n.Spindles = maybe(f, "total_spindles", jsondata.AsInt, 0)
	case !n.Exclusive:
		n.Spindles = get(p, "spindle_count", jsondata.AsInt)
		f.note(p.err)
	}
	if !live {
		return 0, 0, f.err
	}
	freeSpindles = get(f, "free_spindles", jsondata.AsInt)
	n.TotalMem = get(f, "total_memory", jsondata.AsReal)
	n.NodeMem = get(f, "reserved_memory", jsondata.AsInt)
	n.FreeMem = get(f, "free_memory", jsondata.AsInt)
	n.TotalDisk = get(f, "total_disk", jsondata.AsReal)
	freeDisk = get(f, "free_disk", jsondata.AsInt)
	n.Storage = maybe(f, storageKey, kinds, nil)
	n.TotalCPU = get(f, "total_cpus", jsondata.AsReal)
	n.NodeCPU = get(f, "reserved_cpus", jsondata.AsInt)
	return freeDisk, freeSpindles, f.err
}

func anything(v jsondata.Value) (jsondata.Value, error) { return v, nil }
