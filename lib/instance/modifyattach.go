package instance

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// A disk that is detached stays what it is, with its data and its place in the configuration, and belongs to no instance until it is
// attached to one.

// attachedDisk looks for the disk that is to be attached, and whether this instance can have it.
func (w *modify) attachedDisk(asked map[string]any) (*config.Disk, error) {
	uuid, byUUID := asked["uuid"]
	name, byName := asked["name"]
	if len(asked) != 1 || !byUUID && !byName {
		return nil, fault.Refuse(fault.WrongInput, "Only one argument is permitted in attach op, either name or uuid")
	}
	cfg := w.env.Config
	var found []*config.Disk
	for _, d := range cfg.Disks {
		if byUUID && d.UUID == uuid || byName && d.Name == name {
			found = append(found, d)
		}
	}
	switch {
	case len(found) > 1:
		return nil, fault.New(fault.Configuration, "There are %d disks with this name: %s", len(found), unit.Str(name))
	case len(found) == 0 && byUUID:
		return nil, fault.Refuse(fault.WrongInput, "No disk was found with this UUID: %s", unit.Str(uuid))
	case len(found) == 0:
		return nil, fault.Refuse(fault.WrongInput, "No disk was found with this name: %s", unit.Str(name))
	}
	d := *found[0]
	if err := w.canHave(&d); err != nil {
		return nil, err
	}
	return &d, w.canOpen(&d)
}

// canHave refuses a disk of another kind or place, or another instance's.
func (w *modify) canHave(d *config.Disk) error {
	cfg := w.env.Config
	if now := cfg.DiskTemplate(w.inst); now != d.DevType && now != config.DTDiskless {
		return fault.Refuse(fault.WrongInput, "Instance has '%s' template while disk has '%s' template", now, d.DevType)
	}
	nodes := cfg.InstanceNodes(w.inst)
	on := d.NodesOf()
	for _, uuid := range nodes {
		if len(on) > 0 && !slices.Contains(on, uuid) {
			return fault.Refuse(fault.WrongInput, "Disk nodes are %s while the instance's nodes are %s", unit.Repr(on), tuple(nodes))
		}
	}
	if id, mirrored := d.DRBD(); mirrored && id.NodeA != w.inst.PrimaryNode {
		return fault.Exec("The disks' primary node is %s whereas the instance's primary node is %s.", cfg.NodeName(id.NodeA), w.primary().Name)
	}
	if inst := cfg.DiskInstance(d.UUID); inst != nil {
		return fault.Exec("Disk '%s' already attached to instance '%s'", d.UUID, inst.Name)
	}
	return nil
}

// tuple shows a list as Ganeti does where it cannot be changed: (1,).
func tuple(list []string) string {
	text := strings.Trim(unit.Repr(list), "[]")
	if len(list) == 1 {
		text += ","
	}
	return "(" + text + ")"
}

// inOwnDir tells whether a disk is a file below a directory named after its instance.
func inOwnDir(d *config.Disk) bool {
	return d.DevType == config.DTFile || d.DevType == config.DTSharedFile
}

// rehome is where the file of a disk is to lie when it belongs to this instance, as disk number index, or to none (-1). Disks of other
// templates stay where they are.
func (w *modify) rehome(d *config.Disk, index int) (config.LogicalID, error) {
	if !inOwnDir(d) || len(d.LogicalID) != 2 {
		return d.LogicalID, nil
	}
	if index < 0 {
		return config.LogicalID{d.LogicalID[0], path.Join(path.Dir(path.Dir(d.Path())), path.Base(d.Path()))}, nil
	}
	dir, err := fileDir(w.env.Config, d.DevType, w.inst.Name, "")
	if err != nil {
		return nil, err
	}
	return config.LogicalID{d.LogicalID[0], path.Join(dir, fmt.Sprintf("%s.%s.disk%d", config.NewUUID(), d.DevType, index))}, nil
}

// moveFile gives the file of a disk another name, and says how to undo it.
func (w *modify) moveFile(d *config.Disk, to config.LogicalID) job.Step {
	from, node := d.Path(), w.primary().Name
	if !inOwnDir(d) || len(to) != 2 {
		return job.Do("", func(context.Context) error { return nil })
	}
	target := to[1].(string)
	return job.Do("", func(ctx context.Context) error {
		return filedisk.RenameFile(ctx, w.env.Nodes, node, from, target)
	}).Undo(func(ctx context.Context) error { return filedisk.RenameFile(ctx, w.env.Nodes, node, target, from) })
}

// attachDisk makes a disk the instance's, and gives it to a running guest if that is asked for.
func (w *modify) attachDisk(ctx context.Context, step *diskStep) error {
	to, err := w.rehome(step.disk, step.index)
	if err != nil {
		return err
	}
	if inOwnDir(step.disk) {
		w.env.Say("* disk %d, size %s", step.index, unit.FormatSize(float64(step.disk.Size), "h"))
	}
	if err := w.settle(ctx, step.disk, to, func(inst *config.Instance, d *config.Disk) {
		inst.Disks = slices.Insert(inst.Disks, min(step.index, len(inst.Disks)), d.UUID)
	}); err != nil {
		return err
	}
	step.disk = w.env.Config.Disk(step.disk.UUID)
	a := &assembly{env: w.env, inst: w.inst, node: w.primary().Name}
	if err := a.attach(ctx, []*config.Disk{step.disk}); err != nil {
		return err
	}
	if a.failed {
		step.said = append(step.said, [2]any{fmt.Sprintf("disk/%d", step.index), "assemble:failed"})
		return nil
	}
	if !w.Hotplug {
		return nil
	}
	w.env.Info("Trying to hotplug device...")
	return step.plugged(w.hotplugged(w.plugDisk(ctx, step)))
}

// dismissDisk takes a disk from the instance, and from a running guest if that is asked for.
func (w *modify) dismissDisk(ctx context.Context, step *diskStep) error {
	if w.Hotplug {
		w.env.Info("Trying to hotplug device...")
		if err := step.plugged(w.hotplugged(w.unplugDisk(ctx, step))); err != nil {
			return err
		}
	}
	if err := detachDisk(ctx, w.env.Nodes, w.env.Config, step.index, step.disk, w.primary().Name); err != nil {
		if isUnknown(err) {
			return err
		}
		w.env.Warn("%v", err)
	}
	to, err := w.rehome(step.disk, -1)
	if err != nil {
		return err
	}
	return w.settle(ctx, step.disk, to, func(inst *config.Instance, d *config.Disk) {
		d.IVName = ""
		inst.Disks = slices.DeleteFunc(inst.Disks, func(uuid string) bool { return uuid == d.UUID })
	})
}

// settle moves the file of a disk to where it is to lie, and records that and whose the disk is.
func (w *modify) settle(ctx context.Context, disk *config.Disk, to config.LogicalID, belong func(inst *config.Instance, d *config.Disk)) error {
	return job.Run(ctx, w.env.Say, []job.Step{
		w.moveFile(disk, to),
		job.Do("", func(ctx context.Context) error {
			return w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
				d := cfg.Disk(disk.UUID)
				if d == nil {
					return fault.Exec("Disk %s is not in the configuration", disk.UUID)
				}
				d.LogicalID = to
				d.Touch(w.env.Clock())
				belong(inst, d)
				renumber(cfg, inst)
				return nil
			})
		}),
	})
}
