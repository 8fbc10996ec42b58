package instance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/gluster"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// maxDisks is how many disks an instance can have.
const maxDisks = 16

// diskStep is one change of the disks: what is done to which one, and what is said of it.
type diskStep struct {
	action string
	index  int
	disk   *config.Disk // as it is to be
	said   [][2]any
}

// modifiedDisk is what can be said of a disk that is there already.
var modifiedDisk = config.Table{{Name: "mode", Type: config.String}, {Name: "name", Type: config.MaybeString}}

// checkDisks works out all changes on a copy of the list.
func (w *modify) checkDisks(ctx context.Context) error {
	w.disks, w.devices = nil, nil
	w.list = slices.Clone(w.env.Config.InstanceDisks(w.inst))
	for _, c := range w.Disks {
		if !isNumber(c.Which) && (c.Which == "" || diskNamed(w.list)(c.Which) < 0) {
			return fault.RefuseBare("Lookup of disk %s failed", unit.Repr(c.Which))
		}
	}
	for _, c := range w.Disks {
		if err := w.allowed(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range w.Disks {
		if (c.Action == addDevice || c.Action == attachDevice) && !w.WaitForSync && !w.inst.DisksActive {
			return fault.Refuse(fault.WrongInput, "Can't %s a disk to an instance with deactivated disks and --no-wait-for-sync given", c.Action)
		}
	}
	if err := w.checkDevices(ctx); err != nil {
		return err
	}
	for _, c := range w.Disks {
		if err := w.checkDisk(c); err != nil {
			return err
		}
	}
	if len(w.Disks) == 0 {
		return nil
	}
	if len(w.list) > maxDisks {
		return fault.Refuse(fault.WrongState, "Instance has too many disks (%d), cannot add more", maxDisks)
	}
	names := make([]map[string]any, len(w.list))
	for i, d := range w.list {
		names[i] = map[string]any{"name": d.Name}
	}
	if err := checkDeviceNames("disk", names); err != nil {
		return err
	}
	return w.checkRoom(ctx)
}

// checkDevices looks for the block devices that are to be adopted and learns their sizes.
func (w *modify) checkDevices(ctx context.Context) error {
	if w.env.Config.DiskTemplate(w.inst) != config.DTBlock {
		return nil
	}
	var names []string
	for _, c := range w.Disks {
		if c.Action != addDevice {
			continue
		}
		if _, err := checkAdoption(config.DTBlock, "", []map[string]any{c.Params}); err != nil {
			return err
		}
		names = append(names, text(c.Params, "adopt"))
	}
	if names == nil {
		return nil
	}
	sizes, err := adoptDevices(ctx, w.env, w.primary().Name, names)
	w.devices = sizes
	return err
}

// checkRoom makes sure that all nodes of the instance have room for its new disks.
func (w *modify) checkRoom(ctx context.Context) (err error) {
	var added []*config.Disk
	for _, step := range w.disks {
		if step.action == addDevice && disk.InVolumes(step.disk.DevType) {
			added = append(added, step.disk)
		}
	}
	if added == nil {
		return nil
	}
	nodes := w.nodes()
	for _, n := range nodes {
		if err := checkOnline(n); err != nil {
			return err
		}
		if err := spaceFor(added).check(ctx, w.env, n); err != nil {
			return err
		}
	}
	if added[0].DevType == config.DTDRBD {
		w.minors, err = minorsInUse(ctx, w.env, nodes...)
	}
	return err
}

// checkTemplate refuses another kind of disks: for Ganeti's reasons where there are any.
func (w *modify) checkTemplate(ctx context.Context) error {
	if w.DiskTemplate == "" {
		return nil
	}
	cfg := w.env.Config
	fixed := []string{config.DTDiskless, config.DTBlock}
	now, enabled := cfg.DiskTemplate(w.inst), cfg.Cluster.EnabledDiskTemplates
	switch {
	case now == "mixed":
		return fault.RefuseBare("Conversion from mixed is not yet supported.")
	case slices.Contains(fixed, now):
		return fault.Refuse(fault.WrongInput, "Conversion from the '%s' disk template is not supported", now)
	case slices.Contains(fixed, w.DiskTemplate):
		return fault.Refuse(fault.WrongInput, "Conversion to the '%s' disk template is not supported", w.DiskTemplate)
	case now == w.DiskTemplate && now != config.DTExt:
		return fault.Refuse(fault.WrongInput, "Instance already has disk template %s", now)
	case !slices.Contains(enabled, w.DiskTemplate):
		return fault.Refuse(fault.WrongState, "Disk template '%s' is not enabled for this cluster (enabled templates: %s)", w.DiskTemplate, strings.Join(enabled, ", "))
	}
	if err := CheckDown(ctx, w.env, w.inst, "cannot change disk template"); err != nil {
		return err
	}
	if allowed := cfg.InstancePolicy(cfg.Group(w.primary().Group)).DiskTemplates; !slices.Contains(allowed, w.DiskTemplate) {
		return fault.Refuse(fault.WrongState, "Disk template '%s' in not allowed (allowed templates: %s)", w.DiskTemplate, strings.Join(allowed, ", "))
	}
	return w.checkConversion(ctx, now)
}

func diskNamed(disks []*config.Disk) func(string) int {
	return func(name string) int {
		return slices.IndexFunc(disks, func(d *config.Disk) bool { return d.Name == name || d.UUID == name })
	}
}

// allowed refuses what cannot be done to any disk of this instance as it is, and new disks that cannot be, wherever they are to stand.
func (w *modify) allowed(ctx context.Context, c DeviceChange) error {
	_, sized := c.Params["size"]
	switch {
	case c.Action == addDevice && len(w.inst.Disks) == 0:
		return fault.Refuse(fault.WrongInput, "Must specify disk type on diskless instance")
	case c.Action == addDevice:
		_, err := w.askedDisk(c.Params)
		return err
	case c.Action == attachDevice:
		_, err := w.attachedDisk(c.Params)
		return err
	case c.Action == modifyDevice && sized:
		return fault.Refuse(fault.WrongInput, "Disk size change not possible, use grow-disk")
	case c.Action == removeDevice && !w.Hotplug:
		return checkState(ctx, w.env, w.inst, notRunningStates, "can't remove volume from a running instance without using hotplug")
	}
	return nil
}

func (w *modify) checkDisk(c DeviceChange) error {
	i, err := c.position("disk", len(w.list), diskNamed(w.list))
	if err != nil {
		return err
	}
	step := diskStep{action: c.Action, index: i}
	switch c.Action {
	case addDevice:
		if step.disk, err = w.newDisk(i, c.Params); err != nil {
			return err
		}
		w.list = slices.Insert(w.list, i, step.disk)
		step.said = [][2]any{{fmt.Sprintf("disk/%d", i), fmt.Sprintf("add:size=%d,mode=%s", step.disk.Size, step.disk.Mode)}}
	case removeDevice:
		step.disk = w.list[i]
		w.list = slices.Delete(w.list, i, i+1)
		step.said = [][2]any{{fmt.Sprintf("disk/%d", i), "remove"}}
	case attachDevice:
		if step.disk, err = w.attachedDisk(c.Params); err != nil {
			return err
		}
		w.list = slices.Insert(w.list, i, step.disk)
		step.said = [][2]any{{fmt.Sprintf("disk/%d", i), fmt.Sprintf("attach:size=%d,mode=%s", step.disk.Size, step.disk.Mode)}}
	case detachDevice:
		step.disk = w.list[i]
		w.list = slices.Delete(w.list, i, i+1)
		step.said = [][2]any{{fmt.Sprintf("disk/%d", i), "detach"}}
	default:
		changed := *w.list[i]
		step.disk = &changed
		if err := step.change(c.Params); err != nil {
			return err
		}
		w.list[i] = &changed
	}
	w.disks = append(w.disks, step)
	return nil
}

// canOpen refuses a disk that the instance's hypervisor cannot open.
func (w *modify) canOpen(d *config.Disk) error {
	cfg := w.env.Config
	return checkAccess(cfg, w.inst.Hypervisor, d, cfg.Group(w.primary().Group))
}

// newDisk lays out a disk of the kind the instance has.
func (w *modify) newDisk(index int, params map[string]any) (*config.Disk, error) {
	asked, err := w.askedDisk(params)
	if err != nil {
		return nil, err
	}
	if len(w.devices) > 0 {
		asked.size, w.devices = w.devices[0], w.devices[1:]
	}
	disks, err := w.layOut(w.env.Config.DiskTemplate(w.inst), index, asked)
	if err != nil {
		return nil, err
	}
	disks[0].Stamp = config.NewStamp(w.env.Clock())
	return disks[0], nil
}

// askedDisk checks what was asked of a new disk.
func (w *modify) askedDisk(params map[string]any) (diskRequest, error) {
	cfg := w.env.Config
	template := cfg.DiskTemplate(w.inst)
	if template != config.DTExt {
		if _, err := DiskInput.ForceLong(params); err != nil {
			return diskRequest{}, err
		}
	}
	asked, err := newDisk(cfg, template, params)
	if err == nil {
		err = w.canOpen(&config.Disk{DevType: template, Params: asked.params})
	}
	if err != nil {
		return asked, err
	}
	return asked, checkSpindles(cfg.FilledND(w.primary()).Bool("exclusive_storage"), asked.spindles)
}

// layOut lays out disks of the instance; first is the number of the first one.
func (w *modify) layOut(template string, first int, asked ...diskRequest) ([]*config.Disk, error) {
	cfg := w.env.Config
	dir, err := fileDir(cfg, template, w.inst.Name, w.FileStorageDir)
	if err != nil {
		return nil, err
	}
	if template == config.DTGluster {
		dir = gluster.Prefix(w.inst.UUID)
	}
	driver := w.FileDriver
	if driver == "" {
		driver = "loop"
	}
	for i := range asked {
		if asked[i].metaVG == "" {
			asked[i].metaVG = disk.MetaVG(cfg, cfg.Group(w.primary().Group))
		}
	}
	return layOut(template, w.inst.PrimaryNode, dir, driver, first, asked)
}

// change gives a disk another mode or name, and one of external storage other parameters for its provider.
func (s *diskStep) change(asked map[string]any) error {
	params, err := config.Params(asked), error(nil)
	if s.disk.DevType != config.DTExt {
		params, err = modifiedDisk.Force(asked)
	}
	if err != nil {
		return err
	}
	if mode, given := params["mode"].(string); given {
		s.disk.Mode = mode
		s.said = append(s.said, [2]any{fmt.Sprintf("disk.mode/%d", s.index), mode})
	}
	if _, given := params["name"]; given {
		if s.disk.Name = text(params, "name"); isNone(s.disk.Name) {
			s.disk.Name = ""
		}
		s.said = append(s.said, [2]any{fmt.Sprintf("disk.name/%d", s.index), orNil(s.disk.Name)})
	}
	if s.disk.DevType == config.DTExt {
		return s.forProvider(params)
	}
	return nil
}

// forProvider changes what the provider of external storage is told of the disk from now on.
func (s *diskStep) forProvider(params config.Params) error {
	for _, fixed := range []string{"access", "provider"} {
		if _, given := params[fixed]; given {
			return fault.Refuse(fault.WrongInput, "Disk '%s' parameter change is not possible", fixed)
		}
	}
	s.disk.Params = maps.Clone(s.disk.Params)
	for _, name := range sortedNames(params) {
		if modifiedDisk.Get(name) != nil {
			continue
		}
		value, ok := params[name].(string)
		switch {
		case !ok:
			return fault.Refuse(fault.WrongInput, "Disk parameter '%s' needs a value", name)
		case strings.EqualFold(value, config.Default):
			delete(s.disk.Params, name)
		case s.disk.Params == nil:
			s.disk.Params = config.Params{name: value}
		default:
			s.disk.Params[name] = value
		}
		s.said = append(s.said, [2]any{fmt.Sprintf("disk.params:%s/%d", name, s.index), value})
	}
	return nil
}

// changeDisks makes the changes one after the other. Each is recorded by itself: a disk that could not be recorded is removed, one that
// is to go is removed only after nothing refers to it.
func (w *modify) changeDisks(ctx context.Context) error {
	if w.convert != nil {
		return w.convert(ctx)
	}
	for i := range w.disks {
		step := &w.disks[i]
		var err error
		switch step.action {
		case addDevice:
			err = w.addDisk(ctx, step)
		case removeDevice:
			err = w.removeDisk(ctx, step)
		case attachDevice:
			err = w.attachDisk(ctx, step)
		case detachDevice:
			err = w.dismissDisk(ctx, step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *modify) addDisk(ctx context.Context, step *diskStep) error {
	if err := w.newlyMade(ctx, step); err != nil {
		return err
	}
	if w.env.Config.Cluster.PreallocWipeDisks {
		if err := wipeDisk(ctx, w.env, w.primary().Name, step.index, step.disk); err != nil {
			return err
		}
	}
	if w.Hotplug {
		w.env.Info("Trying to hotplug device...")
		if err := step.plugged(w.hotplugged(w.plugDisk(ctx, step))); err != nil {
			return err
		}
	}
	whole, err := waitSynced(ctx, w.env, w.inst, w.primary().Name, []*config.Disk{step.disk}, !w.WaitForSync)
	switch {
	case err != nil:
		return err
	case !whole:
		return fault.Exec("Failed to sync disks of %s", w.inst.Name)
	case w.inst.DisksActive:
		return nil
	}
	return detachDisk(ctx, w.env.Nodes, w.env.Config, step.index, step.disk, w.primary().Name)
}

// newlyMade makes a disk and records it as the instance's.
func (w *modify) newlyMade(ctx context.Context, step *diskStep) error {
	if step.disk.DevType != config.DTDRBD { // of which Ganeti does not tell
		w.env.Say("* disk %d, size %s", step.index, unit.FormatSize(float64(step.disk.Size), "h"))
	}
	return job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", func(ctx context.Context) error { return w.reserveMirror(ctx, step.disk) }),
		job.Do("", func(ctx context.Context) error { return w.makeDisk(ctx, step.disk) }).
			Undo(func(ctx context.Context) error { return w.unmakeDisk(ctx, step.disk) }),
		job.Do("", func(ctx context.Context) error { return w.enlist(ctx, step) }),
	})
}

// reserveMirror finds minors, port and secret for a disk that is mirrored, where the others of the instance are.
func (w *modify) reserveMirror(ctx context.Context, d *config.Disk) error {
	if d.DevType != config.DTDRBD {
		return nil
	}
	return w.env.Update(ctx, func(cfg *config.Config) error {
		nodes := cfg.InstanceNodes(w.inst)
		if len(nodes) != 2 {
			return fault.Exec("The instance has a strange layout, expected one secondary but found %d", len(nodes)-1)
		}
		return mirrorUp(cfg, w.env, []*config.Disk{d}, nodes[0], nodes[1], w.minors)
	})
}

// plugged adds what came of hotplugging to what is said of a disk.
func (s *diskStep) plugged(result string, err error) error {
	s.said = append(s.said, [2]any{fmt.Sprintf("disk/%d", s.index), result})
	return err
}

func (w *modify) makeDisk(ctx context.Context, d *config.Disk) error {
	node := w.primary()
	if err := checkOnline(node); err != nil {
		return err
	}
	if err := w.on(node.Name).MakeDir(ctx, d); err != nil {
		return err
	}
	err := makeDisk(ctx, w.env, w.inst.Name, node.Name, d)
	if err != nil {
		w.env.Warn("Device creation failed")
	}
	return err
}

// unmakeDisk removes a disk that could not be recorded.
func (w *modify) unmakeDisk(ctx context.Context, d *config.Disk) error {
	if w.env.Config.Disk(d.UUID) != nil {
		return fault.Exec("Disk %s is in use", d.UUID)
	}
	var all error
	err := removeDisk(ctx, w.env, w.primary().Name, d, func(_ string, err error) { all = errors.Join(all, err) })
	return errors.Join(all, err)
}

// enlist records a new disk as the instance's.
func (w *modify) enlist(ctx context.Context, step *diskStep) error {
	return w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		w.convertDisks(cfg)
		claimPorts(cfg, []*config.Disk{step.disk})
		added := *step.disk
		cfg.Disks = append(cfg.Disks, &added)
		inst.Disks = slices.Insert(inst.Disks, min(step.index, len(inst.Disks)), added.UUID)
		renumber(cfg, inst)
		return nil
	})
}

// convertDisks gives up what has been reserved for disks; what is for network interfaces is still needed.
func (w *modify) convertDisks(cfg *config.Config) {
	w.env.Convert(cfg, func(r *config.Reservation) bool { return !ofNIC(r) })
}

// renumber gives the disks of an instance the names that follow their order.
func renumber(cfg *config.Config, inst *config.Instance) {
	for i, d := range cfg.InstanceDisks(inst) {
		d.IVName = "disk/" + strconv.Itoa(i)
	}
}

func (w *modify) removeDisk(ctx context.Context, step *diskStep) error {
	if w.Hotplug {
		w.env.Info("Trying to hotplug device...")
		if err := step.plugged(w.hotplugged(w.unplugDisk(ctx, step))); err != nil {
			return err
		}
	}
	held := detachDisk(ctx, w.env.Nodes, w.env.Config, step.index, step.disk, w.primary().Name)
	if isUnknown(held) {
		return held
	}
	if held != nil {
		w.env.Warn("%v", held)
	}
	if err := w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		if held == nil { // a device that goes on has its port still, and the next one that got it would not connect
			returnPorts(cfg, []*config.Disk{step.disk})
		}
		inst.Disks = slices.DeleteFunc(inst.Disks, func(uuid string) bool { return uuid == step.disk.UUID })
		cfg.Disks = slices.DeleteFunc(cfg.Disks, func(d *config.Disk) bool { return d.UUID == step.disk.UUID })
		renumber(cfg, inst)
		return nil
	}); err != nil {
		return err
	}
	return removeDisk(ctx, w.env, w.primary().Name, step.disk, func(node string, err error) {
		w.env.Warn("Could not remove disk %d on node %s, continuing anyway: %v", step.index, node, err)
	})
}

// changedDisks applies new modes and names.
func (w *modify) changedDisks(cfg *config.Config) error {
	var all error
	for _, step := range w.disks {
		if step.action != modifyDevice {
			continue
		}
		d := cfg.Disk(step.disk.UUID)
		if d == nil {
			all = errors.Join(all, fault.Exec("Disk %s is not in the configuration", step.disk.UUID))
			continue
		}
		d.Mode, d.Name, d.Params = step.disk.Mode, step.disk.Name, step.disk.Params
		d.Touch(w.env.Clock())
	}
	return all
}
