package disk

import (
	"context"
	"errors"
	"strings"

	"gantry/lib/config"
	"gantry/lib/extstorage"
	"gantry/lib/fault"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// external is the volume of a disk that a provider keeps.
func external(d *config.Disk) extstorage.Volume {
	provider, name, _ := d.External()
	return extstorage.Volume{Provider: provider, Name: name, UUID: d.UUID, CName: d.Name}
}

// external has the parameters that are in force on this node, too.
func (on On) external(d *config.Disk) extstorage.Volume {
	v := external(d)
	v.Params = on.params(d).Update(d.Params)
	return v
}

// createExternal makes a volume and tells its provider whose it is.
func (on On) createExternal(ctx context.Context, instance string, d *config.Disk) error {
	v := on.external(d)
	if err := v.Create(ctx, on, on.Node, d.Size); err != nil {
		return err
	}
	err := on.attachExternal(ctx, d)
	if err == nil {
		err = v.Open(ctx, on, on.Node, true)
	}
	if err == nil {
		err = v.SetInfo(ctx, on, on.Node, lvm.Tag(instance))
	}
	if err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, on.removeExternal(context.WithoutCancel(ctx), d))
}

func (on On) removeExternal(ctx context.Context, d *config.Disk) error {
	v := on.external(d)
	if err := v.Detach(ctx, on, on.Node); err != nil {
		return err
	}
	return v.Remove(ctx, on, on.Node)
}

func (on On) growExternal(ctx context.Context, d *config.Disk, more int64, dryRun bool) error {
	if dryRun {
		return nil // providers cannot be asked
	}
	return on.external(d).Grow(ctx, on, on.Node, d.Size, d.Size+more)
}

// SnapshotOf is the snapshot of a disk as a disk of its own, called as in Ganeti. It has no UUID: that of the disk means something else.
func SnapshotOf(d *config.Disk) *config.Disk {
	if d.DevType == config.DTDRBD {
		d = d.Children[0]
	}
	snap := *d
	snap.UUID, snap.Name = "", ""
	if provider, name, ok := d.External(); ok {
		snap.LogicalID = config.LogicalID{provider, name + ".snap"}
	} else {
		vg, name, _ := d.LV()
		snap.LogicalID = config.LogicalID{vg, name + ".snap"}
	}
	return &snap
}

// Snapshot makes the snapshot of a disk, and attaches it. On failure nothing of it is left, unless the outcome is unknown.
func (on On) Snapshot(ctx context.Context, d *config.Disk) error {
	snap := SnapshotOf(d)
	switch d.DevType {
	case config.DTDRBD:
		return lvm.Snapshot(ctx, on, on.Node, volume(d.Children[0]), d.Size, volume(snap).Name)
	case config.DTPlain:
		return lvm.Snapshot(ctx, on, on.Node, volume(d), d.Size, volume(snap).Name)
	}
	if err := on.external(d).Snapshot(ctx, on, on.Node, on.external(snap).Name, d.Size); err != nil {
		return err
	}
	err := on.attachDevice(ctx, snap) // which is read, whoever opens the disk itself
	if err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, on.removeExternal(context.WithoutCancel(ctx), snap))
}

// opener is the hypervisor that can open volumes by itself.
const opener = config.HVKVM

// attachExternal wants a device, or a name for the hypervisor where that is to open the volume.
func (on On) attachExternal(ctx context.Context, d *config.Disk) error {
	if !on.userspace(d) {
		return on.attachDevice(ctx, d)
	}
	v := on.external(d)
	a, err := v.Attach(ctx, on, on.Node)
	if err == nil && a.Device == "" {
		_, err = v.URI(a, opener)
	}
	return err
}

func (on On) externalURI(ctx context.Context, d *config.Disk) (string, error) {
	v := on.external(d)
	a, err := v.Attach(ctx, on, on.Node)
	if err != nil {
		return "", err
	}
	return v.URI(a, opener)
}

// attachDevice wants a device.
func (on On) attachDevice(ctx context.Context, d *config.Disk) error {
	v := on.external(d)
	a, err := v.Attach(ctx, on, on.Node)
	if err == nil && a.Device == "" {
		return fault.New(fault.BlockDevice, "External storage's attach script of provider %s names no device", v.Provider)
	}
	return err
}

// Path is the device file of an attached disk itself, which its provider chose where there is one; "" is no device.
func (on On) Path(ctx context.Context, d *config.Disk) (string, error) {
	if d.DevType != config.DTExt {
		return on.Device(d), nil
	}
	out, err := on.Run(ctx, on.Node, remote.Command("readlink", "--", on.Device(d)))
	device := strings.TrimSuffix(string(out.Stdout), "\n")
	if device == extstorage.NoDevice {
		device = ""
	}
	return device, err
}
