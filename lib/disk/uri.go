package disk

import "gantry/lib/config"

// URI is how the hypervisor opens a disk by itself, "" for disks that it opens as a device or file of the node.
func (on On) URI(d *config.Disk) string {
	if on.params(d).String("access") != "userspace" {
		return ""
	}
	switch d.DevType {
	case config.DTRBD:
		return on.image(d).URI()
	case config.DTGluster:
		return on.volume(d).URI(d.Path())
	}
	return ""
}
