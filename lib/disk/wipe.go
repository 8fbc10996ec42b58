package disk

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// Chunk is how much of a disk is wiped at a time, in MiB: a tenth of it, at most 1 GiB.
func Chunk(d *config.Disk) int64 { return max(1, min(1024, d.Size/10)) }

// Wipe writes zeros over a part of a disk, in MiB from its beginning.
func (on On) Wipe(ctx context.Context, d *config.Disk, offset, size int64) error {
	if _, err := on.Run(ctx, on.Node, wipe(on.Device(d), offset, size)); err != nil {
		return fmt.Errorf("wiping %s: %w", on.Device(d), err)
	}
	return nil
}

func wipe(device string, offset, size int64) remote.Cmd {
	c := remote.Command("dd", "if=/dev/zero", "seek="+strconv.FormatInt(offset, 10), "bs=1048576", "oflag=direct",
		"conv=notrunc", "of="+device, "count="+strconv.FormatInt(size, 10))
	c.Limit = time.Hour
	c.Changes = "wipes " + device
	return c
}
