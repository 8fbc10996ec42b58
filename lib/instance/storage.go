package instance

import (
	"context"
	"errors"
	"maps"
	"slices"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// makeDisk makes a disk on all its nodes, and makes it writable on the first, whose data is what counts. On failure nothing of it is
// left, unless the outcome is unknown.
func makeDisk(ctx context.Context, env *job.Env, instance, node string, d *config.Disk) error {
	nodes := places(env.Config, d, node)
	for i, name := range nodes {
		made := i
		err := on(env, name).Create(ctx, instance, d)
		if err == nil && i == 0 {
			made = 1
			err = on(env, name).OpenNew(ctx, d)
		}
		if err == nil {
			continue
		}
		err = fault.Exec("Can't create block device %s on node %s for instance %s: Can't create block device: %w", disk.Describe(d), name, instance, err)
		if isUnknown(err) {
			return err
		}
		for _, before := range slices.Backward(nodes[:made]) {
			err = errors.Join(err, on(env, before).Remove(context.WithoutCancel(ctx), d))
		}
		return err
	}
	return nil
}

// removeDisk removes a disk from all its nodes: as many as can be reached.
func removeDisk(ctx context.Context, env *job.Env, node string, d *config.Disk, failed func(node string, err error)) error {
	for _, name := range places(env.Config, d, node) {
		err := error(nil)
		if n := env.Config.NodeByName(name); n == nil || n.Offline {
			err = fault.Exec("Node is marked offline")
		} else {
			err = on(env, name).Remove(ctx, d)
		}
		if isUnknown(err) {
			return err
		}
		if err != nil {
			failed(name, err)
		}
	}
	return nil
}

// need is space that is about to be taken: MiB by volume group.
type need map[string]int64

// spaceFor is what disks take in volume groups on each of their nodes.
func spaceFor(disks []*config.Disk) need {
	all := need{}
	for _, d := range disks {
		for _, child := range d.Children {
			if vg, _, ok := child.LV(); ok {
				all[vg] += child.Size
			}
		}
		if vg, _, ok := d.LV(); ok {
			all[vg] += d.Size
		}
	}
	return all
}

// check refuses when a volume group of a node is missing or has not enough space left, what running jobs have reserved counted as taken.
func (n need) check(ctx context.Context, env *job.Env, node *config.Node) error {
	if len(n) == 0 {
		return nil
	}
	groups, err := lvm.VGs(ctx, env.Nodes, node.Name)
	if err != nil {
		return fault.Refuse(fault.Environment, "Cannot get current information from node %s: %w", node.Name, err)
	}
	exclusive := env.Config.FilledND(node).Bool("exclusive_storage")
	for _, vg := range slices.Sorted(maps.Keys(n)) {
		at := slices.IndexFunc(groups, func(g lvm.VG) bool { return g.Name == vg })
		if at < 0 {
			return fault.Refuse(fault.Environment, "Can't compute free disk space on node %s for vg %s, result was 'None'; required %d MiB", node.Name, vg, n[vg])
		}
		free := int64(groups[at].Free)
		if exclusive {
			all, err := lvm.PVs(ctx, env.Nodes, node.Name, vg)
			if err != nil {
				return fault.Refuse(fault.Environment, "Cannot get current information from node %s: %w", node.Name, err)
			}
			_, _, free = lvm.Spindles(all, vg)
		}
		if free -= reservedSpace(env, node, vg); n[vg] > free {
			return fault.Refuse(fault.NoResources, "Not enough disk space on target node %s vg %s: required %d MiB, available %d MiB", node.Name, vg, n[vg], free)
		}
	}
	return nil
}

// checkRoom makes sure that a node has room for disks, and that it is known how many spindles they take if it wants to know.
func checkRoom(ctx context.Context, env *job.Env, disks []*config.Disk, node *config.Node) error {
	for _, d := range disks {
		if _, err := on(env, node.Name).Spindles(d); err != nil && disk.InVolumes(d.DevType) {
			return fault.Refuse(fault.WrongState, "Disk %s cannot be made on node %s: %w", d.IVName, node.Name, err)
		}
	}
	return spaceFor(disks).check(ctx, env, node)
}

// reservedSpace is what other jobs are about to take.
func reservedSpace(env *job.Env, node *config.Node, vg string) (mib int64) {
	for _, r := range env.Config.Reservations {
		if r.Job != env.Job && r.Node == node.UUID && r.VG == vg {
			mib += r.MiB
		}
	}
	return mib
}

// book reserves it.
func (n need) book(cfg *config.Config, env *job.Env, node string) {
	for _, vg := range slices.Sorted(maps.Keys(n)) {
		cfg.Reservations = append(cfg.Reservations, &config.Reservation{Job: env.Job, Node: node, VG: vg, MiB: n[vg]})
	}
}

// minorsInUse are those that nodes have set up, by the UUIDs of the nodes, whatever the configuration says of them.
func minorsInUse(ctx context.Context, env *job.Env, nodes ...*config.Node) (map[string]map[int]bool, error) {
	all := map[string]map[int]bool{}
	for _, n := range nodes {
		seen, err := drbd.Statuses(ctx, env.Nodes, n.Name)
		if err != nil {
			return nil, fault.Refuse(fault.Environment, "Cannot get DRBD information from node %s: %w", n.Name, err)
		}
		all[n.UUID] = map[int]bool{}
		for minor := range seen {
			all[n.UUID][minor] = true
		}
	}
	return all, nil
}

// mirrorUp gives disks that are to be mirrored between two nodes their minors, ports and secrets, and reserves them. used are the
// minors that the nodes have.
func mirrorUp(cfg *config.Config, env *job.Env, disks []*config.Disk, a, b string, used map[string]map[int]bool) error {
	for _, d := range disks {
		if d.DevType != config.DTDRBD {
			continue
		}
		port, err := cfg.FreePort()
		if err != nil {
			return err
		}
		id := config.DRBDID{NodeA: a, NodeB: b, Port: port, MinorA: cfg.FreeMinor(a, used[a]), MinorB: cfg.FreeMinor(b, used[b]), Secret: cfg.NewSecret()}
		d.LogicalID, d.Nodes = id.LogicalID(), []string{a, b}
		for _, child := range d.Children {
			child.Nodes = []string{a, b}
		}
		cfg.Reservations = append(cfg.Reservations, &config.Reservation{Job: env.Job, Node: a, Minor: new(id.MinorA)},
			&config.Reservation{Job: env.Job, Node: b, Minor: new(id.MinorB)}, &config.Reservation{Job: env.Job, Port: id.Port})
	}
	return nil
}

// claimPorts notes in the pool that the ports of new mirrored disks are theirs now.
func claimPorts(cfg *config.Config, disks []*config.Disk) {
	for _, d := range disks {
		if id, ok := d.DRBD(); ok {
			cfg.ClaimPort(id.Port)
		}
	}
}

// returnPorts gives them back.
func returnPorts(cfg *config.Config, disks []*config.Disk) {
	for _, d := range disks {
		if id, ok := d.DRBD(); ok {
			cfg.ReturnPort(id.Port)
		}
	}
}
