package disk

import (
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// Chunk is how much of a disk is wiped at a time, in MiB: a tenth of it, at most 1 GiB.
func Chunk(d *config.Disk) int64 { return max(1, min(1024, d.Size/10)) }

// Wipe writes zeros over a part of a disk, in MiB from its beginning. It may take longer than a connection lasts.
func (on On) Wipe(d *config.Disk, offset, size int64) remote.Cmd {
	device := on.Device(d)
	c := remote.Command("dd", "if=/dev/zero", "seek="+strconv.FormatInt(offset, 10), "bs=1048576", "oflag=direct",
		"conv=notrunc", "of="+device, "count="+strconv.FormatInt(size, 10))
	c.Limit = time.Hour
	c.Changes = "wipes " + device
	return c
}
