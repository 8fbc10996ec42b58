package config

import (
	"maps"
	"slices"
)

// Clone returns a copy that shares nothing with the original that can be changed.
func (c *Config) Clone() *Config {
	return &Config{
		Format: c.Format, MinReader: c.MinReader, Epoch: c.Epoch, Serial: c.Serial, Parent: c.Parent, Master: c.Master,
		Version: c.Version, CTime: c.CTime, MTime: c.MTime,
		Cluster:      c.Cluster.clone(),
		Nodes:        cloneAll(c.Nodes, Node.clone),
		NodeGroups:   cloneAll(c.NodeGroups, NodeGroup.clone),
		Networks:     cloneAll(c.Networks, Network.clone),
		Instances:    cloneAll(c.Instances, Instance.clone),
		Disks:        cloneAll(c.Disks, Disk.clone),
		Filters:      cloneAll(c.Filters, func(f Filter) Filter { return f }),
		Reservations: cloneAll(c.Reservations, Reservation.clone),
	}
}

// cloneAll copies a list into one block of memory, which matters at some thousand objects.
func cloneAll[T any](list []*T, clone func(T) T) []*T {
	if list == nil {
		return nil
	}
	block := make([]T, len(list))
	out := make([]*T, len(list))
	for i, o := range list {
		block[i] = clone(*o)
		out[i] = &block[i]
	}
	return out
}

func cloneParams(m map[string]Params) map[string]Params {
	out := maps.Clone(m)
	for k, v := range out {
		out[k] = maps.Clone(v)
	}
	return out
}

func cloneNested(m map[string]map[string]Params) map[string]map[string]Params {
	out := maps.Clone(m)
	for k, v := range out {
		out[k] = cloneParams(v)
	}
	return out
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (n Node) clone() Node {
	n.NDParams = maps.Clone(n.NDParams)
	n.HVStateStatic = cloneParams(n.HVStateStatic)
	n.DiskStateStatic = cloneNested(n.DiskStateStatic)
	n.Tags = slices.Clone(n.Tags)
	return n
}

func (g NodeGroup) clone() NodeGroup {
	g.NDParams = maps.Clone(g.NDParams)
	g.IPolicy = g.IPolicy.Clone()
	g.DiskParams = cloneParams(g.DiskParams)
	g.Networks = cloneParams(g.Networks)
	g.HVStateStatic = cloneParams(g.HVStateStatic)
	g.DiskStateStatic = cloneNested(g.DiskStateStatic)
	g.Tags = slices.Clone(g.Tags)
	return g
}

// Clone returns a copy that shares nothing with the original.
func (p IPolicy) Clone() IPolicy {
	p.MinMax = slices.Clone(p.MinMax)
	for i, m := range p.MinMax {
		p.MinMax[i] = MinMax{Min: maps.Clone(m.Min), Max: maps.Clone(m.Max)}
	}
	p.Std = maps.Clone(p.Std)
	p.SpindleRatio = clonePointer(p.SpindleRatio)
	p.VCPURatio = clonePointer(p.VCPURatio)
	p.DiskTemplates = slices.Clone(p.DiskTemplates)
	return p
}

func (n Network) clone() Network {
	n.Tags = slices.Clone(n.Tags)
	return n
}

func (i Instance) clone() Instance {
	i.HVParams = maps.Clone(i.HVParams)
	i.BEParams = maps.Clone(i.BEParams)
	i.OSParams = maps.Clone(i.OSParams)
	i.OSParamsPrivate = maps.Clone(i.OSParamsPrivate)
	i.Disks = slices.Clone(i.Disks)
	i.Tags = slices.Clone(i.Tags)
	i.NICs = slices.Clone(i.NICs)
	for n := range i.NICs {
		i.NICs[n].NICParams = maps.Clone(i.NICs[n].NICParams)
	}
	return i
}

func (d Disk) clone() Disk {
	d.LogicalID = slices.Clone(d.LogicalID)
	d.Nodes = slices.Clone(d.Nodes)
	d.Params = maps.Clone(d.Params)
	d.Spindles = clonePointer(d.Spindles)
	d.Children = cloneAll(d.Children, Disk.clone)
	return d
}

func (r Reservation) clone() Reservation {
	r.Minor = clonePointer(r.Minor)
	return r
}

func (c Cluster) clone() Cluster {
	for _, list := range []*[]string{&c.Tags, &c.ReservedLVs, &c.EnabledDiskTemplates, &c.CompressionTools, &c.EnabledHypervisors, &c.HiddenOS, &c.BlacklistedOS} {
		*list = slices.Clone(*list)
	}
	c.CandidateCerts = maps.Clone(c.CandidateCerts)
	c.TCPUDPPortPool = slices.Clone(c.TCPUDPPortPool)
	c.UIDPool = slices.Clone(c.UIDPool)
	c.DefaultIAllocatorParams = maps.Clone(c.DefaultIAllocatorParams)
	c.NDParams = maps.Clone(c.NDParams)
	c.IPolicy = c.IPolicy.Clone()
	for _, m := range []*map[string]Params{&c.BEParams, &c.NICParams, &c.HVParams, &c.OSParams, &c.OSParamsPrivateCluster, &c.DiskParams, &c.HVStateStatic} {
		*m = cloneParams(*m)
	}
	c.OSHVP = cloneNested(c.OSHVP)
	c.DiskStateStatic = cloneNested(c.DiskStateStatic)
	c.DataCollectors = maps.Clone(c.DataCollectors)
	return c
}
