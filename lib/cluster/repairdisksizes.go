package cluster

import (
	"context"
	"fmt"
	"strconv"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// RepairDiskSizes makes the configuration have the sizes that the disks of instances have, of all instances if none is named.
type RepairDiskSizes struct {
	Instances []string `json:"instances"`
}

// OpID is the operation's name in job files.
func (RepairDiskSizes) OpID() string { return "OP_CLUSTER_REPAIR_DISK_SIZES" }

// Work starts it.
func (op RepairDiskSizes) Work(env *job.Env) job.Work {
	return &repairDiskSizes{RepairDiskSizes: op, env: env}
}

type repairDiskSizes struct {
	RepairDiskSizes
	env       *job.Env
	instances []*config.Instance
}

// Locks are the instances, and the storage of their primary nodes.
func (w *repairDiskSizes) Locks(cfg *config.Config) ([]job.Lock, error) {
	w.instances = nil
	for _, name := range w.Instances {
		inst := cfg.MatchInstance(name)
		if inst == nil {
			return nil, fault.Refuse(fault.NotFound, "Instance '%s' not known", name)
		}
		w.instances = append(w.instances, inst)
	}
	if len(w.Instances) == 0 {
		w.instances = cfg.Instances
	}
	var locks []job.Lock
	nodes := map[string]bool{}
	for _, inst := range w.instances {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: inst.Name})
		if !nodes[inst.PrimaryNode] {
			nodes[inst.PrimaryNode] = true
			locks = append(locks, job.Lock{Level: job.LevelNodeRes, Name: inst.PrimaryNode, Shared: true})
		}
	}
	return locks, nil
}

func (w *repairDiskSizes) Check(context.Context) error { return nil }

func (w *repairDiskSizes) Hooks() *hooks.Plan { return nil }

// dimensions is what a disk has: MiB, and where nodes have exclusive storage, spindles.
type dimensions struct {
	mib      int64
	spindles *int64
}

// owned is a disk with its place in an instance.
type owned struct {
	inst  *config.Instance
	index int
	disk  *config.Disk
}

// Run returns what was changed: instance, disk, what, new value.
func (w *repairDiskSizes) Run(ctx context.Context) (any, error) {
	found, err := w.measure(ctx)
	if err != nil || len(found) == 0 {
		return [][4]any{}, err
	}
	changed := [][4]any{}
	for _, o := range w.disks() {
		if d, ok := found[o.disk.UUID]; ok {
			changed = append(changed, w.compare(o, d)...)
		}
	}
	if len(changed) == 0 {
		return changed, nil
	}
	return changed, w.env.Update(ctx, func(cfg *config.Config) error {
		for uuid, d := range found {
			if own := cfg.Disk(uuid); own != nil {
				d.put(own)
			}
		}
		return nil
	})
}

func (w *repairDiskSizes) disks() []owned {
	var list []owned
	for _, inst := range w.instances {
		for i, d := range w.env.Config.InstanceDisks(inst) {
			list = append(list, owned{inst, i, d})
		}
	}
	return list
}

// put changes a disk, and the volume for the data of a mirrored one if that is recorded as smaller.
func (d dimensions) put(own *config.Disk) {
	own.Size = d.mib
	if d.spindles != nil {
		own.Spindles = d.spindles
	}
	if _, mirrored := own.DRBD(); mirrored && len(own.Children) > 0 && own.Children[0].Size < own.Size {
		own.Children[0].Size = own.Size
	}
}

// compare tells of what differs.
func (w *repairDiskSizes) compare(o owned, d dimensions) (changed [][4]any) {
	name, index := o.inst.Name, o.index
	if o.disk.Size != d.mib {
		w.env.Info("Disk %d of instance %s has mismatched size, correcting: recorded %d, actual %d", index, name, o.disk.Size, d.mib)
		changed = append(changed, [4]any{name, index, "size", d.mib})
	}
	if d.spindles != nil && (o.disk.Spindles == nil || *o.disk.Spindles != *d.spindles) {
		recorded := "None"
		if o.disk.Spindles != nil {
			recorded = strconv.FormatInt(*o.disk.Spindles, 10)
		}
		w.env.Info("Disk %d of instance %s has mismatched spindles, correcting: recorded %s, actual %d", index, name, recorded, *d.spindles)
		changed = append(changed, [4]any{name, index, "spindles", *d.spindles})
	}
	if _, mirrored := o.disk.DRBD(); mirrored && len(o.disk.Children) > 0 && o.disk.Children[0].Size < d.mib {
		w.env.Info("Child disk has size %d, parent %d, fixing", o.disk.Children[0].Size, d.mib)
		changed = append(changed, [4]any{name, index, "size", d.mib})
	}
	return changed
}

// measure asks the primary nodes. What cannot be found out is warned of.
func (w *repairDiskSizes) measure(ctx context.Context) (map[string]dimensions, error) {
	byNode := map[string][]owned{}
	var names []string
	for _, o := range w.disks() {
		name := w.env.Config.NodeName(o.inst.PrimaryNode)
		if byNode[name] == nil {
			names = append(names, name)
		}
		byNode[name] = append(byNode[name], o)
	}
	found := map[string]dimensions{}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) ([]dimensions, error) {
		return w.measureOn(ctx, node, byNode[node])
	}) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if reply.Err != nil {
			w.env.Warn("Failure in blockdev_getdimensions call to node %s, ignoring", reply.Node)
			continue
		}
		for i, o := range byNode[reply.Node] {
			if reply.Value[i].mib == 0 {
				w.env.Warn("Disk %d of instance %s did not return size information, ignoring", o.index, o.inst.Name)
				continue
			}
			found[o.disk.UUID] = reply.Value[i]
		}
	}
	return found, nil
}

// measureOn asks one node; a size of 0 is one that it does not know.
func (w *repairDiskSizes) measureOn(ctx context.Context, node string, disks []owned) ([]dimensions, error) {
	n := w.env.Config.NodeByName(node)
	if n.Offline {
		return nil, fmt.Errorf("node %s is marked offline", node)
	}
	var paths []string
	for _, o := range disks {
		paths = append(paths, disk.Device(o.disk, n.UUID))
	}
	sizes, err := disk.Bytes(ctx, w.env.Nodes, node, paths...)
	if err != nil {
		return nil, err
	}
	spindles := map[lvm.Volume]lvm.LV{}
	if w.env.Config.FilledND(n).Bool("exclusive_storage") {
		if spindles, err = lvm.LVs(ctx, w.env.Nodes, node); err != nil {
			return nil, err
		}
	}
	list := make([]dimensions, len(disks))
	for i, o := range disks {
		list[i].mib = sizes[i] >> 20
		vg, name, _ := o.disk.LV()
		if lv, ok := spindles[lvm.Volume{VG: vg, Name: name}]; ok {
			count := int64(len(lv.PVs))
			list[i].spindles = &count
		}
	}
	return list, nil
}
