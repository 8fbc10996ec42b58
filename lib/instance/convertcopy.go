package instance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/job"
	"gantry/lib/osdef"
	"gantry/lib/unit"
)

// recreation is the working state of a conversion that makes new disks of another template and copies the data to them.
type recreation struct {
	w          *modify
	from, to   string // the templates, as they are said
	old, fresh []*config.Disk
	made       int // how many of the new ones there may be
}

// checkRecreation lays out the new disks, and makes sure that there is room for them.
func (w *modify) checkRecreation(ctx context.Context, now string) (err error) {
	cfg := w.env.Config
	r := &recreation{w: w, from: now, to: w.DiskTemplate, old: cfg.InstanceDisks(w.inst)}
	if err := checkOnline(w.primary()); err != nil {
		return err
	}
	if cfg.FilledND(w.primary()).Bool("exclusive_storage") && w.DiskTemplate != config.DTPlain {
		return w.refuseExclusive()
	}
	if w.DiskTemplate == config.DTDRBD {
		if err := w.checkSecondary(ctx); err != nil {
			return err
		}
	}
	if err := r.layOut(); err != nil {
		return err
	}
	if len(spaceFor(r.fresh)) > 0 {
		for _, n := range r.nodes() {
			if err := checkRoom(ctx, w.env, r.fresh, n); err != nil {
				return err
			}
		}
	}
	if w.snode != nil {
		w.minors, err = minorsInUse(ctx, w.env, r.nodes()...)
	}
	w.convert = r.run
	return err
}

// nodes are those that the new disks are on.
func (r *recreation) nodes() []*config.Node {
	if r.w.snode != nil {
		return []*config.Node{r.w.primary(), r.w.snode}
	}
	return []*config.Node{r.w.primary()}
}

// layOut works out the new disks: those of the old ones' sizes, modes and names.
func (r *recreation) layOut() (err error) {
	w, template := r.w, r.w.DiskTemplate
	provider := text(w.ExtParams, "provider")
	if template == config.DTExt {
		r.to += ":" + provider
	}
	var asked []diskRequest
	for i, old := range r.old {
		if has, _, ok := old.External(); ok && template == config.DTExt && has == provider {
			return fault.Refuse(fault.WrongInput, "Not converting, 'disk/%d' of type ExtStorage already using provider '%s'", i, provider)
		}
		a := diskRequest{size: old.Size, mode: old.Mode, name: old.Name, vg: w.env.Config.Cluster.VolumeGroupName}
		if template == config.DTExt {
			a.params = maps.Clone(config.Params(w.ExtParams))
		}
		asked = append(asked, a)
	}
	r.fresh, err = w.layOut(template, 0, asked...)
	return err
}

// run copies the disks. The old ones are only read, and go once the configuration has the new ones.
func (r *recreation) run(ctx context.Context) error {
	w := r.w
	w.env.Say("Converting disk template from '%s' to '%s'", r.from, r.to)
	w.env.Say("Generating new '%s' disk template...", r.to)
	for i, d := range r.fresh {
		if d.DevType != config.DTDRBD { // of which Ganeti does not tell
			w.env.Say("* disk %d, size %s", i, unit.FormatSize(float64(d.Size), "h"))
		}
	}
	if err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.endMirrors),
		job.Do("", r.reserve),
		job.Do("", r.create).Undo(r.takeBack),
		job.Do("", r.populate),
		job.Do("", r.record),
	}); err != nil {
		return err
	}
	whole, err := waitSynced(ctx, w.env, w.inst, w.primary().Name, w.env.Config.InstanceDisks(w.inst), !w.WaitForSync)
	if err == nil && !whole {
		err = fault.Exec("There are some degraded disks for this instance, please cleanup manually")
	}
	if err != nil {
		return err
	}
	return r.removeOld(ctx)
}

func (r *recreation) reserve(ctx context.Context) error {
	w, space := r.w, spaceFor(r.fresh)
	if len(space) == 0 {
		return nil
	}
	return w.env.Update(ctx, func(cfg *config.Config) error {
		for _, n := range r.nodes() {
			if now := cfg.Node(n.UUID); now == nil || now.Offline {
				return fault.Exec("Can't use offline node: %s", n.Name)
			}
			space.book(cfg, w.env, n.UUID)
		}
		if w.snode == nil {
			return nil
		}
		return mirrorUp(cfg, w.env, r.fresh, w.inst.PrimaryNode, w.snode.UUID, w.minors)
	})
}

func (r *recreation) create(ctx context.Context) error {
	w := r.w
	w.env.Say("Creating new empty disks of type '%s'...", r.to)
	for _, d := range r.fresh {
		err := w.on(w.primary().Name).MakeDir(ctx, d)
		if err == nil {
			err = makeDisk(ctx, w.env, w.inst.Name, w.primary().Name, d)
		}
		if err != nil {
			w.env.Warn("Device creation failed")
			if isUnknown(err) {
				return err
			}
			return errors.Join(err, r.remove(context.WithoutCancel(ctx)))
		}
		r.made++
	}
	return nil
}

// remove removes the new disks, unless they have become the instance's.
func (r *recreation) remove(ctx context.Context) (all error) {
	w := r.w
	for ; r.made > 0; r.made-- {
		d := r.fresh[r.made-1]
		if w.env.Config.Disk(d.UUID) != nil {
			return fault.Exec("Disk %s is in use", d.UUID)
		}
		err := removeDisk(ctx, w.env, w.primary().Name, d, func(_ string, err error) { all = errors.Join(all, err) })
		all = errors.Join(all, err)
	}
	if all == nil && len(r.fresh) > 0 {
		all = w.on(w.primary().Name).RemoveDir(ctx, r.fresh[0])
	}
	return all
}

// takeBack removes them, and says so.
func (r *recreation) takeBack(ctx context.Context) error {
	r.w.env.Info("Removing newly created disks of type '%s'...", r.to)
	err := r.remove(ctx)
	if err == nil {
		r.w.env.Info("Newly created disks removed successfully")
	}
	return err
}

// populate copies the data on the primary node.
func (r *recreation) populate(ctx context.Context) error {
	w := r.w
	w.env.Say("Populating the new empty disks of type '%s'...", r.to)
	for i, d := range r.fresh {
		w.env.Say(" - copying data from disk %d (%s), size %s", i, r.old[i].DevType, unit.FormatSize(float64(d.Size), "h"))
		err := r.copy(ctx, i)
		if err == nil {
			continue
		}
		if isUnknown(err) {
			return err
		}
		w.env.Say(" - ERROR: Could not copy disk '%s' to '%s'", disk.Device(r.old[i], w.inst.PrimaryNode), disk.Device(d, w.inst.PrimaryNode))
		w.env.Info("Some disks failed to copy")
		w.env.Info("The instance will not be affected, aborting operation")
		return fault.Exec("Error while converting the instance's template: %w", err)
	}
	return nil
}

func (r *recreation) copy(ctx context.Context, i int) error {
	w := r.w
	from, to := r.old[i], r.fresh[i]
	if from.DevType == config.DTDRBD {
		from = from.Children[0]
	}
	here := w.on(w.primary().Name)
	for _, d := range []*config.Disk{from, to} {
		err := here.Attach(ctx, d)
		if errors.Is(err, filedisk.ErrNoFile) {
			return fault.Exec("Cannot copy from device '%s': device not found", d.UUID)
		}
		if err != nil {
			return fmt.Errorf("Error while assembling disk: %w", err)
		}
	}
	id := fmt.Sprintf("convert-%d-%d-%s", w.env.Job, i, w.inst.UUID)
	out, err := runDurably(ctx, w.env, w.primary().Name, id, backup.Convert(here.Device(from), to.Size, here.Device(to)))
	if err != nil {
		return err
	}
	if end := backup.Judge("export", out); !end.OK() {
		return fault.Exec("Can't copy data from '%s' to '%s': %s (recent output: %s)", here.Device(from), here.Device(to),
			strings.TrimSpace(end.Sent+" "+end.Received), osdef.LastLines(end.Log))
	}
	return nil
}

func (r *recreation) record(ctx context.Context) error {
	w := r.w
	w.env.Say("Detaching old disks (%s) from the instance and removing them from cluster config", r.from)
	w.env.Say("Adding new disks (%s) to cluster config and attaching them to the instance", r.to)
	return w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		w.convertDisks(cfg)
		returnPorts(cfg, cfg.InstanceDisks(inst))
		claimPorts(cfg, r.fresh)
		exchangeDisks(cfg, inst, r.fresh, w.env)
		return nil
	})
}

// removeOld warns of what it cannot remove: the instance has other disks.
func (r *recreation) removeOld(ctx context.Context) error {
	w := r.w
	w.env.Say("Removing old block devices of type '%s'...", r.from)
	failed := false
	for i, d := range r.old {
		if err := w.on(w.primary().Name).Detach(ctx, d); err != nil {
			if isUnknown(err) {
				return err
			}
			w.env.Warn("%v", err)
		}
		if err := removeDisk(ctx, w.env, w.primary().Name, d, func(node string, err error) {
			failed = true
			w.env.Warn("Could not remove disk %d on node %s, continuing anyway: %v", i, node, err)
		}); err != nil {
			return err
		}
	}
	if failed || len(r.old) == 0 {
		return nil
	}
	if err := w.on(w.primary().Name).RemoveDir(ctx, r.old[0]); err != nil {
		w.env.Warn("%v", err)
	}
	return nil
}

// removeConverted removes what a conversion that was cut off has left of the old disks. The copies are whole if the configuration
// has them: they are recorded only then.
func (x *remains) removeConverted(ctx context.Context) error {
	for _, in := range x.done {
		from, to, is := backup.Converted(in.Changes)
		if !is || !x.on(in.Node) || !x.hasDevice(in.Node, to) || x.used(in.Node, from) || x.claimed(in.Node, volumeAt(from)) {
			continue
		}
		if err := x.removeLeft(ctx, in.Node, from); err != nil {
			return err
		}
	}
	return nil
}

// hasDevice says whether the configuration has a disk that is to be seen there on a node.
func (x *remains) hasDevice(node, device string) bool {
	n := x.env.Config.NodeByName(node)
	return n != nil && slices.ContainsFunc(x.env.Config.Disks, func(d *config.Disk) bool { return disk.Device(d, n.UUID) == device })
}
