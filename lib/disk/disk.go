// Package disk is one disk of an instance, whatever its template: it is made, attached, linked for the hypervisor, grown,
// wiped and removed by the same calls. What is done on the node is the work of the package of its storage.
package disk

import (
	"context"
	"path"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// Supported refuses templates that nothing here can make yet.
func Supported(template string) error {
	switch template {
	case config.DTDiskless, config.DTFile, config.DTSharedFile, config.DTBlock, config.DTPlain:
		return nil
	}
	return fault.Refuse(fault.Environment, "Disks of template '%s' cannot be handled by this version", template)
}

// unsupported is for disks that came into the configuration by another way than ours.
func unsupported(d *config.Disk) error {
	return fault.New(fault.BlockDevice, "Disks of template '%s' cannot be handled by this version", d.DevType)
}

// Mirrored says that other nodes than the primary can run an instance with these disks without a copy.
func Mirrored(template string) bool { return template == config.DTDRBD || Shared(template) }

// Shared says that disks of a template can be reached from every node.
func Shared(template string) bool {
	switch template {
	case config.DTBlock, config.DTDiskless, config.DTExt, config.DTGluster, config.DTRBD, config.DTSharedFile:
		return true
	}
	return false
}

// InFiles says that disks of a template are files below a directory of their instance.
func InFiles(template string) bool {
	return template == config.DTFile || template == config.DTSharedFile || template == config.DTGluster
}

// Device is where a disk is on a node on which it is attached.
func Device(d *config.Disk) string {
	if vg, lv, ok := d.LV(); ok {
		return lvm.Volume{VG: vg, Name: lv}.Device()
	}
	return d.Path()
}

// Create makes a disk on a node, with the parameters of its template. On failure nothing of it is left, unless the outcome is unknown.
func Create(ctx context.Context, r remote.Runner, node, instance string, d *config.Disk, params config.Params) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Create(ctx, r, node, d.Path(), d.Size)
	case config.DTBlock:
		return exists(ctx, r, node, d)
	case config.DTPlain:
		return createVolume(ctx, r, node, instance, d, params.Int("stripes"))
	}
	return unsupported(d)
}

func createVolume(ctx context.Context, r remote.Runner, node, instance string, d *config.Disk, stripes int64) error {
	v := volume(d)
	if err := lvm.Create(ctx, r, node, v, d.Size, max(1, stripes), d.Spindles); err != nil {
		return err
	}
	if err := lvm.SetTag(ctx, r, node, v, instance); err != nil {
		return err
	}
	return nil
}

func volume(d *config.Disk) lvm.Volume {
	vg, name, _ := d.LV()
	return lvm.Volume{VG: vg, Name: name}
}

// Dir is the directory that the file of a disk is in, "" for disks that are no files.
func Dir(d *config.Disk) string {
	if !InFiles(d.DevType) {
		return ""
	}
	return path.Dir(d.Path())
}

// MakeDir makes the directory that the files of an instance's disks are in, where the node's administrator allows it; other
// templates need none.
func MakeDir(ctx context.Context, r remote.Runner, node string, d *config.Disk) error {
	dir := Dir(d)
	if dir == "" {
		return nil
	}
	err := filedisk.CheckPath(ctx, r, node, dir, false)
	if err == nil {
		err = filedisk.MakeDir(ctx, r, node, dir)
	}
	if err != nil {
		return fault.Exec("Failed to create directory '%s' on node %s: %w", dir, node, err)
	}
	return nil
}

// RemoveDir removes that directory once it is empty.
func RemoveDir(ctx context.Context, r remote.Runner, node string, d *config.Disk) error {
	dir := Dir(d)
	if dir == "" {
		return nil
	}
	return filedisk.RemoveDir(ctx, r, node, dir)
}

// Remove removes a disk with its data; one that is not there is no error where the storage can tell.
func Remove(ctx context.Context, r remote.Runner, node string, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Remove(ctx, r, node, d.Path())
	case config.DTBlock:
		return nil // it was there before us
	case config.DTPlain:
		return lvm.Remove(ctx, r, node, volume(d))
	}
	return unsupported(d)
}

// Grow makes a disk larger by so many MiB. With dryRun only what can be known beforehand is checked.
func Grow(ctx context.Context, r remote.Runner, node string, d *config.Disk, more int64, dryRun bool) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Grow(ctx, r, node, d.Path(), d.Size+more, dryRun)
	case config.DTPlain:
		all, err := lvm.LVs(ctx, r, node)
		if err != nil {
			return err
		}
		lv, ok := all[volume(d)]
		if !ok {
			return fault.New(fault.BlockDevice, "Can't find volume %s", volume(d))
		}
		return lvm.Grow(ctx, r, node, lv, more, dryRun)
	}
	return unsupported(d)
}

// exists checks that the device of an adopted disk is there.
func exists(ctx context.Context, r remote.Runner, node string, d *config.Disk) error {
	c := remote.Command("test", "-b", d.Path())
	c.OK = []int{1}
	out, err := r.Run(ctx, node, c)
	if err == nil && out.Status == 1 {
		return fault.New(fault.BlockDevice, "%s: No such block device", d.Path())
	}
	return err
}
