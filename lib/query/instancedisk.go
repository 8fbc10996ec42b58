package query

import (
	"fmt"
	"slices"

	"gantry/lib/config"
)

func (r *InstanceRow) disks(part func(*config.Disk) any) Cell {
	list := []any{}
	for _, d := range r.Config.InstanceDisks(r.Instance) {
		list = append(list, part(d))
	}
	return value(list)
}

func (r *InstanceRow) disk(n int, part func(*config.Disk) any) Cell {
	disks := r.Config.InstanceDisks(r.Instance)
	if n >= len(disks) {
		return unavailable
	}
	return orUnavailable(part(disks[n]))
}

func orUnavailable(v any) Cell {
	if v == nil {
		return unavailable
	}
	return value(v)
}

// orNone is a text, or None where there is none.
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func diskSize(d *config.Disk) any { return d.Size }
func diskUUID(d *config.Disk) any { return d.UUID }
func diskName(d *config.Disk) any { return orNone(d.Name) }

func diskSpindles(d *config.Disk) any {
	if d.Spindles == nil {
		return nil
	}
	return *d.Spindles
}

func instanceDiskFields() []Field[*InstanceRow] {
	fields := []Field[*InstanceRow]{
		{Name: "disk.count", Title: "Disks", Kind: Number, Doc: "Number of disks", Get: func(r *InstanceRow) Cell { return value(int64(len(r.Instance.Disks))) }},
		{Name: "disk.sizes", Title: "Disk_sizes", Kind: Other, Doc: "Sizes of the disks in MiB, a list", Get: func(r *InstanceRow) Cell { return r.disks(diskSize) }},
		{Name: "disk.names", Title: "Disk_names", Kind: Other, Doc: "Names of the disks, a list", Get: func(r *InstanceRow) Cell { return r.disks(diskName) }},
		{Name: "disk.uuids", Title: "Disk_UUIDs", Kind: Other, Doc: "UUIDs of the disks, a list", Get: func(r *InstanceRow) Cell { return r.disks(diskUUID) }},
		{Name: "disk.spindles", Title: "Disk_spindles", Kind: Other, Doc: "Spindles of the disks, a list", Get: func(r *InstanceRow) Cell { return r.disks(diskSpindles) }},
		{Name: "disk_template", Title: "Disk_template", Kind: Text, Doc: "Template of its disks", Get: func(r *InstanceRow) Cell { return value(r.Config.DiskTemplate(r.Instance)) }},
		{Name: "disk_usage", Title: "DiskUsage", Kind: Unit, Doc: "Space its disks take on each of its nodes",
			Get: func(r *InstanceRow) Cell { return value(DiskUsage(r.Config.InstanceDisks(r.Instance))) }},
	}
	for n := range maxDiskFields {
		for _, f := range []struct {
			name, title, doc string
			kind             Kind
			part             func(*config.Disk) any
		}{
			{"disk.size", "Disk", "Size", Unit, diskSize}, {"disk.name", "DiskName", "Name", Text, diskName},
			{"disk.uuid", "DiskUUID", "UUID", Text, diskUUID}, {"disk.spindles", "DiskSpindles", "Spindles", Number, diskSpindles},
		} {
			fields = append(fields, Field[*InstanceRow]{Name: fmt.Sprintf("%s/%d", f.name, n), Title: fmt.Sprintf("%s/%d", f.title, n), Kind: f.kind,
				Doc: fmt.Sprintf("%s of the %s disk", f.doc, ordinal(n)), Get: func(r *InstanceRow) Cell { return r.disk(n, f.part) }})
		}
	}
	size := func(n int) func(*InstanceRow) Cell {
		return func(r *InstanceRow) Cell { return r.disk(n, diskSize) }
	}
	return append(fields,
		Field[*InstanceRow]{Name: "sda_size", Title: "Disk/0", Kind: Unit, Doc: "Size of the 1st disk", Get: size(0)},
		Field[*InstanceRow]{Name: "sdb_size", Title: "Disk/1", Kind: Unit, Doc: "Size of the 2nd disk", Get: size(1)})
}

// drbdMetaMiB is what DRBD's metadata takes beside each disk.
const drbdMetaMiB = 128

// DiskUsage is the space in MiB that disks take on each of their nodes: adopted devices take none.
func DiskUsage(disks []*config.Disk) int64 {
	var sum int64
	for _, d := range disks {
		switch d.DevType {
		case config.DTDRBD:
			sum += d.Size + drbdMetaMiB
		case config.DTBlock, config.DTDiskless:
		default:
			sum += d.Size
		}
	}
	return sum
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
