package instance

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/unit"
)

// endLimit bounds the end of work that nobody waits for.
const endLimit = 2 * time.Minute

// Export writes an instance's disks and description to a node.
type Export struct {
	Name                 string   `json:"instance_name"`
	TargetNode           string   `json:"target_node"`
	Mode                 string   `json:"mode"` // local
	Compress             string   `json:"compress"`
	ShutdownTimeout      int      `json:"shutdown_timeout"` // seconds
	Shutdown             bool     `json:"shutdown"`
	RemoveInstance       bool     `json:"remove_instance"`
	IgnoreRemoveFailures bool     `json:"ignore_remove_failures"`
	LongSleep            bool     `json:"long_sleep"`
	ZeroFreeSpace        bool     `json:"zero_free_space"`
	ZeroingFixed         *int     `json:"zeroing_timeout_fixed,omitempty"`
	ZeroingPerMiB        *float64 `json:"zeroing_timeout_per_mib,omitempty"`
}

// NewExport is an operation with Ganeti's defaults.
func NewExport() Export {
	return Export{Mode: "local", Compress: backup.None, ShutdownTimeout: ShutdownTimeout, Shutdown: true}
}

// OpID is the operation's name in job files.
func (Export) OpID() string { return "OP_BACKUP_EXPORT" }

// WellFormed refuses an export without a target, which Ganeti's command does before there is a job, and a timeout below zero.
func (op Export) WellFormed() error {
	if op.TargetNode == "" {
		return fault.Refuse(fault.WrongInput, "Target node must be specified")
	}
	return checkTimeout("shutdown_timeout", op.ShutdownTimeout)
}

// Work starts it.
func (op Export) Work(env *job.Env) job.Work {
	return &export{Export: op, onOne: onOne{env: env, name: op.Name}}
}

type export struct {
	Export
	onOne
	target  *config.Node
	copy    diskCopy
	devices []string // that are exported: the disks, or their snapshots
	failed  []int    // disks
	helper  *zeroing // nil if free space is left as it is
	plan    *hooks.Plan
}

// Locks share the nodes: what is on them besides the instance is not touched.
func (w *export) Locks(cfg *config.Config) ([]job.Lock, error) {
	locks, err := w.onOne.Locks(cfg)
	if err != nil {
		return nil, err
	}
	if _, err := findNode(cfg, w.TargetNode); err != nil {
		return nil, err
	}
	if w.ZeroFreeSpace {
		inst, _ := find(cfg, w.Name)
		locks = append(locks, job.Lock{Level: job.LevelNodeRes, Name: inst.PrimaryNode})
	}
	return append(locks, job.Lock{Level: job.LevelNode, Name: job.All, Shared: true}), nil
}

func (w *export) Check(ctx context.Context) (err error) {
	if w.ZeroFreeSpace && !w.Shutdown {
		return fault.RefuseBare("Unless the instance is shut down, zeroing cannot be used.")
	}
	if err := w.locate(); err != nil {
		return err
	}
	if err := checkOnline(w.primary()); err != nil {
		return err
	}
	if w.RemoveInstance && w.up() && !w.Shutdown {
		return fault.Refuse(fault.WrongState, "Can not remove instance without shutting it down before")
	}
	if w.target, err = findNode(w.env.Config, w.TargetNode); err != nil {
		return err
	}
	if err := checkOnline(w.target); err != nil {
		return err
	}
	if w.target.Drained {
		return fault.Refuse(fault.WrongState, "Can't use drained node %s", w.target.Name)
	}
	for _, check := range []func() error{w.checkZeroing, w.checkCompression} {
		if err := check(); err != nil {
			return err
		}
	}
	if w.copy.os, err = newOSChoice(w.env.Config, w.inst, nil, true); err != nil {
		return err
	}
	if w.ZeroFreeSpace {
		if err := w.checkHelper(ctx); err != nil {
			return err
		}
	}
	w.copy = dumping(w.env, w.copy.os, w.inst, w.target, w.Compress)
	return w.copy.prepare(ctx)
}

func (w *export) up() bool { return w.inst.AdminState == config.AdminUp }

// checkZeroing: the helper tells that it has done its work by powering off, and its disk is the first one.
func (w *export) checkZeroing() error {
	hv := w.env.Config.FilledHV(w.inst)
	order, known := hv["boot_order"].(string)
	switch {
	case w.ZeroFreeSpace && w.inst.Hypervisor == config.HVKVM && !hv.Bool("user_shutdown"):
		return fault.Refuse(fault.WrongInput, "Instance shutdown detection must be enabled for zeroing to work")
	case w.ZeroFreeSpace && known && order != "disk":
		return fault.Refuse(fault.WrongInput, "Booting from disk must be set for zeroing to work")
	case w.ZeroFreeSpace && w.env.Config.Cluster.ZeroingImage == "":
		return fault.Refuse(fault.WrongInput, "A zeroing image must be set for zeroing to work")
	case !w.ZeroFreeSpace && (w.ZeroingFixed != nil || w.ZeroingPerMiB != nil):
		return fault.Refuse(fault.WrongInput, "Zeroing timeout options can only be used only with the --zero-free-space option")
	case w.LongSleep && !w.Shutdown:
		return fault.Refuse(fault.WrongInput, "The long sleep option only makes sense when the instance can be shut down.")
	}
	return nil
}

func (w *export) checkCompression() error {
	return backup.CheckCompression(w.Compress, w.env.Config.Cluster.CompressionTools)
}

// Hooks are told of the instance as it was, even when it is removed.
func (w *export) Hooks() *hooks.Plan {
	if w.plan == nil {
		w.plan = onInstance(w.env.Config, w.inst, "instance-export", map[string]string{"EXPORT_MODE": w.Mode, "EXPORT_NODE": w.target.Name,
			"EXPORT_DO_SHUTDOWN": unit.Str(w.Shutdown), "SHUTDOWN_TIMEOUT": strconv.Itoa(w.ShutdownTimeout), "REMOVE_INSTANCE": unit.Str(w.RemoveInstance)})
		w.plan.Pre = masterAnd(w.env.Config, w.inst.PrimaryNode, w.target.UUID)
		w.plan.Post = w.plan.Pre
	}
	return w.plan
}

// Run stops the instance for as long as its disks must not change: until there are snapshots of them, or until they are copied.
func (w *export) Run(ctx context.Context) (any, error) {
	if err := job.Run(ctx, w.env.Say, w.steps()); err != nil {
		return nil, err
	}
	if w.RemoveInstance {
		w.env.Say("Removing instance %s", w.inst.Name)
		gone := &remove{Remove: Remove{Name: w.inst.Name, ShutdownTimeout: w.ShutdownTimeout, IgnoreFailures: w.IgnoreRemoveFailures}, env: w.env}
		if err := gone.Check(ctx); err != nil {
			return nil, err
		}
		if _, err := gone.Run(ctx); err != nil {
			return nil, err
		}
	}
	w.removeOlder(ctx)
	return []any{true, slices.Repeat([]bool{true}, len(w.devices))}, nil
}

func (w *export) steps() []job.Step {
	snapshots := w.up() && !w.RemoveInstance && w.snapshotsPossible()
	again := w.Shutdown && w.up() && !w.RemoveInstance
	var steps []job.Step
	add := func(s ...job.Step) { steps = append(steps, s...) }
	if w.Shutdown {
		add(job.Do("", w.shutdown).Undo(w.startIf(again)))
	} else if w.up() && !snapshots {
		add(job.Do("", w.refuseLive))
	}
	if w.helper != nil {
		add(job.Do("", w.helper.run))
	}
	if !w.inst.DisksActive || w.helper != nil {
		add(job.Do("", w.activate).Undo(w.deactivate))
	}
	if snapshots {
		add(job.Do("", w.snapshot).Undo(w.dropSnapshots), job.Do("", w.startIf(again)))
	}
	add(job.Do("", w.makeDir).Undo(w.dropDir), job.Do("", w.send), job.Do("", w.finish))
	switch {
	case snapshots:
		add(job.Do("", w.dropSnapshots))
	case again:
		add(job.Do("", w.startIf(again)))
	}
	if !w.inst.DisksActive {
		add(job.Do("", w.deactivate))
	}
	return steps
}

// snapshotsPossible says whether all disks are on volumes. Not each provider of external ones makes snapshots, and none is asked where
// the instance may be away for long.
func (w *export) snapshotsPossible() bool {
	return !slices.ContainsFunc(w.env.Config.InstanceDisks(w.inst), func(d *config.Disk) bool {
		return !disk.InVolumes(d.DevType) && (d.DevType != config.DTExt || w.LongSleep)
	})
}

// shutdown stops the guest, but refuses before it does if the disks could not be exported while it is away for a short time. The
// first line is what Ganeti prints; it has stopped the guest by then, and leaves it so.
func (w *export) shutdown(ctx context.Context) error {
	w.env.Say("Shutting down instance %s", w.inst.Name)
	if w.up() && !w.RemoveInstance && !w.LongSleep && !w.snapshotsPossible() {
		return fault.Exec("Not all disks could be snapshotted, and you did not allow the instance to remain offline for a longer time through the --long-sleep option; aborting")
	}
	if err := w.stop(ctx, w.primary().Name, w.ShutdownTimeout); err != nil {
		return fault.Exec("Could not shutdown instance %s on node %s: %w", w.inst.Name, w.primary().Name, err)
	}
	return nil
}

func (w *export) refuseLive(context.Context) error {
	return fault.Exec("Not all disks could be snapshotted, and you requested a live export; aborting")
}

// startIf starts the instance again, if it is to run.
func (w *export) startIf(again bool) func(context.Context) error {
	return func(ctx context.Context) error {
		if !again {
			return nil
		}
		w.env.Say("Starting instance %s", w.inst.Name)
		node := w.primary().Name
		if err := w.elsewhereAbsent(ctx, node); err != nil {
			return err
		}
		if err := w.record(ctx, mark{Disks: new(true)}); err != nil { // not so after a helper that failed
			return err
		}
		if err := w.attach(ctx, node, false); err != nil {
			return err
		}
		if err := w.start(ctx, w.inst, node, false); err != nil {
			return fault.Exec("Could not start instance: %w", err)
		}
		return nil
	}
}

func (w *export) activate(ctx context.Context) error {
	w.env.Say("Activating disks for %s", w.inst.Name)
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	err := w.attach(ctx, w.primary().Name, false)
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, w.detach(ctx, w.primary().Name))
}

func (w *export) deactivate(ctx context.Context) error {
	w.env.Say("Deactivating disks for %s", w.inst.Name)
	return w.detach(ctx, w.primary().Name)
}

// snapshot makes one of each disk. When one cannot be made, those before it go.
func (w *export) snapshot(ctx context.Context) error {
	node := w.primary().Name
	for i, d := range w.env.Config.InstanceDisks(w.inst) {
		w.env.Say("Creating a snapshot of disk/%d on node %s", i, node)
		err := w.dropOlder(ctx, disk.SnapshotOf(d))
		if err == nil {
			err = w.on(node).Snapshot(ctx, d)
		}
		if err != nil {
			if isUnknown(err) {
				return err
			}
			w.env.Warn("Could not snapshot disk/%d on node %s: %s", i, node, err)
			return errors.Join(fault.Exec("Not all disks could be snapshotted; aborting"), w.dropSnapshots(context.WithoutCancel(ctx)))
		}
		w.devices = append(w.devices, disk.Device(disk.SnapshotOf(d), w.inst.PrimaryNode))
	}
	return nil
}

func (w *export) dropSnapshots(ctx context.Context) (all error) {
	for _, d := range w.env.Config.InstanceDisks(w.inst)[:len(w.devices)] {
		all = errors.Join(all, w.dropSnapshot(ctx, disk.SnapshotOf(d)))
	}
	return all
}

// dropOlder removes the snapshot that an export which was cut off has left. Of an external one it is not known whether it is there until
// it can be attached.
func (w *export) dropOlder(ctx context.Context, snap *config.Disk) error {
	if snap.DevType == config.DTExt {
		if err := w.on(w.primary().Name).Attach(ctx, snap); err != nil {
			if isUnknown(err) {
				return err
			}
			return nil
		}
	}
	return w.dropSnapshot(ctx, snap)
}

func (w *export) dropSnapshot(ctx context.Context, snap *config.Disk) error {
	if snap.DevType == config.DTExt {
		return w.on(w.primary().Name).Remove(ctx, snap)
	}
	volumes, err := lvm.Sizes(ctx, w.env.Nodes, w.primary().Name)
	if err != nil || !slices.ContainsFunc(volumes, func(s lvm.Size) bool { return s.Volume == volumeOf(snap) }) {
		return err
	}
	return lvm.Remove(ctx, w.env.Nodes, w.primary().Name, volumeOf(snap))
}

func (w *export) makeDir(ctx context.Context) error {
	return backup.Prepare(ctx, w.env.Nodes, w.target.Name, w.inst.Name)
}

func (w *export) dropDir(ctx context.Context) error {
	return backup.Drop(ctx, w.env.Nodes, w.target.Name, w.inst.Name)
}

// send copies the disks. Where one fails nothing takes the place of the export before.
func (w *export) send(ctx context.Context) (err error) {
	disks := w.env.Config.InstanceDisks(w.inst)
	if w.devices == nil {
		w.devices = devices(disks, w.inst.PrimaryNode)
	}
	var pieces []piece
	for i, d := range disks {
		p := piece{index: i, device: w.devices[i], file: path.Join(backup.New(w.inst.Name), d.UUID)}
		if w.copy.raw() {
			p.mib = float64(d.Size) // what a script writes nobody knows before
		}
		pieces = append(pieces, p)
	}
	if w.failed, err = w.copy.run(ctx, pieces); err != nil || w.failed == nil {
		return err
	}
	var numbers []string
	for _, i := range w.failed {
		numbers = append(numbers, strconv.Itoa(i))
	}
	return fault.Exec("Export failed, errors in disk export: disk(s) %s", strings.Join(numbers, ", "))
}

func (w *export) finish(ctx context.Context) error {
	w.env.Say("Finalizing export on %s", w.target.Name)
	err := backup.Finish(ctx, w.env.Nodes, w.target.Name, w.inst.Name, backup.Describe(w.env.Config, w.inst, w.env.Clock()))
	if err == nil || isUnknown(err) {
		return err
	}
	w.env.Warn("Could not finalize export for instance %s on node %s: %s", w.inst.Name, w.target.Name, err)
	return fault.Exec("Export failed, errors in export finalization")
}

// removeOlder removes exports of the instance from other nodes. What fails is only warned of.
func (w *export) removeOlder(ctx context.Context) {
	var others []string
	for _, n := range w.env.Config.Nodes {
		if n.UUID != w.target.UUID && !n.Offline {
			others = append(others, n.Name)
		}
	}
	if others == nil {
		return
	}
	w.env.Say("Removing old exports for instance %s", w.inst.Name)
	for _, reply := range listExports(ctx, w.env.Nodes, others) {
		if reply.Err != nil || !slices.Contains(reply.Value, w.inst.Name) {
			continue
		}
		if err := backup.Remove(ctx, w.env.Nodes, reply.Node, w.inst.Name); err != nil {
			w.env.Warn("Could not remove older export for instance %s on node %s: %s", w.inst.Name, reply.Node, err)
		}
	}
}
