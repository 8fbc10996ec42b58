package disk

import (
	"fmt"

	"gantry/lib/config"
	"gantry/lib/unit"
)

// Describe is how Ganeti shows a disk in errors; people search logs for it. Its file disks have a list of no children here, its
// ext disks none.
func Describe(d *config.Disk) string {
	visible := "not visible"
	if d.IVName != "" {
		visible = "visible as /dev/" + d.IVName
	}
	if d.DevType == config.DTPlain {
		return fmt.Sprintf("<LogicalVolume(%s, %s, size=%dm)>", Device(d, ""), visible, d.Size)
	}
	if id, ok := d.DRBD(); ok && len(d.Children) == 2 {
		return fmt.Sprintf("<DRBD8(hosts=%s/%d-%s/%d, port=%d, backend=%s, metadev=%s, %s, size=%dm)>",
			id.NodeA, id.MinorA, id.NodeB, id.MinorB, id.Port, Describe(d.Children[0]), Describe(d.Children[1]), visible, d.Size)
	}
	children := "[]"
	if d.DevType == config.DTExt {
		children = "None"
	}
	id := ""
	for i, part := range d.LogicalID {
		if i > 0 {
			id += ", "
		}
		id += unit.Repr(part)
	}
	return fmt.Sprintf("<Disk(type=%s, logical_id=(%s), children=%s, %s, size=%dm)>", d.DevType, id, children, visible, d.Size)
}
