package instance

import (
	"context"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// GrowDisk makes a disk of an instance larger, by an amount or up to one.
type GrowDisk struct {
	Name          string `json:"instance_name"`
	Disk          int    `json:"disk"`
	Amount        int64  `json:"amount"` // MiB
	Absolute      bool   `json:"absolute"`
	WaitForSync   bool   `json:"wait_for_sync"`
	IgnoreIPolicy bool   `json:"ignore_ipolicy"`
}

// OpID is the operation's name in job files.
func (GrowDisk) OpID() string { return "OP_INSTANCE_GROW_DISK" }

// WellFormed refuses a number that Ganeti's daemons do not even take into the queue.
func (op GrowDisk) WellFormed() error {
	if err := checkIndex("disk", op.Disk); err != nil {
		return err
	}
	if op.Amount < 0 {
		return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for 'amount': Invalid value for non-negative type '%d'", op.Amount)
	}
	return nil
}

// checkIndex refuses what no disk can have for its number.
func checkIndex(attribute string, n int) error {
	if n >= 0 && n < maxDisks {
		return nil
	}
	return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for '%s': Invalid value for disk index '%d', required between 0 and %d", attribute, n, maxDisks)
}

// Work starts it.
func (op GrowDisk) Work(env *job.Env) job.Work {
	return &growDisk{GrowDisk: op, onOne: onOne{env: env, name: op.Name}}
}

type growDisk struct {
	GrowDisk
	onOne
	disk          *config.Disk
	delta, target int64 // MiB
}

func (w *growDisk) Locks(cfg *config.Config) ([]job.Lock, error) { return w.withNodes(cfg) }

// withNodes locks the nodes of the instance, too.
func (o *onOne) withNodes(cfg *config.Config) ([]job.Lock, error) {
	locks, err := o.Locks(cfg)
	if err != nil {
		return nil, err
	}
	inst, _ := find(cfg, o.name)
	for _, uuid := range cfg.InstanceNodes(inst) {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: uuid}, job.Lock{Level: job.LevelNodeRes, Name: uuid})
	}
	return locks, nil
}

// nodes are those of the instance, its primary first.
func (o *onOne) nodes() []*config.Node {
	var list []*config.Node
	for _, uuid := range o.env.Config.InstanceNodes(o.inst) {
		list = append(list, o.env.Config.Node(uuid))
	}
	return list
}

func (w *growDisk) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	for _, n := range w.nodes() {
		if err := checkOnline(n); err != nil {
			return err
		}
	}
	disks := w.env.Config.InstanceDisks(w.inst)
	if w.Disk < 0 || w.Disk >= len(disks) {
		return fault.Refuse(fault.WrongInput, "Invalid disk index: %d (instace has disks 0 to %d", w.Disk, len(disks)-1) // Ganeti's own spelling
	}
	w.disk = disks[w.Disk]
	if err := w.measure(); err != nil {
		return err
	}
	if err := w.checkSpace(ctx); err != nil {
		return err
	}
	return w.checkGrowth()
}

// measure works out how large the disk is to be.
func (w *growDisk) measure() error {
	switch w.disk.DevType {
	case config.DTBlock, config.DTDiskless:
		return fault.Refuse(fault.WrongInput, "Instance's disk layout does not support growing")
	}
	w.delta, w.target = w.Amount, w.disk.Size+w.Amount
	if w.Absolute {
		w.delta, w.target = w.Amount-w.disk.Size, w.Amount
	}
	if w.delta < 0 {
		return fault.Refuse(fault.WrongState, "Requested size (%s) is smaller than current disk size (%s)",
			unit.FormatSize(float64(w.target), "h"), unit.FormatSize(float64(w.disk.Size), "h"))
	}
	return nil
}

func (w *growDisk) checkSpace(ctx context.Context) error {
	data := w.disk
	if len(data.Children) > 0 {
		data = data.Children[0]
	}
	vg, _, isVolume := data.LV()
	for _, n := range w.nodes() {
		if !isVolume || w.env.Config.FilledND(n).Bool("exclusive_storage") {
			continue
		}
		if err := (need{vg: w.delta}).check(ctx, w.env, n); err != nil {
			return err
		}
	}
	return nil
}

func (w *growDisk) checkGrowth() error {
	cfg := w.env.Config
	sizing := cfg.Sizing(w.inst)
	sizing.Disks[w.Disk].MiB = w.target
	violations := cfg.InstancePolicy(cfg.Group(w.primary().Group)).DiskViolations(sizing.Disks)
	if len(violations) == 0 {
		return nil
	}
	if err := tooLarge(sizing.Disks); w.IgnoreIPolicy && err != nil {
		return err
	}
	words := "Growing disk %d violates policy: %s"
	if w.IgnoreIPolicy {
		w.env.Warn(words, w.Disk, strings.Join(violations, ", "))
		return nil
	}
	return fault.Refuse(fault.WrongInput, words, w.Disk, strings.Join(violations, ", "))
}

func (w *growDisk) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "disk-grow",
		map[string]string{"DISK": unit.Str(w.Disk), "AMOUNT": unit.Str(w.Amount), "ABSOLUTE": unit.Str(w.Absolute)})
}

// Run rehearses on all nodes first. What was grown when it is cut off does no harm: the disk is as large as the configuration says, and
// growing it once more takes what is there.
func (w *growDisk) Run(ctx context.Context) (any, error) {
	a := &assembly{env: w.env, inst: w.inst, node: w.primary().Name}
	if err := a.attach(ctx, []*config.Disk{w.disk}); err != nil {
		return nil, err
	}
	if a.failed {
		return nil, fault.Exec("Cannot activate block device to grow")
	}
	w.env.Say("Growing disk %d of instance '%s' by %s to %s", w.Disk, w.inst.Name, unit.FormatSize(float64(w.delta), "h"), unit.FormatSize(float64(w.target), "h"))
	wipes, end := w.env.Config.Cluster.PreallocWipeDisks, int64(0)
	if wipes {
		var err error
		if end, err = w.end(ctx); err != nil {
			return nil, err
		}
	}
	err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.grow("Dry-run grow request failed to node %s: %w", true)),
		job.Do("", w.grow("Grow request failed to node %s: %w", false)),
		job.Do("", w.resize),
		job.Do("", w.recordSize),
	})
	if err != nil {
		return nil, err
	}
	if wipes {
		if err := wipeFrom(ctx, w.env, w.primary().Name, w.Disk, w.disk, end); err != nil {
			return nil, err
		}
	}
	return nil, w.settle(ctx)
}

// end is where what the guest can have written ends, in MiB: a volume is often larger than the configuration says, for its extents or
// because somebody has extended it.
func (w *growDisk) end(ctx context.Context) (int64, error) {
	there := w.on(w.primary().Name)
	sizes, err := disk.Bytes(ctx, there, there.Node, there.Device(w.disk))
	if err != nil || sizes[0] == 0 {
		return 0, fault.Exec("Failed to retrieve disk size from primary node '%s'", w.primary().Name)
	}
	mib, rest := sizes[0]>>20, sizes[0]&(1<<20-1)
	if rest > 0 {
		w.env.Warn("Disk size is not an even multiple of 1 MiB; rounding up to not overwrite existing data (%d bytes will not be wiped)", 1<<20-rest)
		mib++
	}
	return max(mib, w.disk.Size), nil
}

// grow makes the disk larger on all its nodes, or looks whether that could be done.
func (w *growDisk) grow(words string, dryRun bool) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, node := range places(w.env.Config, w.disk, w.primary().Name) {
			if err := w.on(node).Grow(ctx, w.disk, w.delta, dryRun); err != nil {
				return fault.Exec(words, node, err)
			}
		}
		return nil
	}
}

func (w *growDisk) resize(ctx context.Context) error {
	if err := w.on(w.primary().Name).Resize(ctx, w.disk, w.target); err != nil {
		return fault.Exec("Grow request failed to node %s: %w", w.primary().Name, err)
	}
	return nil
}

// recordSize notes the new size of the disk, and of the data below it.
func (w *growDisk) recordSize(ctx context.Context) error {
	err := w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		d := cfg.Disk(w.disk.UUID)
		if d == nil {
			return fault.Exec("Disk %s is not in the configuration", w.disk.UUID)
		}
		d.Size = w.target
		if len(d.Children) > 0 {
			d.Children[0].Size += w.delta
		}
		d.Touch(w.env.Clock())
		return nil
	})
	if err == nil {
		w.disk = w.env.Config.Disk(w.disk.UUID)
	}
	return err
}

// settle waits for the mirror and gives up a disk that is not in use otherwise.
func (w *growDisk) settle(ctx context.Context) error {
	if !w.WaitForSync {
		if !w.inst.DisksActive {
			w.env.Warn("Not shutting down the disk even if the instance is not supposed to be running because no wait for sync mode was requested")
		}
		return nil
	}
	whole, err := waitSynced(ctx, w.env, w.inst, w.primary().Name, []*config.Disk{w.disk}, false)
	if err != nil {
		return err
	}
	if !whole {
		w.env.Warn("Disk syncing has not returned a good status; check the instance")
	}
	if w.inst.DisksActive {
		return nil
	}
	if err := detachDisk(ctx, w.env.Nodes, w.env.Config, w.Disk, w.disk, w.primary().Name); err != nil {
		w.env.Warn("%v", err)
	}
	return nil
}
