package disk

import (
	"context"

	"gantry/lib/config"
)

// Who opens the disks of templates that have a choice.
const (
	Kernelspace = "kernelspace"
	Userspace   = "userspace"
)

// HasAccess says that disks of a template have that choice.
func HasAccess(template string) bool { return config.DiskTable(template).Get("access") != nil }

// Access is who opens a disk in a group: its own word goes before that of its template.
func Access(cfg *config.Config, d *config.Disk, group *config.NodeGroup) string {
	if !HasAccess(d.DevType) {
		return Kernelspace
	}
	return d.Params.Fill(cfg.FilledDisk(d.DevType, group)).String("access")
}

// userspace says that the hypervisor is to open a disk by itself.
func (on On) userspace(d *config.Disk) bool { return Access(on.Config, d, on.group()) == Userspace }

// URI is how the hypervisor opens a disk by itself, "" for disks that it opens as a device or file of the node. That of a volume of a
// provider is the provider's to tell, each time.
func (on On) URI(ctx context.Context, d *config.Disk) (string, error) {
	if !on.userspace(d) {
		return "", nil
	}
	switch d.DevType {
	case config.DTRBD:
		return on.image(d).URI(), nil
	case config.DTGluster:
		return on.volume(d).URI(d.Path()), nil
	case config.DTExt:
		return on.externalURI(ctx, d)
	}
	return "", nil
}
