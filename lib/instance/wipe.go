package instance

import (
	"context"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// wipeEvery is how often the progress of wiping is told, in seconds.
const wipeEvery = 60

// wipeDisk overwrites a disk with zeros, piece by piece.
func wipeDisk(ctx context.Context, env *job.Env, node string, index int, d *config.Disk) error {
	return wipeFrom(ctx, env, node, index, d, 0)
}

// wipeFrom does so from a place on, in MiB. Its mirror waits meanwhile. A device that was there before its instance is left alone.
func wipeFrom(ctx context.Context, env *job.Env, node string, index int, d *config.Disk, from int64) error {
	if d.DevType == config.DTBlock {
		return nil
	}
	if err := on(env, node).PauseSync(ctx, d); err != nil {
		env.Warn("Pausing synchronization of disk %d failed: %v", index, err)
	}
	err := wipePieces(ctx, env, node, index, d, from)
	if err := on(env, node).ResumeSync(context.WithoutCancel(ctx), d); err != nil {
		env.Warn("Resuming synchronization of disk %d failed: %v", index, err)
	}
	return err
}

func wipePieces(ctx context.Context, env *job.Env, node string, index int, d *config.Disk, from int64) error {
	part := ""
	if from > 0 {
		part = fmt.Sprintf(" (from %s to %s)", unit.FormatSize(float64(from), "h"), unit.FormatSize(float64(d.Size), "h"))
	}
	env.Info("* Wiping disk %d%s", index, part)
	began := env.Clock()
	told := began
	for offset := from; offset < d.Size; {
		size := min(disk.Chunk(d), d.Size-offset)
		wipe, id := on(env, node).Wipe(d, offset, size), fmt.Sprintf("wipe-%d-%s-%d", env.Job, d.UUID, offset)
		if _, err := runDurably(ctx, env, node, id, wipe); err != nil {
			return fmt.Errorf("wiping disk %d: %w", index, err)
		}
		offset += size
		if now := env.Clock(); now.Sub(told).Seconds() >= wipeEvery {
			done := float64(offset-from) / float64(d.Size-from)
			left := now.Sub(began).Seconds() * (1 - done) / done
			env.Info(" - done: %.1f%% ETA: %s", done*100, unit.FormatSeconds(left))
			told = now
		}
	}
	return nil
}
