package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/gluster"
	"gantry/lib/lvm"
	"gantry/lib/unit"
)

// layOut decides what the disks are called and where they are.
func (w *create) layOut() (err error) {
	if w.old != nil {
		for _, d := range w.env.Config.InstanceDisks(w.old) {
			own := *d
			own.Forthcoming = false
			w.disks = append(w.disks, &own)
		}
		return nil
	}
	if w.DiskTemplate == config.DTDRBD { // that has been done, and Ganeti does not tell of it
		return nil
	}
	for i, d := range w.asked {
		w.env.Say("* disk %d, size %s", i, unit.FormatSize(float64(d.size), "h"))
	}
	w.disks, err = w.laidOut()
	return err
}

func (w *create) laidOut() ([]*config.Disk, error) {
	dir := w.dir
	if w.DiskTemplate == config.DTGluster {
		dir = gluster.Prefix(w.inst.UUID)
	}
	disks, err := layOut(w.DiskTemplate, w.pnode.UUID, dir, w.FileDriver, 0, w.asked)
	for _, d := range disks {
		d.Forthcoming = w.Forthcoming
	}
	return disks, err
}

// reserve takes what the instance needs for as long as its disks are being made. One without disks is recorded at once.
func (w *create) reserve(ctx context.Context) error {
	switch {
	case len(w.disks) == 0:
		return nil
	case w.booked:
		return w.release()
	}
	err := w.env.Reserve(ctx, func(cfg *config.Config) (taken []config.Reservation, err error) {
		if err := w.stillThere(cfg); err != nil {
			return nil, err
		}
		bookings, err := w.bookings(cfg)
		for _, r := range bookings {
			taken = append(taken, *r)
		}
		return taken, err
	})
	if err != nil {
		return err
	}
	w.booked = true
	return w.release()
}

// stillThere checks, in a configuration that others may have changed, what the checks before relied on.
func (w *create) stillThere(cfg *config.Config) error {
	if n := cfg.Node(w.pnode.UUID); n == nil || n.Offline {
		return fault.Refuse(fault.WrongState, "Cannot use offline primary node '%s'", w.pnode.Name)
	}
	if w.snode != nil {
		if n := cfg.Node(w.snode.UUID); n == nil || n.Offline {
			return checkOnline(&config.Node{Name: w.snode.Name, Offline: true})
		}
	}
	if err := w.existence(cfg); err != nil {
		return err
	}
	if !w.booked {
		for _, nic := range w.inst.NICs {
			if err := checkMACFree(cfg, nic.MAC); err != nil {
				return err
			}
		}
	}
	return w.stillFree(cfg)
}

// createDisks makes the disks. When one cannot be made, those before it are removed.
func (w *create) createDisks(ctx context.Context) error {
	if len(w.disks) == 0 {
		return nil
	}
	if err := on(w.env, w.pnode.Name).MakeDir(ctx, w.disks[0]); err != nil {
		return w.notMade(err)
	}
	for i, d := range w.disks {
		err := makeDisk(ctx, w.env, w.Name, w.pnode.Name, d)
		if err == nil {
			continue
		}
		if err = w.notMade(err); isUnknown(err) {
			return err
		}
		return errors.Join(err, w.remove(context.WithoutCancel(ctx), w.disks[:i]))
	}
	return nil
}

func (w *create) notMade(err error) error {
	w.env.Warn("Device creation failed")
	return err
}

// removeDisks takes the new disks away, once it is sure that no instance has them.
func (w *create) removeDisks(ctx context.Context) error {
	for _, d := range w.disks { // the configuration is as of the commit that was refused
		if there := w.env.Config.Disk(d.UUID); there != nil && !there.Forthcoming {
			return fault.Exec("Disk %s is in use", d.UUID)
		}
	}
	return w.remove(ctx, w.disks)
}

func (w *create) remove(ctx context.Context, disks []*config.Disk) error {
	var all error
	for _, d := range disks {
		err := removeDisk(ctx, w.env, w.pnode.Name, d, func(node string, err error) { all = errors.Join(all, err) })
		all = errors.Join(all, err)
	}
	if all == nil && len(w.disks) > 0 {
		return on(w.env, w.pnode.Name).RemoveDir(ctx, w.disks[0])
	}
	return all
}

// adoptDisks gives adopted volumes their new names; other disks stay as they are called.
func (w *create) adoptDisks(ctx context.Context) error {
	if w.DiskTemplate != config.DTPlain {
		return nil
	}
	for i, d := range w.disks {
		vg, name, _ := d.LV()
		if err := lvm.Rename(ctx, w.env.Nodes, w.pnode.Name, lvm.Volume{VG: vg, Name: w.asked[i].adopt}, name); err != nil {
			if isUnknown(err) {
				return err
			}
			return errors.Join(fault.Exec("Failed to rename adoped LVs: %w", err), w.rename(context.WithoutCancel(ctx), i))
		}
	}
	return nil
}

// giveBack gives adopted volumes their old names again.
func (w *create) giveBack(ctx context.Context) error {
	if w.DiskTemplate != config.DTPlain {
		return nil
	}
	return w.rename(ctx, len(w.disks))
}

func (w *create) rename(ctx context.Context, count int) error {
	var all error
	for i, d := range w.disks[:count] {
		vg, name, _ := d.LV()
		all = errors.Join(all, lvm.Rename(ctx, w.env.Nodes, w.pnode.Name, lvm.Volume{VG: vg, Name: name}, w.asked[i].adopt))
	}
	return all
}

// record puts the instance with its disks into the configuration, in one transaction. One without disks is marked up in the same one: nothing
// but its start is left to do.
func (w *create) record(ctx context.Context) error {
	w.env.Say("adding instance %s to cluster config", w.Name)
	w.env.Say("adding disks to cluster config")
	start := w.Start && !w.Forthcoming
	up := start && len(w.disks) == 0
	return w.env.Update(ctx, func(cfg *config.Config) error {
		if err := w.stillThere(cfg); err != nil {
			return err
		}
		w.env.Convert(cfg, func(r *config.Reservation) bool { return r.Memory == 0 || r.Node != w.pnode.UUID || up || !start })
		inst := *w.inst
		inst.Disks = nil
		inst.Stamp = config.NewStamp(w.env.Clock())
		if up {
			w.markUp(&inst)
		}
		if w.snode != nil && w.old == nil {
			if err := w.mirror(cfg); err != nil {
				return err
			}
		}
		if config.NeedsPort(inst.Hypervisor) {
			if err := w.takePort(cfg, &inst); err != nil {
				return err
			}
		}
		if err := takeIPs(cfg, w.newNICs(inst.NICs)); err != nil {
			return err
		}
		if w.old != nil {
			dropInstance(cfg, w.old.UUID)
		}
		for _, d := range w.disks {
			own := *d
			own.Stamp = config.NewStamp(w.env.Clock())
			cfg.Disks = append(cfg.Disks, &own)
			inst.Disks = append(inst.Disks, own.UUID)
			inst.Touch(w.env.Clock())
		}
		cfg.Instances = append(cfg.Instances, &inst)
		return nil
	})
}

// mirror makes what mirrored disks have reserved theirs. A forthcoming instance has reserved nothing.
func (w *create) mirror(cfg *config.Config) error {
	if w.Forthcoming && !w.booked {
		if err := mirrorUp(cfg, w.env, w.disks, w.pnode.UUID, w.snode.UUID, w.minors); err != nil {
			return err
		}
		w.env.Convert(cfg, nil)
	}
	claimPorts(cfg, w.disks)
	return nil
}

// newNICs are the interfaces whose addresses are not the instance's already.
func (w *create) newNICs(nics []config.NIC) []config.NIC {
	if w.old == nil {
		return nics
	}
	return slices.DeleteFunc(slices.Clone(nics), func(n config.NIC) bool {
		return slices.ContainsFunc(w.old.NICs, func(o config.NIC) bool { return o.Network == n.Network && o.IP == n.IP })
	})
}

func (w *create) takePort(cfg *config.Config, inst *config.Instance) (err error) {
	if w.old != nil && w.old.NetworkPort != 0 {
		inst.NetworkPort = w.old.NetworkPort
		return nil
	}
	if w.port != 0 {
		inst.NetworkPort = w.port
		cfg.ClaimPort(w.port)
		return nil
	}
	inst.NetworkPort, err = cfg.TakePort()
	return err
}

func (w *create) markUp(inst *config.Instance) {
	inst.AdminState, inst.DisksActive = config.AdminUp, true
	inst.Touch(w.env.Clock())
}

// dropInstance takes an instance with its disks out of a configuration.
func dropInstance(cfg *config.Config, uuid string) {
	inst := cfg.Instance(uuid)
	if inst == nil {
		return
	}
	disks := slices.Clone(inst.Disks)
	cfg.Disks = slices.DeleteFunc(cfg.Disks, func(d *config.Disk) bool { return slices.Contains(disks, d.UUID) })
	cfg.Instances = slices.DeleteFunc(cfg.Instances, func(i *config.Instance) bool { return i.UUID == uuid })
}

// wipe overwrites the new disks where the cluster wants it.
func (w *create) wipe(ctx context.Context) error {
	if w.adopt || !w.env.Config.Cluster.PreallocWipeDisks {
		return nil
	}
	w.env.Say("* wiping instance disks...")
	for i, d := range w.disks {
		if err := wipeDisk(ctx, w.env, w.pnode.Name, i, d); err != nil {
			if isUnknown(err) {
				return err
			}
			w.env.Warn("Wiping instance disks failed (%s)", err)
			return w.giveUp(ctx)
		}
	}
	return nil
}

// giveUp removes an instance whose disks are not usable.
func (w *create) giveUp(ctx context.Context) error {
	if err := w.remove(ctx, w.disks); err != nil {
		w.env.Warn("%s", err)
	}
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		inst := cfg.Instance(w.inst.UUID)
		if inst == nil {
			return nil
		}
		releaseIPs(cfg, inst.NICs)
		cfg.ReturnPort(inst.NetworkPort)
		returnPorts(cfg, cfg.InstanceDisks(inst))
		dropInstance(cfg, inst.UUID)
		return nil
	})
	return errors.Join(fault.Exec("There are some degraded disks for this instance"), err)
}

// waitForSync waits until mirrored disks are alike, or looks whether they are on their way there. Others only say that they are.
func (w *create) waitForSync(ctx context.Context) error {
	once := !w.WaitForSync
	if once && w.snode == nil {
		return nil
	}
	if once {
		w.env.Say("* checking mirrors status")
	}
	whole, err := waitSynced(ctx, w.env, w.inst, w.pnode.Name, w.disks, once)
	if err != nil || whole {
		return err
	}
	return w.giveUp(ctx)
}

// image writes the image that the parameters name. Importing puts something else on the disk.
func (w *create) image(ctx context.Context) error {
	image := imageOf(w.inst.OSParams)
	if w.adopt || w.Mode == importMode || image == "" {
		return nil
	}
	w.env.Say("* imaging instance disks...")
	err := writeImage(ctx, w.env, w.inst, w.pnode.Name, image, w.disks[0])
	if err == nil || isUnknown(err) {
		return err
	}
	w.env.Warn("Imaging instance disks failed (%s)", err)
	return w.giveUp(ctx)
}

// install runs the OS's create script, if it has an OS that no image has brought.
func (w *create) install(ctx context.Context) error {
	if w.Mode == importMode {
		return w.importDisks(ctx)
	}
	if w.adopt || w.NoInstall || w.OSType == "" || imageOf(w.OSParams) != "" {
		return nil
	}
	pause := w.snode != nil && !w.WaitForSync
	if pause {
		w.env.Say("* pausing disk sync to install instance OS")
		if err := w.holdSync("Failed to pause disk sync", func(d *config.Disk) error { return on(w.env, w.pnode.Name).PauseSync(ctx, d) }); err != nil {
			return err
		}
	}
	w.env.Say("* running the instance OS create scripts...")
	inst := w.env.Config.Instance(w.inst.UUID)
	err := w.os.install(ctx, w.env, inst, w.pnode.Name, false)
	if isUnknown(err) {
		return err
	}
	if pause {
		w.env.Say("* resuming disk sync")
		resume := context.WithoutCancel(ctx)
		if held := w.holdSync("Failed to resume disk sync", func(d *config.Disk) error { return on(w.env, w.pnode.Name).ResumeSync(resume, d) }); held != nil {
			return held
		}
	}
	if err != nil {
		return fault.Exec("Could not add os for instance %s on node %s: %w", w.Name, w.pnode.Name, err)
	}
	return nil
}

// holdSync holds the synchronization of all disks back, or lets it go on. What fails is only warned of.
func (w *create) holdSync(words string, do func(*config.Disk) error) error {
	for i, d := range w.disks {
		err := do(d)
		if isUnknown(err) {
			return err
		}
		if err != nil {
			w.env.Warn("%s of disk %d: %v", words, i, err)
		}
	}
	return nil
}

// start marks the instance up and starts it. A new one that fails to start has never been anything else, so that it is wanted stays
// noted, and verify tells of it.
func (w *create) start(ctx context.Context) error {
	if len(w.disks) > 0 {
		err := w.env.Update(ctx, func(cfg *config.Config) error {
			inst := cfg.Instance(w.inst.UUID)
			if inst == nil {
				return fault.Exec("Instance %s has been removed", w.Name)
			}
			w.env.Convert(cfg, nil)
			w.markUp(inst)
			return nil
		})
		if err != nil {
			return err
		}
	}
	w.env.Say("* starting instance...")
	inst := w.env.Config.Instance(w.inst.UUID)
	err := on(w.env, w.pnode.Name).Link(ctx, w.Name, w.disks)
	if err == nil {
		err = startGuest(ctx, w.env.Nodes, w.env.Config, inst, w.pnode.Name, false)
	}
	if err == nil || isUnknown(err) {
		return err
	}
	err = fault.Exec("Could not start instance: %w", inBackendWords(err))
	if unlink := on(w.env, w.pnode.Name).Unlink(context.WithoutCancel(ctx), w.Name, len(w.disks)); unlink != nil {
		err = fmt.Errorf("%w (%w)", err, unlink)
	}
	return err
}
