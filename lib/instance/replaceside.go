package instance

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// replaced is what old volumes are called until the new ones have taken over.
const replaced = "_replaced-"

// exchange is one disk whose volumes on one node are exchanged. In the end the new ones have the old names, so that nothing changes in
// the configuration.
type exchange struct {
	w     *replaceDisks
	disk  *config.Disk
	fresh []*config.Disk // the new volumes, as they are called while they are made
	aside string         // behind the names of the old ones
	moved []lvm.Volume   // old ones that have been set aside, by their own names
	named int            // new ones that have got the old names
	apart bool           // the device has been detached
}

// onOneSide gives disks new volumes on one of their nodes.
func (w *replaceDisks) onOneSide(ctx context.Context) error {
	if err := w.checkPresent(ctx, w.other, w.target); err != nil {
		return err
	}
	if err := w.checkWhole(ctx, false); err != nil {
		return err
	}
	var list []*exchange
	var swaps []job.Step
	for i, d := range w.disks {
		x := &exchange{w: w, disk: d, aside: fmt.Sprintf("%s%d", replaced, w.env.Clock().Unix())}
		name := fmt.Sprintf("%s.disk%d", config.NewUUID(), w.Disks[i])
		for n, old := range d.Children {
			fresh := *old
			vg, _, _ := old.LV()
			fresh.LogicalID = config.LogicalID{vg, name + volumeKinds[n]}
			x.fresh = append(x.fresh, &fresh)
		}
		list = append(list, x)
		swaps = append(swaps, job.Do("", x.swap).Undo(x.keep))
	}
	w.env.Step(3, replaceSteps, "Allocate new storage")
	steps := []job.Step{job.Do("", func(ctx context.Context) error { return w.allocateAll(ctx, list) }).
		Undo(func(ctx context.Context) error { return w.dropAll(ctx, list) }),
		job.Do("", func(context.Context) error {
			w.env.Step(4, replaceSteps, "Changing drbd configuration")
			return nil
		})}
	if err := job.Run(ctx, w.env.Say, append(steps, swaps...)); err != nil {
		return err
	}
	return w.finish(ctx, func(ctx context.Context) error {
		for _, x := range list {
			w.env.Info("Remove logical volumes for %s", x.disk.IVName)
			if err := x.removeOld(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// allocateAll makes the new volumes. On failure none is left.
func (w *replaceDisks) allocateAll(ctx context.Context, list []*exchange) error {
	for i, x := range list {
		w.env.Info("Adding storage on %s for %s", w.target.Name, x.disk.IVName)
		like := *x.disk
		like.Children = x.fresh
		if err := w.on(w.target.Name).CreateVolumes(ctx, w.inst.Name, &like); err != nil {
			if isUnknown(err) {
				return err
			}
			return errors.Join(fault.Exec("%w", err), w.dropAll(context.WithoutCancel(ctx), list[:i]))
		}
	}
	return nil
}

// dropAll removes new volumes that have not taken over.
func (w *replaceDisks) dropAll(ctx context.Context, list []*exchange) error {
	var all error
	for _, x := range list {
		all = errors.Join(all, w.on(w.target.Name).RemoveVolumes(ctx, x.fresh...))
	}
	return all
}

// swap puts the new volumes in the place of the old ones. When it cannot be done it is taken back, until the new ones are attached.
func (x *exchange) swap(ctx context.Context) error {
	err := x.forth(ctx)
	if err == nil || isUnknown(err) {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if x.named == len(x.fresh) {
		setup, failure := x.w.on(x.w.target.Name).Setup(ctx, x.disk)
		if failure != nil || setup.Data != "" {
			return errors.Join(err, failure, x.keep(ctx))
		}
	}
	return errors.Join(err, x.back(ctx))
}

// keep leaves the new volumes where they are: once they have been attached DRBD does not know any more what the old ones lack.
func (x *exchange) keep(context.Context) error {
	for _, v := range x.moved {
		x.w.env.Warn("%s on node %s keeps its new volumes; remove %s%s when they are filled", x.disk.IVName, x.w.target.Name, v, x.aside)
	}
	return nil
}

func (x *exchange) forth(ctx context.Context) error {
	w, node, r := x.w, x.w.target.Name, x.w.env.Nodes
	w.env.Info("Detaching %s drbd from local storage", x.disk.IVName)
	if err := w.on(node).DetachVolumes(ctx, x.disk); err != nil {
		return fault.Exec("Can't detach drbd from local storage on node %s for device %s: %w", node, x.disk.IVName, err)
	}
	x.apart = true
	w.env.Info("Renaming the old LVs on the target node")
	for _, old := range x.disk.Children {
		v := volumeOf(old)
		there, err := lvm.Exists(ctx, r, node, v)
		if err == nil && there {
			err = lvm.Rename(ctx, r, node, v, v.Name+x.aside)
		}
		if err != nil {
			return fault.Exec("Can't rename old LVs on node %s: %w", node, err)
		}
		if there {
			x.moved = append(x.moved, v)
		}
	}
	w.env.Info("Renaming the new LVs on the target node")
	for i, fresh := range x.fresh {
		if err := lvm.Rename(ctx, r, node, volumeOf(fresh), volumeOf(x.disk.Children[i]).Name); err != nil {
			return fault.Exec("Can't rename new LVs on node %s: %w", node, err)
		}
		x.named++
	}
	w.env.Info("Adding new mirror component on %s", node)
	if err := w.attachFresh(ctx, x.disk); err != nil {
		return fault.Exec("Can't add local storage to drbd: %w", err)
	}
	return nil
}

// attachFresh formats new volumes and gives them to a device that is in use without any. drbdmeta only works for a minor that is not.
func (w *replaceDisks) attachFresh(ctx context.Context, d *config.Disk) error {
	there := w.on(w.target.Name)
	seen, err := drbd.Statuses(ctx, w.env.Nodes, w.target.Name)
	if err != nil {
		return err
	}
	used := map[int]bool{}
	for minor := range seen {
		used[minor] = true
	}
	if err := there.FormatAs(ctx, d, w.env.Config.FreeMinor(w.target.UUID, used)); err != nil {
		return err
	}
	return there.AttachAlone(ctx, d)
}

// back gives the old volumes their names and their place again.
func (x *exchange) back(ctx context.Context) error {
	w, node, r := x.w, x.w.target.Name, x.w.env.Nodes
	if x.named > 0 {
		if err := w.on(node).DetachVolumes(ctx, x.disk); err != nil {
			return err
		}
	}
	for x.named > 0 {
		i := x.named - 1
		if err := lvm.Rename(ctx, r, node, volumeOf(x.disk.Children[i]), volumeOf(x.fresh[i]).Name); err != nil {
			return err
		}
		x.named--
	}
	for _, v := range x.moved {
		if err := lvm.Rename(ctx, r, node, lvm.Volume{VG: v.VG, Name: v.Name + x.aside}, v.Name); err != nil {
			return err
		}
	}
	x.moved = nil
	if !x.apart {
		return nil
	}
	if err := w.on(node).Outdate(ctx, x.disk); err != nil {
		return err
	}
	return w.on(node).AttachAlone(ctx, x.disk)
}

func (x *exchange) removeOld(ctx context.Context) error {
	for _, v := range x.moved {
		v.Name += x.aside
		err := lvm.RemoveIfThere(ctx, x.w.env.Nodes, x.w.target.Name, v)
		if isUnknown(err) {
			return err
		}
		if err != nil {
			x.w.env.Warn("Can't remove old LV: %v", err)
			x.w.env.Hint("remove unused LVs manually")
		}
	}
	return nil
}

func volumeOf(d *config.Disk) lvm.Volume {
	vg, name, _ := d.LV()
	return lvm.Volume{VG: vg, Name: name}
}
