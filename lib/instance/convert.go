package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/iallocator"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// conversionLocks adds the node that the mirrors are to be on, or all as long as an allocator has not chosen it.
func (w *modify) conversionLocks(cfg *config.Config, locks []job.Lock) ([]job.Lock, error) {
	if w.DiskTemplate != config.DTDRBD {
		return locks, nil
	}
	name := job.All
	if w.RemoteNode != "" {
		n, err := findNode(cfg, w.RemoteNode)
		if err != nil {
			return nil, err
		}
		name = n.UUID
	}
	return append(locks, job.Lock{Level: job.LevelNode, Name: name}, job.Lock{Level: job.LevelNodeRes, Name: name}), nil
}

// checkConversion makes sure that another template can be had.
func (w *modify) checkConversion(ctx context.Context, now string) error {
	if now == config.DTDRBD {
		if err := w.checkWhole(ctx); err != nil {
			return err
		}
	}
	switch {
	case now == config.DTPlain && w.DiskTemplate == config.DTDRBD:
		return w.checkMirroring(ctx)
	case now == config.DTDRBD && w.DiskTemplate == config.DTPlain:
		w.convert = w.mirrorsToPlain
		return nil
	}
	return w.checkRecreation(ctx, now)
}

// checkWhole refuses mirrors whose side on the primary node is not known to be whole: it is what stays.
func (w *modify) checkWhole(ctx context.Context) error {
	node := w.primary()
	if err := checkOnline(node); err != nil {
		return err
	}
	states, err := w.on(node.Name).DataStates(ctx, w.env.Config.InstanceDisks(w.inst))
	if err != nil {
		return fault.Refuse(fault.Environment, "Can't find out whether the disks of instance %s are whole on node %s, cannot change disk template "+
			"(if their volumes are not active, activate the disks first): %w", w.inst.Name, node.Name, err)
	}
	for i, state := range states {
		if state != "UpToDate" {
			return fault.Refuse(fault.WrongState, "Disk %d of instance %s is %s on its primary node %s, cannot change disk template: "+
				"the secondary node may have the only good copy", i, w.inst.Name, state, node.Name)
		}
	}
	return nil
}

// endMirrors takes mirrors down on both nodes: nothing may hold what is about to be removed or change what is about to be read, and what
// the end of a device is announced with tells whoever comes after a crash what belonged to it.
func (w *modify) endMirrors(ctx context.Context) error {
	failed := false
	for i, d := range w.env.Config.InstanceDisks(w.inst) {
		if d.DevType != config.DTDRBD {
			continue
		}
		err := detachDisk(ctx, w.env.Nodes, w.env.Config, i, d, w.primary().Name)
		if isUnknown(err) {
			return err
		}
		if err != nil {
			w.env.Warn("%v", err)
			failed = true
		}
	}
	if failed {
		return fault.Exec("Cannot shutdown instance disks, unable to proceed with disk template conversion")
	}
	return nil
}

// checkSecondary finds the secondary node of disks that are to be mirrored, and refuses parameters that DRBD would.
func (w *modify) checkSecondary(ctx context.Context) (err error) {
	cfg := w.env.Config
	if w.snode, err = w.mirrorNode(ctx); err != nil {
		return err
	}
	if w.snode == w.primary() {
		return fault.Refuse(fault.WrongState, "Given new secondary node %s is the same as the primary node of the instance", w.snode.Name)
	}
	if err := checkUsable(w.snode); err != nil {
		return err
	}
	if err := checkTargetPolicy(w.env, w.inst, w.snode, w.snode.Group, w.IgnoreIPolicy); err != nil {
		return err
	}
	warnOfGroups(w.env, w.primary(), w.snode)
	for _, n := range []*config.Node{w.primary(), w.snode} {
		if cfg.FilledND(n).Bool("exclusive_storage") {
			return w.refuseExclusive()
		}
	}
	return drbd.CheckParams(cfg.FilledDisk(config.DTDRBD, cfg.Group(w.primary().Group)))
}

func (w *modify) refuseExclusive() error {
	return fault.Refuse(fault.WrongState, "Cannot convert disk template from %s to %s when exclusive storage is enabled",
		w.env.Config.DiskTemplate(w.inst), w.DiskTemplate)
}

// checkMirroring makes sure that both nodes have room.
func (w *modify) checkMirroring(ctx context.Context) (err error) {
	if err := w.checkSecondary(ctx); err != nil {
		return err
	}
	cfg := w.env.Config
	group := cfg.Group(w.primary().Group)
	here, there := need{}, need{}
	for _, d := range cfg.InstanceDisks(w.inst) {
		vg, _, _ := d.LV()
		there[vg] += d.Size
		there[disk.MetaVG(cfg, group)] += drbd.MetaMiB
		here[disk.MetaVG(cfg, group)] += drbd.MetaMiB
	}
	if err := here.check(ctx, w.env, w.primary()); err != nil {
		return err
	}
	if err := there.check(ctx, w.env, w.snode); err != nil {
		return err
	}
	w.minors, err = minorsInUse(ctx, w.env, w.primary(), w.snode)
	w.convert = w.plainToMirrors
	return err
}

// mirrorNode is the named node, or the one that an allocator chooses.
func (w *modify) mirrorNode(ctx context.Context) (*config.Node, error) {
	cfg := w.env.Config
	switch {
	case w.RemoteNode != "" && w.IAllocator != "":
		return nil, fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	case w.RemoteNode != "":
		return findNode(cfg, w.RemoteNode)
	}
	program := w.IAllocator
	if program == "" || program == "." {
		if program = cfg.Cluster.DefaultIAllocator; program == "" {
			return nil, fault.Refuse(fault.WrongInput, "No iallocator or node given and no cluster-wide default iallocator found; "+
				"please specify either an iallocator or a node, or set a cluster-wide default iallocator")
		}
	}
	name, err := iallocator.Mirror(ctx, w.env.Nodes, cfg, program, w.inst)
	if err != nil {
		return nil, err
	}
	w.warnings = append(w.warnings, fmt.Sprintf("Using node %s as secondary", name))
	return findNode(cfg, name)
}

// mirroring is the working state of making plain disks mirrored ones.
type mirroring struct {
	w          *modify
	old, fresh []*config.Disk
	renamed    int
}

// plainToMirrors gives plain disks mirrors. The volumes stay where they are, under new names; all can be taken back until it is recorded.
func (w *modify) plainToMirrors(ctx context.Context) error {
	w.env.Say("Converting disk template from 'plain' to 'drbd'")
	m := &mirroring{w: w, old: w.env.Config.InstanceDisks(w.inst)}
	if err := m.layOut(); err != nil {
		return err
	}
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", m.reserve),
		job.Do("", m.createVolumes).Undo(m.removeVolumes),
		job.Do("", m.rename).Undo(m.renameBack),
		job.Do("", m.initialize).Undo(m.end),
		job.Do("", m.record),
	})
	if err != nil {
		return err
	}
	whole, err := waitSynced(ctx, w.env, w.inst, w.primary().Name, w.env.Config.InstanceDisks(w.inst), !w.WaitForSync)
	if err == nil && !whole {
		err = fault.Exec("There are some degraded disks for this instance, please cleanup manually")
	}
	return err
}

// layOut works out the mirrored disks.
func (m *mirroring) layOut() error {
	cfg, w := m.w.env.Config, m.w
	for i, old := range m.old {
		vg, _, _ := old.LV()
		asked := diskRequest{size: old.Size, mode: old.Mode, name: old.Name, vg: vg, metaVG: disk.MetaVG(cfg, cfg.Group(w.primary().Group))}
		made, err := layOut(config.DTDRBD, w.inst.PrimaryNode, "", "", i, []diskRequest{asked})
		if err != nil {
			return err
		}
		m.fresh = append(m.fresh, made...)
	}
	return nil
}

func (m *mirroring) reserve(ctx context.Context) error {
	w := m.w
	return w.env.Update(ctx, func(cfg *config.Config) error {
		if n := cfg.Node(w.snode.UUID); n == nil || n.Offline {
			return fault.Exec("Can't use offline node: %s", w.snode.Name)
		}
		spaceFor(m.fresh).book(cfg, w.env, w.snode.UUID)
		return mirrorUp(cfg, w.env, m.fresh, w.inst.PrimaryNode, w.snode.UUID, w.minors)
	})
}

// createVolumes makes what is missing: the metadata here, all of it on the other node. On failure none is left.
func (m *mirroring) createVolumes(ctx context.Context) error {
	w := m.w
	w.env.Say("Creating additional volumes...")
	for i, d := range m.fresh {
		err := w.on(w.primary().Name).CreateVolumes(ctx, w.inst.Name, d, d.Children[1])
		if err == nil {
			if err = w.on(w.snode.Name).CreateVolumes(ctx, w.inst.Name, d); err != nil && !isUnknown(err) {
				err = errors.Join(err, w.on(w.primary().Name).RemoveVolumes(context.WithoutCancel(ctx), d.Children[1]))
			}
		}
		if err == nil {
			continue
		}
		if isUnknown(err) {
			return err
		}
		return errors.Join(fault.Exec("%w", err), m.removeSome(context.WithoutCancel(ctx), m.fresh[:i]))
	}
	return nil
}

func (m *mirroring) removeVolumes(ctx context.Context) error { return m.removeSome(ctx, m.fresh) }

func (m *mirroring) removeSome(ctx context.Context, list []*config.Disk) error {
	var all error
	for _, d := range list {
		all = errors.Join(all, m.w.on(m.w.primary().Name).RemoveVolumes(ctx, d.Children[1]), m.w.on(m.w.snode.Name).RemoveVolumes(ctx, d.Children...))
	}
	return all
}

func (m *mirroring) rename(ctx context.Context) error {
	w := m.w
	w.env.Say("Renaming original volumes...")
	for i, old := range m.old {
		if err := lvm.Rename(ctx, w.env.Nodes, w.primary().Name, volumeOf(old), volumeOf(m.fresh[i].Children[0]).Name); err != nil {
			if isUnknown(err) {
				return err
			}
			return errors.Join(fault.Exec("Failed to rename original LVs: %w", err), m.renameBack(context.WithoutCancel(ctx)))
		}
		m.renamed++
	}
	return nil
}

func (m *mirroring) renameBack(ctx context.Context) error {
	w := m.w
	for ; m.renamed > 0; m.renamed-- {
		i := m.renamed - 1
		if err := lvm.Rename(ctx, w.env.Nodes, w.primary().Name, volumeOf(m.fresh[i].Children[0]), volumeOf(m.old[i]).Name); err != nil {
			return err
		}
	}
	return nil
}

// initialize makes the devices, the one with the data first. On failure none is left.
func (m *mirroring) initialize(ctx context.Context) error {
	w := m.w
	w.env.Say("Initializing DRBD devices...")
	for _, d := range m.fresh {
		here, there := w.on(w.primary().Name), w.on(w.snode.Name)
		err := here.Initialize(ctx, d)
		if err == nil {
			err = here.OpenNew(ctx, d)
		}
		if err == nil {
			err = there.Initialize(ctx, d)
		}
		if err == nil {
			continue
		}
		if isUnknown(err) {
			return err
		}
		w.env.Say("Initializing of DRBD devices failed; renaming back original volumes...")
		return errors.Join(fault.Exec("%w", err), m.end(context.WithoutCancel(ctx)))
	}
	return nil
}

// end ends the devices, as many as there are.
func (m *mirroring) end(ctx context.Context) error {
	var all error
	for _, d := range m.fresh {
		all = errors.Join(all, m.w.on(m.w.primary().Name).Detach(ctx, d), m.w.on(m.w.snode.Name).Detach(ctx, d))
	}
	return all
}

func (m *mirroring) record(ctx context.Context) error {
	return m.w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		m.w.convertDisks(cfg)
		claimPorts(cfg, m.fresh)
		exchangeDisks(cfg, inst, m.fresh, m.w.env)
		return nil
	})
}

// exchangeDisks gives an instance other disks in the place of its own. Each that goes and each that comes counts as a change.
func exchangeDisks(cfg *config.Config, inst *config.Instance, disks []*config.Disk, env *job.Env) {
	cfg.Disks = slices.DeleteFunc(cfg.Disks, func(d *config.Disk) bool { return slices.Contains(inst.Disks, d.UUID) })
	inst.SerialNo += int64(len(inst.Disks) + len(disks) - 1)
	inst.Disks = nil
	for _, d := range disks {
		own := *d
		own.Stamp = config.NewStamp(env.Clock())
		cfg.Disks = append(cfg.Disks, &own)
		inst.Disks = append(inst.Disks, own.UUID)
	}
}

// mirrorsToPlain leaves of mirrored disks the data on the primary node.
func (w *modify) mirrorsToPlain(ctx context.Context) error {
	w.env.Say("Converting disk template from 'drbd' to 'plain'")
	cfg := w.env.Config
	old := cfg.InstanceDisks(w.inst)
	var fresh []*config.Disk
	secondaries := cfg.SecondaryNodes(w.inst)
	if err := w.endMirrors(ctx); err != nil {
		return err
	}
	for _, d := range old {
		data := *d.Children[0]
		data.Size, data.Mode, data.Name, data.IVName, data.Nodes = d.Size, d.Mode, d.Name, d.IVName, []string{w.inst.PrimaryNode}
		fresh = append(fresh, &data)
	}
	if err := w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		returnPorts(cfg, cfg.InstanceDisks(inst))
		exchangeDisks(cfg, inst, fresh, w.env)
		return nil
	}); err != nil {
		return err
	}
	w.env.Say("Removing volumes on the secondary node...")
	for i, d := range old {
		for _, uuid := range secondaries {
			if err := w.removeVolumes(ctx, i, cfg.Node(uuid), d.Children...); err != nil {
				return err
			}
		}
	}
	w.env.Say("Removing unneeded volumes on the primary node...")
	for i, d := range old {
		if err := w.removeVolumes(ctx, i, w.primary(), d.Children[1]); err != nil {
			return err
		}
	}
	return nil
}

// removeVolumes warns of what it cannot remove.
func (w *modify) removeVolumes(ctx context.Context, i int, node *config.Node, volumes ...*config.Disk) error {
	err := error(fault.Exec("Node is marked offline"))
	if !node.Offline {
		err = w.on(node.Name).RemoveVolumes(ctx, volumes...)
	}
	if err == nil || isUnknown(err) {
		return err
	}
	w.env.Warn("Could not remove disk %d on node %s, continuing anyway: %v", i, node.Name, err)
	return nil
}
