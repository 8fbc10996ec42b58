package instance

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// Move takes an instance whose disks are on its primary node alone to another one, by copying them.
type Move struct {
	Name              string `json:"instance_name"`
	TargetNode        string `json:"target_node"`
	ShutdownTimeout   int    `json:"shutdown_timeout"` // seconds
	IgnoreIPolicy     bool   `json:"ignore_ipolicy"`
	Compress          string `json:"compress"`
	IgnoreConsistency bool   `json:"ignore_consistency"`
}

// NewMove is an operation with Ganeti's defaults.
func NewMove() Move { return Move{ShutdownTimeout: ShutdownTimeout, Compress: backup.None} }

// OpID is the operation's name in job files.
func (Move) OpID() string { return "OP_INSTANCE_MOVE" }

// WellFormed refuses a move to nowhere, and a timeout below zero.
func (op Move) WellFormed() error {
	if op.TargetNode == "" {
		return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for 'target_node': Unable to read String")
	}
	return checkTimeout("shutdown_timeout", op.ShutdownTimeout)
}

// Work starts it.
func (op Move) Work(env *job.Env) job.Work {
	w := &move{Move: op}
	w.Failover = Failover{Name: op.Name, ShutdownTimeout: op.ShutdownTimeout}
	w.relocation = relocation{onOne: onOne{env: env, name: op.Name}, node: op.TargetNode, ignorePolicy: op.IgnoreIPolicy, failover: true}
	return w
}

// move stops and starts the guest as a failover does.
type move struct {
	Move
	failover
	disks []*config.Disk
	copy  diskCopy
}

func (w *move) Check(ctx context.Context) (err error) {
	cfg := w.env.Config
	if err := w.locate(); err != nil {
		return err
	}
	w.source, w.disks = w.primary(), cfg.InstanceDisks(w.inst)
	for i, d := range w.disks {
		if d.DevType != config.DTPlain && d.DevType != config.DTFile {
			return fault.Refuse(fault.WrongState, "Instance disk %d has disk type %s and is not suitable for copying", i, d.DevType)
		}
	}
	if w.target, err = findNode(cfg, w.Move.TargetNode); err != nil {
		return err
	}
	if w.target == w.source {
		return fault.Refuse(fault.WrongState, "Instance %s is already on the node %s", w.inst.Name, w.target.Name)
	}
	if err := checkUsable(w.target); err != nil {
		return err
	}
	if err := w.checkPolicy(cfg); err != nil {
		return err
	}
	return w.checkNodes(ctx)
}

// checkNodes looks for room on the target, and for a way to it.
func (w *move) checkNodes(ctx context.Context) error {
	cfg := w.env.Config
	if w.inst.AdminState != config.AdminUp {
		w.env.Info("Not checking memory on the secondary node as instance will not be started")
	} else if _, err := checkMemory(ctx, w.env.Nodes, cfg, w.target.Name, "failing over instance "+w.inst.Name, cfg.FilledBE(w.inst).Int("maxmem")); err != nil {
		return err
	}
	if err := w.checkTarget(ctx); err != nil {
		return err
	}
	if err := checkOnline(w.source); err != nil { // it has the only copy of the data
		return err
	}
	if err := w.checkSource(ctx); err != nil {
		return err
	}
	if err := backup.CheckCompression(w.Compress, cfg.Cluster.CompressionTools); err != nil {
		return err
	}
	if err := checkRoom(ctx, w.env, w.disks, w.target); err != nil {
		return err
	}
	if err := w.checkNew(ctx); err != nil {
		return err
	}
	w.copy = diskCopy{env: w.env, inst: w.inst, script: transfer, node: w.source, other: w.target, tool: w.Compress}
	return w.copy.prepare(ctx)
}

// checkNew refuses when something on the target has the name of a disk: the names stay, so that it may be what somebody has kept.
func (w *move) checkNew(ctx context.Context) error {
	node := w.target.Name
	for i, d := range w.disks {
		there := false
		err := error(nil)
		if d.DevType == config.DTPlain {
			there, err = lvm.Exists(ctx, w.env.Nodes, node, volumeOf(d))
		} else if err = filedisk.Attach(ctx, w.env.Nodes, node, d.Path()); err == nil {
			there = true
		} else if errors.Is(err, filedisk.ErrNoFile) {
			err = nil
		}
		if err != nil {
			return fault.Refuse(fault.Environment, "Can't get data from node %s: %w", node, err)
		}
		if there {
			return fault.Refuse(fault.Exists, "Node %s has %s already, where disk %d would be", node, disk.Device(d, w.target.UUID), i)
		}
	}
	return nil
}

// Hooks are told of the instance as it is at the time.
func (w *move) Hooks() *hooks.Plan {
	cfg := w.env.Config
	plan := onInstance(cfg, cfg.Instance(w.inst.UUID), "instance-move",
		map[string]string{"TARGET_NODE": w.target.Name, "SHUTDOWN_TIMEOUT": strconv.Itoa(w.Move.ShutdownTimeout)})
	plan.Pre = masterAnd(cfg, w.source.UUID, w.target.UUID)
	plan.Post = plan.Pre
	return plan
}

// Run can be taken back until the new primary is recorded: the disks on the source are only read. They are removed once the
// configuration says that the data is on the target, where it has been written down for good.
func (w *move) Run(ctx context.Context) (any, error) {
	steps := []job.Step{
		job.Do("", w.end).Undo(w.startAgain),
		job.Do("", w.reserve),
		job.Do("", w.makeDisks).Undo(w.removeNew),
		job.Do("", w.send),
		job.Do("", w.recordTarget),
		job.Do("", w.removeOld),
	}
	if w.inst.AdminState == config.AdminUp {
		steps = append(steps, job.Do("", func(ctx context.Context) error {
			w.env.Info("Starting instance %s on node %s", w.inst.Name, w.target.Name)
			return w.attachTarget(ctx)
		}), job.Do("", w.startTarget))
	}
	return nil, job.Run(ctx, w.env.Say, steps)
}

// end makes sure that nobody writes to the disks any more.
func (w *move) end(ctx context.Context) error {
	w.env.Info("Shutting down instance %s on source node %s", w.inst.Name, w.source.Name)
	if err := w.failover.end(ctx); err != nil {
		if !w.Move.IgnoreConsistency || isUnknown(err) {
			return err
		}
		w.env.Warn("%v", err)
	}
	return provenAbsent(ctx, w.env.Nodes, w.inst, []string{w.source.Name})
}

func (w *move) reserve(ctx context.Context) error {
	space := spaceFor(w.disks)
	if len(space) == 0 {
		return nil
	}
	return w.env.Update(ctx, func(cfg *config.Config) error {
		if n := cfg.Node(w.target.UUID); n == nil || n.Offline {
			return fault.Exec("Can't use offline node: %s", w.target.Name)
		}
		space.book(cfg, w.env, w.target.UUID)
		return nil
	})
}

// makeDisks makes empty disks of the same names on the target. What is there already is nobody's to overwrite.
func (w *move) makeDisks(ctx context.Context) error {
	for i, d := range w.disks {
		err := w.on(w.target.Name).MakeDir(ctx, d)
		if err == nil {
			err = makeDisk(ctx, w.env, w.inst.Name, w.target.Name, d)
		}
		if err == nil {
			continue
		}
		w.env.Warn("Device creation failed")
		if isUnknown(err) {
			return err
		}
		return errors.Join(err, w.remove(context.WithoutCancel(ctx), w.disks[:i]))
	}
	return nil
}

// removeNew removes them again, unless they have become the instance's.
func (w *move) removeNew(ctx context.Context) error {
	if w.env.Config.Instance(w.inst.UUID).PrimaryNode == w.target.UUID {
		return fault.Exec("Instance %s is on node %s now", w.inst.Name, w.target.Name)
	}
	return w.remove(ctx, w.disks)
}

func (w *move) remove(ctx context.Context, disks []*config.Disk) (all error) {
	for _, d := range slices.Backward(disks) {
		all = errors.Join(all, w.on(w.target.Name).Remove(ctx, d))
	}
	if all != nil {
		return all
	}
	return w.removeDirs(ctx, w.target.Name)
}

// removeDirs removes the directories of the files on a node, once they are empty.
func (w *move) removeDirs(ctx context.Context, node string) (all error) {
	var dirs []string
	for _, d := range w.disks {
		if dir := disk.Dir(d); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
			all = errors.Join(all, w.on(node).RemoveDir(ctx, d))
		}
	}
	return all
}

func (w *move) send(ctx context.Context) error {
	var pieces []piece
	for i, d := range w.disks {
		if err := w.on(w.source.Name).Attach(ctx, d); err != nil {
			return fault.Exec("Could not prepare block device disk/%d on node %s: %w", i, w.source.Name, err)
		}
		pieces = append(pieces, piece{index: i, device: disk.Device(d, w.source.UUID), file: disk.Device(d, w.target.UUID), mib: float64(d.Size)})
	}
	failed, err := w.copy.run(ctx, pieces)
	if err != nil || failed == nil {
		return err
	}
	w.env.Warn("Some disks failed to copy, aborting")
	return fault.Exec("Errors during disk copy: Failed to transfer instance data")
}

func (w *move) recordTarget(ctx context.Context) error {
	return w.update(ctx, func(cfg *config.Config, inst *config.Instance) error {
		w.env.Convert(cfg, nil)
		for _, old := range w.disks {
			d := cfg.Disk(old.UUID)
			if d == nil || !slices.Contains(inst.Disks, d.UUID) {
				return fault.Exec("Disk %s is not one of instance %s", old.UUID, inst.Name)
			}
			d.Nodes = []string{w.target.UUID}
			d.Touch(w.env.Clock())
		}
		mark{Primary: w.target.UUID, Disks: new(false)}.set(inst)
		return nil
	})
}

// removeOld warns of what it cannot remove: the instance is elsewhere.
func (w *move) removeOld(ctx context.Context) error {
	w.env.Info("Removing the disks on the original node")
	node := w.source.Name
	if err := w.on(node).Unlink(ctx, w.inst.Name, len(w.disks)); err != nil {
		w.env.Warn("%v", err)
	}
	failed := false
	for i, d := range w.disks {
		err := w.on(node).Remove(ctx, d)
		if isUnknown(err) {
			return err
		}
		if err != nil {
			w.env.Warn("Could not remove disk %d on node %s, continuing anyway: %v", i, node, err)
			failed = true
		}
	}
	if failed {
		return nil
	}
	if err := w.removeDirs(ctx, node); err != nil {
		w.env.Warn("%v", err)
	}
	return nil
}

// removeMoved removes what a move that was cut off has left on the node from which it copied. The copy is whole if the configuration
// has the disk elsewhere: it is recorded only then.
func (x *remains) removeMoved(ctx context.Context) error {
	for _, in := range x.done {
		device, is := strings.CutPrefix(in.Changes, "copies device ")
		elsewhere := slices.ContainsFunc(x.env.Config.Disks, func(d *config.Disk) bool { return disk.Device(d, "") == device })
		if !is || !x.on(in.Node) || !elsewhere || x.used(in.Node, device) {
			continue
		}
		if err := x.removeLeft(ctx, in.Node, device); err != nil {
			return err
		}
	}
	return nil
}

func (x *remains) removeLeft(ctx context.Context, node, device string) error {
	if v := volumeAt(device); strings.HasPrefix(device, "/dev/") {
		return lvm.RemoveIfThere(ctx, x.env.Nodes, node, v)
	}
	if err := filedisk.Remove(ctx, x.env.Nodes, node, device); err != nil {
		return err
	}
	return x.removeEmpty(ctx, node, device[:strings.LastIndex(device, "/")])
}
