package instance

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// onNewNode makes another node the secondary. Until that is recorded all can be taken back; the guest runs on meanwhile.
func (w *replaceDisks) onNewNode(ctx context.Context) error {
	if err := w.checkPresent(ctx, w.other); err != nil {
		return err
	}
	if err := w.checkWhole(ctx, true); err != nil {
		return err
	}
	before := w.disks
	moved := make([]*config.Disk, len(before))
	w.env.Step(3, replaceSteps, "Allocate new storage")
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", func(ctx context.Context) error { return w.reserveMoved(ctx, before, moved) }),
		job.Do("", func(ctx context.Context) error { return w.allocateMoved(ctx, moved) }).
			Undo(func(ctx context.Context) error { return w.dropMoved(ctx, moved) }),
		job.Do("", func(ctx context.Context) error { return w.activateMoved(ctx, moved) }).
			Undo(func(ctx context.Context) error { return w.downMoved(ctx, moved) }),
		job.Do("", nothing).Undo(func(ctx context.Context) error { return w.reconnectOld(ctx, before) }),
		job.Do("", func(ctx context.Context) error { return w.endOld(ctx, before) }),
		job.Do("", func(ctx context.Context) error { return w.leaveOld(ctx, before) }),
		job.Do("", func(ctx context.Context) error { return w.recordMoved(ctx, moved) }),
	})
	if err != nil {
		return err
	}
	w.disks = nil
	for _, d := range before {
		w.disks = append(w.disks, w.env.Config.Disk(d.UUID))
	}
	if err := w.meet(ctx); err != nil {
		return err
	}
	return w.finish(ctx, func(ctx context.Context) error {
		for i, d := range before {
			w.env.Info("Remove logical volumes for %d", i)
			if err := w.removeFromOld(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// reserveMoved works out the disks as they are to be: the other node in the place of the old one, with a minor of its own. Space and
// minor are found and reserved with the nodes locked; what follows touches nothing of others, so that several instances leave a node at
// the same time.
func (w *replaceDisks) reserveMoved(ctx context.Context, before, moved []*config.Disk) error {
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		if n := cfg.Node(w.next.UUID); n == nil || n.Offline {
			return fault.Exec("Can't use offline node: %s", w.next.Name)
		}
		for i, d := range before {
			next := *d
			minor := cfg.FreeMinor(w.next.UUID, w.minors[w.next.UUID])
			next.LogicalID = withNode(d, w.old.UUID, w.next.UUID, minor)
			next.Nodes = inPlace(d.Nodes, w.old.UUID, w.next.UUID)
			next.Children = nil
			for _, child := range d.Children {
				own := *child
				own.Nodes = inPlace(child.Nodes, w.old.UUID, w.next.UUID)
				next.Children = append(next.Children, &own)
			}
			moved[i] = &next
			cfg.Reservations = append(cfg.Reservations, &config.Reservation{Job: w.env.Job, Node: w.next.UUID, Minor: &minor})
		}
		spaceFor(before).book(cfg, w.env, w.next.UUID)
		return nil
	})
	if err != nil {
		return err
	}
	return w.releaseNodes()
}

// withNode is the logical id of a disk with another node, and its minor, in the place of one.
func withNode(d *config.Disk, old, next string, minor int) config.LogicalID {
	id, _ := d.DRBD()
	if id.NodeA == old {
		id.NodeA, id.MinorA = next, minor
	} else {
		id.NodeB, id.MinorB = next, minor
	}
	return id.LogicalID()
}

func inPlace(nodes []string, old, next string) []string {
	list := make([]string, len(nodes))
	for i, uuid := range nodes {
		if list[i] = uuid; uuid == old {
			list[i] = next
		}
	}
	return list
}

// checkLeftovers refuses when volumes of the disks' names are on a node already and in use, and else removes nothing yet: they are left
// from an earlier time at which the node had a side of the same disks.
func checkLeftovers(ctx context.Context, env *job.Env, inst *config.Instance, disks []*config.Disk, node string) error {
	all, err := lvm.LVs(ctx, env.Nodes, node)
	if err != nil {
		return fault.Refuse(fault.Environment, "Cannot get LV information from node %s: %w", node, err)
	}
	for _, d := range disks {
		for _, child := range d.Children {
			if lv, there := all[volumeOf(child)]; there && lv.Attributes[5] == 'o' {
				return fault.Refuse(fault.WrongState, "Volume %s of instance %s is on node %s already, and in use", volumeOf(child), inst.Name, node)
			}
		}
	}
	return nil
}

// removeLeftovers removes them. Nobody else's can be meant: the names are made of the disks' own UUIDs, and the tag is the instance's.
func removeLeftovers(ctx context.Context, env *job.Env, inst *config.Instance, d *config.Disk, node string) error {
	for _, child := range d.Children {
		v := volumeOf(child)
		there, err := lvm.Exists(ctx, env.Nodes, node, v)
		if err != nil || !there {
			if err != nil {
				return err
			}
			continue
		}
		tagged, err := lvm.HasTag(ctx, env.Nodes, node, v, inst.Name)
		if err != nil {
			return err
		}
		if !tagged {
			return fault.Exec("Volume %s is on node %s already and is not tagged %s; remove it there if nobody needs it", v, node, lvm.Tag(inst.Name))
		}
		env.Info("Removing volume %s on node %s, which is left from an earlier side of %s", v, node, d.IVName)
		if err := lvm.Remove(ctx, env.Nodes, node, v); err != nil {
			return err
		}
	}
	return nil
}

// allocateMoved makes the volumes on the new node. On failure none is left.
func (w *replaceDisks) allocateMoved(ctx context.Context, moved []*config.Disk) error {
	for i, d := range moved {
		w.env.Info("Adding new local storage on %s for disk/%d", w.next.Name, i)
		err := removeLeftovers(ctx, w.env, w.inst, d, w.next.Name)
		if err == nil {
			err = w.on(w.next.Name).CreateVolumes(ctx, w.inst.Name, d)
		}
		if err == nil {
			continue
		}
		if isUnknown(err) {
			return err
		}
		return errors.Join(fault.Exec("Can't create block device: %w", err), w.dropMoved(context.WithoutCancel(ctx), moved[:i]))
	}
	return nil
}

func (w *replaceDisks) dropMoved(ctx context.Context, moved []*config.Disk) error {
	var all error
	for _, d := range moved {
		all = errors.Join(all, w.on(w.next.Name).RemoveVolumes(ctx, d.Children...))
	}
	return all
}

// activateMoved sets up the new side without a connection. On failure none is left.
func (w *replaceDisks) activateMoved(ctx context.Context, moved []*config.Disk) error {
	w.env.Step(4, replaceSteps, "Changing drbd configuration")
	for i, d := range moved {
		w.env.Info("activating a new drbd on %s for disk/%d", w.next.Name, i)
		id, _ := d.DRBD()
		there := w.on(w.next.Name)
		err := there.FormatAs(ctx, d, id.Minor(w.next.UUID))
		if err == nil {
			err = there.AttachAlone(ctx, d)
		}
		if err == nil {
			continue
		}
		if isUnknown(err) {
			return err
		}
		return errors.Join(fault.Exec("Can't create block device: %w", err), w.downMoved(context.WithoutCancel(ctx), moved[:i+1]))
	}
	return nil
}

func (w *replaceDisks) downMoved(ctx context.Context, moved []*config.Disk) error {
	var all error
	for _, d := range moved {
		all = errors.Join(all, w.on(w.next.Name).Detach(ctx, d))
	}
	return all
}

// endOld ends the old side, which may be dead.
func (w *replaceDisks) endOld(ctx context.Context, before []*config.Disk) error {
	for i, d := range before {
		w.env.Info("Shutting down drbd for disk/%d on old node", i)
		err := error(fault.Exec("Node is marked offline"))
		if !w.old.Offline {
			err = w.on(w.old.Name).Detach(ctx, d)
		}
		if isUnknown(err) {
			return err
		}
		if err != nil {
			w.env.Warn("Failed to shutdown drbd for disk/%d on old node: %v", i, err)
			w.env.Hint("Please cleanup this device manually as soon as possible")
		}
	}
	return nil
}

func (w *replaceDisks) leaveOld(ctx context.Context, before []*config.Disk) error {
	w.env.Info("Detaching primary drbds from the network (=> standalone)")
	if err := w.on(w.primary().Name).Disconnect(ctx, before...); err != nil {
		return fault.Exec("Can't detach the disks from the network on old node: %w", err)
	}
	return nil
}

// reconnectOld is the way back to the old side.
func (w *replaceDisks) reconnectOld(ctx context.Context, before []*config.Disk) error {
	nodes := []string{w.primary().Name}
	if !w.old.Offline {
		nodes = append(nodes, w.old.Name)
	}
	var all error
	for _, reply := range remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (struct{}, error) {
		var failed error
		for _, d := range before {
			failed = errors.Join(failed, w.on(node).Attach(ctx, d))
		}
		return struct{}{}, failed
	}) {
		all = errors.Join(all, reply.Err)
	}
	return all
}

func (w *replaceDisks) recordMoved(ctx context.Context, moved []*config.Disk) error {
	w.env.Info("Updating instance configuration")
	return w.update(ctx, func(cfg *config.Config, _ *config.Instance) error {
		w.env.Convert(cfg, nil)
		for _, next := range moved {
			d := cfg.Disk(next.UUID)
			if d == nil {
				return fault.Exec("Disk %s is not in the configuration", next.UUID)
			}
			d.LogicalID, d.Nodes, d.Children = next.LogicalID, next.Nodes, next.Children
			d.Touch(w.env.Clock())
		}
		return nil
	})
}

// meet connects the primary to its new peer. From here on there is no way back: what fails is told, and the disks say the rest.
func (w *replaceDisks) meet(ctx context.Context) error {
	w.env.Info("Attaching primary drbds to new secondary (standalone => connected)")
	for _, reply := range remote.Each(ctx, []string{w.primary().Name, w.next.Name}, 0, func(ctx context.Context, node string) (struct{}, error) {
		return struct{}{}, w.on(node).Reconnect(ctx, drbd.OnePrimary, w.disks...)
	}) {
		if isUnknown(reply.Err) {
			return reply.Err
		}
		if reply.Err != nil {
			w.env.Warn("Can't attach drbd disks on node %s: %v", reply.Node, reply.Err)
			w.env.Hint("please do a gnt-instance info to see the status of disks")
		}
	}
	return nil
}

// removeFromOld removes the volumes of a disk on the old node.
func (w *replaceDisks) removeFromOld(ctx context.Context, d *config.Disk) error {
	err := error(fault.Exec("Node is marked offline"))
	if !w.old.Offline {
		err = w.on(w.old.Name).RemoveVolumes(ctx, d.Children...)
	}
	if err == nil || isUnknown(err) {
		return err
	}
	w.env.Warn("Can't remove old LV: %v", err)
	w.env.Hint("remove unused LVs manually")
	return nil
}
