package iallocator

import (
	"context"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// Facts are what the nodes have said of themselves, all asked at once. They can be laid beside a newer configuration: what
// has come onto a node since, or is about to, is set aside.
type Facts struct {
	template, hypervisor string
	disks                map[string]bool // UUIDs of the disks that the nodes had been given before they were asked
	nodes                map[string]*said
}

// said is the answer of one node.
type said struct {
	facts nodefacts.Facts
	fakes []fake.State
	used  map[string]int64 // memory of running guests, in MiB
	lvm   bool
	vgs   []lvm.VG
}

// onNode are the instances of a node.
type onNode struct{ primary, secondary []*config.Instance }

// byNode finds the instances of all nodes, by the nodes' UUIDs.
func byNode(cfg *config.Config) map[string]*onNode {
	nodes := map[string]*onNode{}
	for _, n := range cfg.Nodes {
		nodes[n.UUID] = &onNode{}
	}
	for _, inst := range cfg.Instances {
		for i, uuid := range cfg.InstanceNodes(inst) {
			on := nodes[uuid]
			if on == nil {
				continue // the configuration's own check will say so
			}
			if i == 0 {
				on.primary = append(on.primary, inst)
			} else {
				on.secondary = append(on.secondary, inst)
			}
		}
	}
	return nodes
}

// Look asks all nodes that are not offline. template and hypervisor say which storage and whose memory counts.
func Look(ctx context.Context, r remote.Runner, cfg *config.Config, template, hypervisor string) (*Facts, error) {
	f := &Facts{template: template, hypervisor: hypervisor, disks: map[string]bool{}, nodes: map[string]*said{}}
	for _, d := range cfg.Disks {
		f.disks[d.UUID] = true
	}
	var asked []string
	for _, n := range cfg.Nodes {
		if !n.Offline {
			asked = append(asked, n.Name)
		}
	}
	for _, reply := range remote.Each(ctx, asked, 0, func(ctx context.Context, name string) (*said, error) {
		return ask(ctx, r, cfg, name, template)
	}) {
		if reply.Err != nil {
			return nil, fault.Exec("Can't get data for node %s: %w", reply.Node, reply.Err)
		}
		f.nodes[reply.Node] = reply.Value
	}
	return f, nil
}

// ask asks one node for its memory, processors, storage and guests, in one round trip.
func ask(ctx context.Context, r remote.Runner, cfg *config.Config, node, template string) (*said, error) {
	o := nodefacts.Options{}
	if template == config.DTFile || slices.Contains(cfg.Cluster.EnabledDiskTemplates, config.DTFile) {
		o.Dirs = []string{cfg.Cluster.FileStorageDir}
	}
	results, err := nodefacts.Gather(ctx, r, node, nodefacts.Probe(o), fake.StateProbe(), kvm.StateProbe(), lvm.VGProbe())
	if err != nil {
		return nil, err
	}
	s := &said{used: map[string]int64{}}
	if s.facts, err = nodefacts.Parse(results[0].Stdout); err != nil {
		return nil, err
	}
	if s.fakes, err = fake.ParseStates(results[1].Stdout); err != nil {
		return nil, err
	}
	guests, err := kvm.ParseStates(results[2].Stdout)
	if err != nil {
		return nil, err
	}
	for _, g := range s.fakes {
		s.used[g.Name] = g.Memory
	}
	for _, g := range guests {
		s.used[g.Name] = g.Memory
	}
	if results[3].Status == 0 { // else there is no LVM here
		s.vgs, err = lvm.ParseVGs(results[3].Stdout)
		s.lvm = true
	}
	return s, err
}

// of is what counts of a node; nil of one that nothing is known of.
func (f *Facts) of(cfg *config.Config, n *config.Node, on *onNode) *dynamic {
	s := f.nodes[n.Name]
	if s == nil || n.Offline {
		return nil
	}
	d := &dynamic{TotalMemory: s.facts.MemoryTotal, ReservedMemory: s.facts.MemoryUsed, FreeMemory: s.facts.MemoryFree,
		TotalCPUs: s.facts.CPUs, ReservedCPUs: s.facts.CPUs}
	if f.hypervisor == config.HVFake {
		d.FreeMemory = fake.FreeMemory(d.FreeMemory, s.fakes)
	}
	d.addInstances(cfg, on.primary, s.used)
	kind := f.kind(cfg)
	switch {
	case kind == config.StorageFile:
		dir := s.facts.Dirs[cfg.Cluster.FileStorageDir]
		d.TotalDisk, d.FreeDisk = dir.Total, dir.Free
	case kind != "":
		at := slices.IndexFunc(s.vgs, func(g lvm.VG) bool { return config.StorageVG(g.Name) == kind })
		if at >= 0 {
			d.TotalDisk, d.FreeDisk = int64(s.vgs[at].Size), int64(s.vgs[at].Free)
		}
	}
	taken := f.taken(cfg, n, on)
	d.FreeDisk -= taken[kind]
	if kind == config.StorageFile || s.lvm && kind != "" {
		d.Storage = s.storage(kind, s.facts.Dirs[cfg.Cluster.FileStorageDir], taken)
	}
	for _, r := range cfg.Reservations {
		if r.Node == n.UUID {
			d.FreeMemory -= r.Memory
		}
	}
	return d
}

// storage lists the volume groups and the directory for files, what the disk figures are about first.
func (s *said) storage(first string, files nodefacts.Dir, taken map[string]int64) (list []storage) {
	list = []storage{{Kind: first}}
	add := func(kind string, total, free int64) {
		has := storage{kind, total, max(0, free-taken[kind])}
		if kind == first {
			list[0] = has
		} else {
			list = append(list, has)
		}
	}
	for _, g := range s.vgs {
		add(config.StorageVG(g.Name), int64(g.Size), int64(g.Free))
	}
	if files.Exists {
		add(config.StorageFile, files.Total, files.Free)
	}
	return list
}

// kind is the storage that a node's one figure of disk space is about; "" when space is not a matter of the node.
func (f *Facts) kind(cfg *config.Config) string {
	switch f.template {
	case config.DTFile:
		return config.StorageFile
	case config.DTPlain, config.DTDRBD:
		return config.StorageVG(cfg.Cluster.VolumeGroupName)
	}
	return ""
}

// taken is what running jobs are about to use of a node's storage, and what disks use that have come since it was asked.
func (f *Facts) taken(cfg *config.Config, n *config.Node, on *onNode) map[string]int64 {
	taken := map[string]int64{}
	for _, r := range cfg.Reservations {
		if r.Node == n.UUID && r.VG != "" {
			taken[config.StorageVG(r.VG)] += r.MiB
		}
	}
	for _, inst := range slices.Concat(on.primary, on.secondary) {
		for _, disk := range cfg.InstanceDisks(inst) {
			if f.disks[disk.UUID] {
				continue
			}
			for kind, mib := range disk.Storage() {
				taken[kind] += mib
			}
		}
	}
	return taken
}

// addInstances counts the memory of the node's primary instances, and sets aside what they do not use yet but may.
func (d *dynamic) addInstances(cfg *config.Config, primary []*config.Instance, used map[string]int64) {
	for _, inst := range primary {
		most := cfg.FilledBE(inst).Int("maxmem")
		d.PrimaryMemory += most
		d.FreeMemory -= max(0, most-used[inst.Name])
		if inst.AdminState == config.AdminUp {
			d.UpMemory += most
		}
	}
}
