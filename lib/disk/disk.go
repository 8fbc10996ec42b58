// Package disk is one disk of an instance, whatever its template: it is made, attached, linked for the hypervisor, grown,
// wiped and removed by the same calls. What is done on the node is the work of the package of its storage.
package disk

import (
	"context"
	"errors"
	"path"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/gluster"
	"gantry/lib/lvm"
	"gantry/lib/rbd"
	"gantry/lib/remote"
)

// On is a node as disks see it: the way to it, its name, and the configuration that says where it is and with which parameters
// disks are set up there.
type On struct {
	remote.Runner
	Config  *config.Config
	Node    string
	Shared  bool // a disk that is opened may be in use on another node, too
	AnySize bool // a disk is as large as what it stands on, whatever the configuration says
}

// Supported refuses templates that nothing here can make yet.
func Supported(template string) error {
	switch template {
	case config.DTDiskless, config.DTFile, config.DTSharedFile, config.DTBlock, config.DTPlain, config.DTDRBD, config.DTExt, config.DTRBD, config.DTGluster:
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
	return template == config.DTFile || template == config.DTSharedFile
}

// InVolumes says that disks of a template are, or stand on, logical volumes.
func InVolumes(template string) bool { return template == config.DTPlain || template == config.DTDRBD }

// Device is where a disk is on a node, given by its UUID, on which it is attached.
func Device(d *config.Disk, node string) string {
	if vg, lv, ok := d.LV(); ok {
		return lvm.Volume{VG: vg, Name: lv}.Device()
	}
	if id, ok := d.DRBD(); ok {
		return drbd.Device{Minor: id.Minor(node)}.Path()
	}
	if _, _, ok := d.External(); ok {
		return external(d).Link()
	}
	if name, ok := d.Image(); ok {
		return rbd.Image{Name: name}.Link()
	}
	if d.DevType == config.DTGluster {
		return gluster.File(d.Path())
	}
	return d.Path()
}

// Device is where a disk is on this node.
func (on On) Device(d *config.Disk) string { return Device(d, on.uuid()) }

func (on On) uuid() string {
	if n := on.Config.NodeByName(on.Node); n != nil {
		return n.UUID
	}
	return ""
}

// params are those of a disk's template in the group of the node.
func (on On) params(d *config.Disk) config.Params { return on.Config.FilledDisk(d.DevType, on.group()) }

func (on On) group() *config.NodeGroup {
	if n := on.Config.NodeByName(on.Node); n != nil {
		return on.Config.Group(n.Group)
	}
	return nil
}

// Create makes a disk. On failure nothing of it is left, unless the outcome is unknown. A mirrored one is attached and connected by it.
func (on On) Create(ctx context.Context, instance string, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Create(ctx, on, on.Node, d.Path(), d.Size)
	case config.DTBlock:
		return on.exists(ctx, d)
	case config.DTPlain:
		return on.createVolume(ctx, instance, d, on.params(d).Int("stripes"))
	case config.DTDRBD:
		return on.createMirror(ctx, instance, d)
	case config.DTExt:
		return on.createExternal(ctx, instance, d)
	case config.DTRBD:
		return on.createImage(ctx, d)
	case config.DTGluster:
		return on.inGluster(ctx, d, func(file string) error {
			if err := filedisk.MakeDir(ctx, on, on.Node, path.Dir(file)); err != nil {
				return err
			}
			return filedisk.Create(ctx, on, on.Node, file, d.Size)
		})
	}
	return unsupported(d)
}

func (on On) createVolume(ctx context.Context, instance string, d *config.Disk, stripes int64) error {
	v := volume(d)
	spindles, err := on.Spindles(d)
	if err != nil {
		return err
	}
	if err := lvm.Create(ctx, on, on.Node, v, d.Size, max(1, stripes), spindles); err != nil {
		return err
	}
	err = lvm.SetTag(ctx, on, on.Node, v, instance)
	if err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, lvm.Remove(context.WithoutCancel(ctx), on, on.Node, v))
}

// exclusive says whether a disk has its physical volumes to itself on this node.
func (on On) exclusive() bool {
	n := on.Config.NodeByName(on.Node)
	return n != nil && on.Config.FilledND(n).Bool("exclusive_storage")
}

// SetInfo notes with a disk, where it can hold that, whose it is.
func (on On) SetInfo(ctx context.Context, instance string, d *config.Disk) error {
	switch d.DevType {
	case config.DTPlain:
		return lvm.SetTag(ctx, on, on.Node, volume(d), instance)
	case config.DTDRBD:
		for _, child := range d.Children {
			if err := lvm.SetTag(ctx, on, on.Node, volume(child), instance); err != nil {
				return err
			}
		}
	case config.DTExt:
		return on.external(d).SetInfo(ctx, on, on.Node, lvm.Tag(instance))
	}
	return nil
}

// Spindles is how many physical volumes of its own the volume of a disk gets on this node; nil is none.
func (on On) Spindles(d *config.Disk) (*int64, error) {
	if !on.exclusive() {
		return nil, nil
	}
	if d.Spindles == nil { // the words run together in Ganeti, too
		return nil, fault.New(fault.BlockDevice, "Unspecified number of spindles: this is requiredwhen exclusive storage is enabled, try running gnt-cluster repair-disk-sizes")
	}
	return d.Spindles, nil
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
func (on On) MakeDir(ctx context.Context, d *config.Disk) error {
	dir := Dir(d)
	if dir == "" {
		return nil
	}
	err := filedisk.CheckPath(ctx, on, on.Node, dir, false)
	if err == nil {
		err = filedisk.MakeDir(ctx, on, on.Node, dir)
	}
	if err != nil {
		return fault.Exec("Failed to create directory '%s' on node %s: %w", dir, on.Node, err)
	}
	return nil
}

// RemoveDir removes that directory once it is empty.
func (on On) RemoveDir(ctx context.Context, d *config.Disk) error {
	dir := Dir(d)
	if dir == "" {
		return nil
	}
	return filedisk.RemoveDir(ctx, on, on.Node, dir)
}

// Remove removes a disk with its data; one that is not there is no error where the storage can tell.
func (on On) Remove(ctx context.Context, d *config.Disk) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Remove(ctx, on, on.Node, d.Path())
	case config.DTBlock:
		return nil // it was there before us
	case config.DTPlain:
		return lvm.RemoveIfThere(ctx, on, on.Node, volume(d))
	case config.DTDRBD:
		return on.removeMirror(ctx, d)
	case config.DTExt:
		return on.removeExternal(ctx, d)
	case config.DTRBD:
		return on.image(d).Remove(ctx, on, on.Node)
	case config.DTGluster:
		return on.inGluster(ctx, d, func(file string) error { return filedisk.Remove(ctx, on, on.Node, file) })
	}
	return unsupported(d)
}

// Grow makes a disk larger by so many MiB. With dryRun only what can be known beforehand is checked. Of a mirrored one these are the
// volumes on this node; Resize follows.
func (on On) Grow(ctx context.Context, d *config.Disk, more int64, dryRun bool) error {
	switch d.DevType {
	case config.DTFile, config.DTSharedFile:
		return filedisk.Grow(ctx, on, on.Node, d.Path(), d.Size+more, dryRun)
	case config.DTPlain:
		return on.growVolume(ctx, d, more, dryRun)
	case config.DTDRBD:
		return on.growVolume(ctx, d.Children[0], more, dryRun)
	case config.DTExt:
		return on.growExternal(ctx, d, more, dryRun)
	case config.DTRBD:
		if dryRun {
			return nil // a pool does not say beforehand
		}
		return on.image(d).Grow(ctx, on, on.Node, d.Size+more)
	case config.DTGluster:
		return on.inGluster(ctx, d, func(file string) error { return filedisk.Grow(ctx, on, on.Node, file, d.Size+more, dryRun) })
	}
	return unsupported(d)
}

func (on On) growVolume(ctx context.Context, d *config.Disk, more int64, dryRun bool) error {
	all, err := lvm.LVs(ctx, on, on.Node)
	if err != nil {
		return err
	}
	lv, ok := all[volume(d)]
	if !ok {
		return fault.New(fault.BlockDevice, "Can't find volume %s", volume(d))
	}
	sizes, err := lvm.Sizes(ctx, on, on.Node, lv.VG)
	if err != nil {
		return err
	}
	for _, s := range sizes { // one that a job before has grown, and not recorded, need not grow again
		if s.Volume == lv.Volume && s.MiB >= float64(d.Size+more) {
			return nil
		}
	}
	if on.exclusive() {
		return lvm.GrowWithin(ctx, on, on.Node, lv, more, dryRun)
	}
	return lvm.Grow(ctx, on, on.Node, lv, more, dryRun)
}

// exists checks that the device of an adopted disk is there.
func (on On) exists(ctx context.Context, d *config.Disk) error {
	c := remote.Command("test", "-b", d.Path())
	c.OK = []int{1}
	out, err := on.Run(ctx, on.Node, c)
	if err == nil && out.Status == 1 {
		return fault.New(fault.BlockDevice, "%s: No such block device", d.Path())
	}
	return err
}
