package instance

import (
	"context"
	"time"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
)

// Free space is overwritten by a helper: the instance itself, started from one more disk before all others, which has the cluster's zeroing
// image and is there only meanwhile. What is on it mounts the other disks, fills them with zeros and powers off.

const (
	helperStartup = 300  // seconds that a helper has for whatever it does
	helperPerMiB  = 0.05 // and more for each MiB of the instance's disks
	helperEnd     = 120  // and when it is told to end
	helperAsk     = 2 * time.Second
)

type zeroing struct {
	*export
	*modify // makes and removes the disk
	image   string
	step    *diskStep
}

// checkHelper lays out the disk of the helper and makes sure that there is room for it.
func (w *export) checkHelper(ctx context.Context) error {
	cfg, node := w.env.Config, w.primary()
	z := &zeroing{export: w, modify: &modify{onOne: w.onOne}, image: cfg.Cluster.ZeroingImage}
	if cfg.Cluster.VolumeGroupName == "" {
		return fault.Refuse(fault.WrongState, "Zeroing needs a volume group for the disk of its helper VM, and this cluster has none")
	}
	size, err := disk.ImageMiB(ctx, w.env.Nodes, node.Name, z.image)
	if err != nil {
		return fault.Refuse(fault.Environment, "Could not create temporary disk: %v", err)
	}
	disks, err := layOut(config.DTPlain, node.UUID, "", "", 0, []diskRequest{{size: size, mode: "rw", vg: cfg.Cluster.VolumeGroupName}})
	if err != nil {
		return err
	}
	disks[0].Stamp = config.NewStamp(w.env.Clock())
	z.step = &diskStep{disk: disks[0]}
	w.helper = z
	return spaceFor(disks).check(ctx, w.env, node)
}

// limit is how long the helper may work.
func (z *zeroing) limit() time.Duration {
	fixed, perMiB := helperStartup, helperPerMiB
	if z.ZeroingFixed != nil {
		fixed = *z.ZeroingFixed
	}
	if z.ZeroingPerMiB != nil {
		perMiB = *z.ZeroingPerMiB
	}
	var mib int64
	for _, d := range z.export.env.Config.InstanceDisks(z.export.inst) {
		if d.UUID != z.step.disk.UUID {
			mib += d.Size
		}
	}
	return time.Duration((float64(fixed) + perMiB*float64(mib)) * float64(time.Second))
}

func (z *zeroing) say(format string, args ...any) {
	z.export.env.Say("Zeroing free disk space: "+format, args...)
}

// run leaves the instance as it was before the helper: not running, its disks inactive.
func (z *zeroing) run(ctx context.Context) error {
	w := z.export
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", z.rest),
		job.Do("", z.create).Undo(func(ctx context.Context) error {
			z.say("Exception raised, cleaning up temporary disk")
			return z.remove(ctx)
		}),
		job.Do("", z.prepare),
		job.Do("", z.work),
	})
	if err != nil {
		return err
	}
	z.say("Regular cleanup of temporary disk")
	if err := z.remove(ctx); err != nil {
		return err
	}
	z.say("Helper VM execution completed")
	return nil
}

// rest stops what runs and gives up the disks: only then may there be others.
func (z *zeroing) rest(ctx context.Context) error {
	w := z.export
	z.say("Shutting down instance")
	if err := w.stop(ctx, w.primary().Name, helperEnd); err != nil {
		return fault.Exec("Shutdown of instance '%s' while removing temporary disk failed: %w", w.inst.Name, err)
	}
	if !w.inst.DisksActive {
		return nil
	}
	z.say("Deactivating disks")
	return w.detach(ctx, w.primary().Name)
}

// with does something to the list of disks.
func (z *zeroing) with(do func() error) error {
	z.modify.inst = z.export.inst
	err := do()
	z.export.inst = z.modify.inst
	return err
}

func (z *zeroing) create(ctx context.Context) error {
	z.say("Attempting to create temporary disk")
	err := z.with(func() error { return z.modify.newlyMade(ctx, z.step) })
	if err == nil {
		z.say("Temporary disk created")
	}
	return err
}

func (z *zeroing) remove(ctx context.Context) error {
	err := z.rest(ctx)
	if err == nil {
		err = z.with(func() error { return z.modify.removeDisk(ctx, z.step) })
	}
	if err != nil {
		z.say("Disk cleanup failed; it will have to be removed manually")
		return err
	}
	z.say("Temporary disk removed")
	return nil
}

func (z *zeroing) prepare(ctx context.Context) error {
	w, node := z.export, z.export.primary().Name
	z.say("Activating helper VM's temporary disks")
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	if err := w.attach(ctx, node, false); err != nil {
		return err
	}
	z.say("Imaging temporary disks with image %s", z.image)
	return writeImage(ctx, w.env, w.inst, node, z.image, w.env.Config.InstanceDisks(w.inst)[0])
}

// work lets the helper run until it powers itself off, or has had its time.
func (z *zeroing) work(ctx context.Context) error {
	w, node := z.export, z.export.primary().Name
	z.say("Starting helper VM")
	if err := w.elsewhereAbsent(ctx, node); err != nil {
		return err
	}
	if err := w.start(ctx, w.inst, node, false); err != nil {
		return fault.Exec("Zeroing free disk space: Could not start helper VM with image %s: %w", z.image, err)
	}
	z.say("Helper VM is up")
	z.say("Waiting for helper VM to finish")
	ended, err := z.wait(ctx, node)
	if err != nil || ended {
		return err
	}
	w.env.Warn("Zeroing free disk space: Helper VM has not finished within the timeout; shutting it down forcibly")
	if err := w.stop(ctx, node, helperEnd); err != nil {
		return fault.Exec("Zeroing free disk space: Could not shut down helper VM with image %s within timeout: %w", z.image, err)
	}
	return fault.Exec("Error running helper VM with image %s", z.image)
}

// wait asks until the helper has ended or has had its time. A node that does not answer is asked again.
func (z *zeroing) wait(ctx context.Context, node string) (ended bool, err error) {
	for until := time.Now().Add(z.limit()); ; {
		s, asked := stateOf(ctx, z.export.env.Nodes, z.export.inst, node)
		if asked == nil && !s.Running {
			return true, nil
		}
		if !time.Now().Before(until) {
			return false, nil
		}
		if err := sleep(ctx, min(helperAsk, time.Until(until))); err != nil {
			return false, err
		}
	}
}
