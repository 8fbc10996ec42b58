package htools

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/nodefacts"
	"gantry/lib/query"
)

// ReadLive makes a raw cluster of the configuration and of what the nodes say, which are asked once each.
func ReadLive(ctx context.Context, env *cli.Env) (*balance.Cluster, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return nil, err
	}
	nodeRows, instanceRows := query.NodeRows(cfg), query.InstanceRows(cfg)
	if err := query.AskCluster(ctx, nodes, nodeRows, instanceRows); err != nil {
		return nil, err
	}
	l := &live{cfg: cfg, groups: map[string]int{}, nodes: map[string]int{}, cluster: &balance.Cluster{Tags: cfg.Cluster.Tags}}
	return l.cluster, l.read(nodeRows, instanceRows)
}

// live collects the objects of a configuration and finds them again by UUID.
type live struct {
	cfg     *config.Config
	groups  map[string]int
	nodes   map[string]int
	cluster *balance.Cluster
}

func (l *live) read(nodes []*query.NodeRow, instances []*query.InstanceRow) (err error) {
	if l.cluster.Policy, err = policy(l.cfg.ClusterPolicy()); err != nil {
		return err
	}
	for _, row := range query.GroupRows(l.cfg) {
		if err := l.group(row.Group); err != nil {
			return err
		}
	}
	for _, row := range nodes {
		if err := l.node(row); err != nil {
			return err
		}
	}
	for _, row := range instances {
		if err := l.instance(row); err != nil {
			return err
		}
	}
	return nil
}

func (l *live) group(group *config.NodeGroup) (err error) {
	g := &balance.Group{Name: group.Name, UUID: group.UUID, Index: len(l.cluster.Groups), Tags: group.Tags}
	if g.Alloc, err = balance.ParseAllocPolicy(group.AllocPolicy); err != nil {
		return err
	}
	if g.Policy, err = policy(l.cfg.InstancePolicy(group)); err != nil {
		return err
	}
	l.groups[group.UUID] = g.Index
	l.cluster.Groups = append(l.cluster.Groups, g)
	return nil
}

// node takes a node over. One that should answer and does not has no figures to plan with: nothing is planned then, until
// somebody marks it offline.
func (l *live) node(row *query.NodeRow) error {
	node, params := row.Node, l.cfg.FilledND(row.Node)
	down := node.Offline || !node.VMCapable
	n := balance.Node{Name: node.Name, Index: len(l.cluster.Nodes), Group: l.groups[node.Group], Offline: down || node.Drained,
		Master: node.UUID == l.cfg.Cluster.MasterNode, Tags: node.Tags, Exclusive: params.Bool("exclusive_storage"), CPUSpeed: params.Float("cpu_speed")}
	if hypervisors := l.cfg.Cluster.EnabledHypervisors; len(hypervisors) > 0 {
		n.KVM = hypervisors[0] == config.HVKVM
	}
	if !n.Exclusive {
		n.Spindles = int(params.Int("spindle_count"))
	}
	freeDisk, freeSpindles := 0, 0
	n.Storage = l.kinds(row.Live)
	if !down {
		if !row.Live.Answered {
			return fmt.Errorf("node %s does not answer (if it is off, mark it offline)", node.Name)
		}
		freeDisk, freeSpindles = figures(&n, row.Live)
	}
	l.nodes[node.UUID] = n.Index
	l.cluster.Nodes = append(l.cluster.Nodes, balance.NewNode(n, freeDisk, freeSpindles))
	return nil
}

// kinds are the volume groups of a node, its directory for files and the one that it shares, what the disk figures are about first.
func (l *live) kinds(said query.NodeLive) []balance.Kind {
	var kinds []balance.Kind
	for _, g := range said.VGs {
		kinds = append(kinds, balance.Kind{Name: config.StorageVG(g.Name), Total: int(g.Size), Free: int(g.Free)})
	}
	kinds = appendDir(kinds, config.StorageFile, said.Files)
	kinds = appendDir(kinds, config.StorageSharedFile, said.Shared)
	first := query.FiguredStorage(&l.cfg.Cluster)
	switch at := slices.IndexFunc(kinds, func(k balance.Kind) bool { return k.Name == first }); {
	case first == "" || len(kinds) == 0 && said.VGs == nil:
	case at >= 0:
		figured := kinds[at]
		kinds = slices.Insert(slices.Delete(kinds, at, at+1), 0, figured)
	case first == config.StorageSharedFile:
		return nil // the node could not say, so nothing is known to be missing
	default:
		kinds = slices.Insert(kinds, 0, balance.Kind{Name: first})
	}
	return kinds
}

func appendDir(kinds []balance.Kind, name string, dir *nodefacts.Dir) []balance.Kind {
	if dir == nil {
		return kinds
	}
	return append(kinds, balance.Kind{Name: name, Total: int(dir.Total), Free: int(dir.Free)})
}

// figures takes what a node says of itself over. What it does not know counts as nothing.
func figures(n *balance.Node, said query.NodeLive) (freeDisk, freeSpindles int) {
	n.TotalMem, n.NodeMem, n.FreeMem = float64(said.MemTotal), int(said.MemNode), int(said.MemFree)
	n.TotalCPU, n.NodeCPU = float64(said.CPUTotal), int(said.CPUForNode)
	n.TotalDisk = float64(max(0, said.DiskTotal))
	if n.Exclusive {
		n.Spindles = int(max(0, said.SpindlesTotal))
	}
	return int(max(0, said.DiskFree)), int(max(0, said.SpindlesFree))
}

func (l *live) instance(row *query.InstanceRow) (err error) {
	inst, be := row.Instance, l.cfg.FilledBE(row.Instance)
	i := balance.Instance{Name: inst.Name, Index: len(l.cluster.Instances), Mem: int(be.Int("maxmem")), VCPUs: int(be.Int("vcpus")),
		AutoBalance: be.Bool("auto_balance"), SpindleUse: int(be.Int("spindle_use")), Forthcoming: inst.Forthcoming, Tags: inst.Tags,
		Secondary: balance.None}
	if row.Live.Running {
		i.Mem = int(row.Live.Memory)
	}
	if i.Status, err = balance.ParseStatus(row.Status()); err != nil {
		return err
	}
	if i.Template, err = balance.ParseTemplate(l.cfg.DiskTemplate(inst)); err != nil {
		return err
	}
	i.Disk, i.Disks = disks(l.cfg.InstanceDisks(inst))
	i.Needs = needs(l.cfg.InstanceDisks(inst))
	var known bool
	if i.Primary, known = l.nodes[inst.PrimaryNode]; !known {
		return fmt.Errorf("instance %s has no primary node", inst.Name)
	}
	if secondaries := l.cfg.SecondaryNodes(inst); len(secondaries) > 0 {
		i.Secondary = l.nodes[secondaries[0]]
	}
	l.cluster.Instances = append(l.cluster.Instances, balance.NewInstance(i))
	return nil
}

func disks(list []*config.Disk) (total int, disks []balance.Disk) {
	for _, d := range list {
		disk := balance.Disk{Size: int(d.Size), Spindles: balance.NoSpindles}
		if d.Spindles != nil {
			disk.Spindles = int(*d.Spindles)
		}
		disks = append(disks, disk)
	}
	return int(query.DiskUsage(list)), disks
}

// needs adds up what disks take of each kind of storage.
func needs(list []*config.Disk) (needs []balance.Need) {
	sum := map[string]int64{}
	for _, d := range list {
		for kind, mib := range d.Storage() {
			sum[kind] += mib
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(sum)) {
		needs = append(needs, balance.Need{Kind: kind, MiB: int(sum[kind])})
	}
	return needs
}

func policy(p config.IPolicy) (out balance.Policy, err error) {
	for _, pair := range p.MinMax {
		out.MinMax = append(out.MinMax, balance.MinMax{Min: spec(pair.Min), Max: spec(pair.Max)})
	}
	out.Std = spec(p.Std)
	for _, name := range p.DiskTemplates {
		t, err := balance.ParseTemplate(name)
		if err != nil {
			return out, err
		}
		out.Templates = append(out.Templates, t)
	}
	if p.VCPURatio != nil {
		out.VCPURatio = *p.VCPURatio
	}
	if p.SpindleRatio != nil {
		out.SpindleRatio = *p.SpindleRatio
	}
	return out, nil
}

func spec(s config.ISpec) balance.Spec {
	return balance.Spec{Mem: int(s["memory-size"]), CPU: int(s["cpu-count"]), Disk: int(s["disk-size"]),
		DiskCount: int(s["disk-count"]), NICCount: int(s["nic-count"]), SpindleUse: int(s["spindle-use"])}
}
