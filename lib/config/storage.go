package config

// Storage of a node is known by its kind: Ganeti's storage type, and of volume groups the name. Shared storage has none: it
// is not a matter of the node.

// StorageFile is the directory for files of disks.
const StorageFile = "file"

// StorageVG is the kind of a volume group.
func StorageVG(name string) string { return "lvm-vg/" + name }

// Storage is what a disk takes of each kind of storage on each of its nodes, or of what they share, in MiB.
func (d *Disk) Storage() map[string]int64 {
	need := map[string]int64{}
	d.addStorage(need)
	return need
}

func (d *Disk) addStorage(need map[string]int64) {
	if vg, _, ok := d.LV(); ok {
		need[StorageVG(vg)] += d.Size
	}
	switch d.DevType {
	case DTFile:
		need[StorageFile] += d.Size
	case DTSharedFile:
		need[StorageSharedFile] += d.Size
	}
	for _, child := range d.Children {
		child.addStorage(need)
	}
}
