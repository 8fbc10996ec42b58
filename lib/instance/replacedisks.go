package instance

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/job"
)

// Which disks are replaced: those on one side, those that are broken, or all by moving the secondary to another node.
const (
	ReplacePrimary   = "replace_on_primary"
	ReplaceSecondary = "replace_on_secondary"
	ReplaceAuto      = "replace_auto"
	ReplaceNode      = "replace_new_secondary"
)

// ReplaceDisks gives mirrored disks new volumes on one of their nodes.
type ReplaceDisks struct {
	Name          string `json:"instance_name"`
	Mode          string `json:"mode"`
	Disks         []int  `json:"disks"` // none is all
	RemoteNode    string `json:"remote_node,omitempty"`
	IAllocator    string `json:"iallocator,omitempty"`
	EarlyRelease  bool   `json:"early_release"`
	IgnoreIPolicy bool   `json:"ignore_ipolicy"`
}

// OpID is the operation's name in job files.
func (ReplaceDisks) OpID() string { return "OP_INSTANCE_REPLACE_DISKS" }

// WellFormed refuses a number that Ganeti's daemons do not even take into the queue.
func (op ReplaceDisks) WellFormed() error {
	for _, n := range op.Disks {
		if err := checkIndex("disks", n); err != nil {
			return err
		}
	}
	return nil
}

// Work starts it.
func (op ReplaceDisks) Work(env *job.Env) job.Work {
	return &replaceDisks{ReplaceDisks: op, onOne: onOne{env: env, name: op.Name}}
}

type replaceDisks struct {
	ReplaceDisks
	onOne
	old    *config.Node   // the secondary
	target *config.Node   // whose disks are replaced
	other  *config.Node   // who keeps the data meanwhile
	next   *config.Node   // the secondary to be, nil if that stays
	disks  []*config.Disk // those that are replaced, each once
	named  []string       // as they were asked for
	minors map[string]map[int]bool
}

// Locks are the instance and its nodes, the new one, or all nodes as long as an allocator has not chosen it.
func (w *replaceDisks) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.checkArguments(); err != nil {
		return nil, err
	}
	locks, err := w.withNodes(cfg)
	if err != nil || w.Mode != ReplaceNode {
		return locks, err
	}
	next := job.All
	if w.RemoteNode != "" {
		n, err := findNode(cfg, w.RemoteNode)
		if err != nil {
			return nil, err
		}
		next = n.UUID
	}
	return append(locks, job.Lock{Level: job.LevelNode, Name: next}, job.Lock{Level: job.LevelNodeRes, Name: next}), nil
}

func (w *replaceDisks) checkArguments() error {
	chosen := w.RemoteNode != "" || w.IAllocator != ""
	switch {
	case w.Mode == ReplaceNode && !chosen:
		return fault.Refuse(fault.WrongInput, "When changing the secondary either an iallocator script must be used or the new node given")
	case w.Mode == ReplaceNode && w.RemoteNode != "" && w.IAllocator != "":
		return fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	case w.Mode != ReplaceNode && chosen:
		return fault.Refuse(fault.WrongInput, "The iallocator and new node options can only be used when changing the secondary node")
	}
	return nil
}

func (w *replaceDisks) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	cfg := w.env.Config
	secondaries := cfg.SecondaryNodes(w.inst)
	if len(secondaries) != 1 {
		return fault.Refuse(fault.Internal, "The instance has a strange layout, expected one secondary but found %d", len(secondaries))
	}
	if cfg.DiskTemplate(w.inst) != config.DTDRBD {
		return fault.Refuse(fault.WrongInput, "Can only run replace disks for DRBD8-based instances")
	}
	w.old = cfg.Node(secondaries[0])
	if err := w.chooseNode(ctx); err != nil {
		return err
	}
	if len(w.Disks) > 0 && (w.Mode == ReplaceAuto || w.Mode == ReplaceNode) {
		return fault.Refuse(fault.WrongInput, "Cannot specify disks to be replaced")
	}
	if err := w.chooseDisks(ctx); err != nil || len(w.disks) == 0 {
		return err
	}
	return w.checkNodes(ctx)
}

// chooseNode finds the new secondary, by name or by an allocator.
func (w *replaceDisks) chooseNode(ctx context.Context) (err error) {
	cfg := w.env.Config
	name := w.RemoteNode
	if w.IAllocator != "" {
		if name, err = w.allocate(ctx); err != nil {
			return err
		}
	}
	if name == "" {
		return nil
	}
	if w.next, err = findNode(cfg, name); err != nil {
		return err
	}
	switch w.next {
	case w.primary():
		return fault.Refuse(fault.WrongInput, "The specified node is the primary node of the instance")
	case w.old:
		return fault.Refuse(fault.WrongInput, "The specified node is already the secondary node of the instance")
	}
	return nil
}

// allocate asks an allocator for a node in place of the secondary.
func (w *replaceDisks) allocate(ctx context.Context) (string, error) {
	cfg, program := w.env.Config, w.IAllocator
	if program == "." {
		if program = cfg.Cluster.DefaultIAllocator; program == "" {
			return "", fault.Refuse(fault.WrongInput, "No iallocator or node given and no cluster-wide default iallocator found; "+
				"please specify either an iallocator or a node, or set a cluster-wide default iallocator")
		}
	}
	nodes, err := iallocator.Move(ctx, w.env.Nodes, cfg, program, w.inst)
	if err != nil {
		return "", err
	}
	w.env.Info("Selected new secondary for instance '%s': %s", w.inst.Name, nodes[0])
	return nodes[0], nil
}

// chooseDisks decides which disks are replaced, and on which side.
func (w *replaceDisks) chooseDisks(ctx context.Context) error {
	w.target, w.other = w.old, w.primary()
	switch w.Mode {
	case ReplacePrimary:
		w.target, w.other = w.primary(), w.old
	case ReplaceAuto:
		if err := w.findFaulty(ctx); err != nil || len(w.Disks) == 0 {
			return err
		}
	}
	all := w.env.Config.InstanceDisks(w.inst)
	if len(w.Disks) == 0 {
		for i := range all {
			w.Disks = append(w.Disks, i)
		}
	}
	w.disks, w.named = nil, nil
	for _, i := range w.Disks {
		if i < 0 || i >= len(all) {
			return fault.Refuse(fault.WrongInput, "Invalid disk index: %d (instace has disks 0 to %d", i, len(all)-1)
		}
		w.named = append(w.named, strconv.Itoa(i))
	}
	slices.Sort(w.Disks)
	w.Disks = slices.Compact(w.Disks)
	for _, i := range w.Disks {
		w.disks = append(w.disks, all[i])
	}
	return nil
}

// findFaulty looks for disks whose data is lost on one of the nodes.
func (w *replaceDisks) findFaulty(ctx context.Context) error {
	disks := w.env.Config.InstanceDisks(w.inst)
	states := map[*config.Node][]*drbd.Status{}
	nodes := []*config.Node{w.primary(), w.old}
	for _, n := range nodes {
		if n.Offline {
			continue
		}
		found, err := w.on(n.Name).Statuses(ctx, disks)
		if err != nil {
			return fault.Refuse(fault.Environment, "Error checking node %s: %v", n.Name, err)
		}
		states[n] = found
	}
	for i := range disks {
		for _, n := range nodes {
			w.env.Info("Checking disk/%d on %s", i, n.Name)
			if found, asked := states[n]; asked && found[i] == nil {
				return fault.Refuse(fault.WrongState, "Please run activate-disks on instance %s first", w.inst.Name)
			}
		}
	}
	var faulty [2][]int
	for side, n := range nodes {
		for i, s := range states[n] {
			if s.LocalStatus() == drbd.Faulty {
				faulty[side] = append(faulty[side], i)
			}
		}
	}
	switch {
	case len(faulty[0]) > 0 && len(faulty[1]) > 0:
		return fault.Refuse(fault.WrongState, "Instance %s has faulty disks on more than one node and can not be repaired automatically", w.inst.Name)
	case len(faulty[0]) > 0:
		w.Disks, w.target, w.other = faulty[0], w.primary(), w.old
	default:
		w.Disks, w.target, w.other = faulty[1], w.old, w.primary()
	}
	return nil
}

// checkNodes makes sure that new volumes can be made, before anything is.
func (w *replaceDisks) checkNodes(ctx context.Context) error {
	where := w.target
	if w.next != nil {
		where = w.next
		if err := checkUsable(w.next); err != nil {
			return err
		}
		if w.old.Offline && !w.EarlyRelease {
			w.EarlyRelease = true
			w.env.Info("Old secondary %s is offline, automatically enabling early-release mode", w.old.Name)
		}
		if err := checkTargetPolicy(w.env, w.inst, w.next, w.env.Config.Group(w.next.Group).Name, w.IgnoreIPolicy); err != nil {
			return err
		}
	}
	for _, n := range []*config.Node{where, w.other} {
		if err := checkOnline(n); err != nil {
			return err
		}
	}
	if err := spaceFor(w.disks).check(ctx, w.env, where); err != nil {
		return err
	}
	if w.next == nil {
		return nil
	}
	var err error
	if w.minors, err = minorsInUse(ctx, w.env, w.next); err != nil {
		return err
	}
	return checkLeftovers(ctx, w.env, w.inst, w.disks, w.next.Name)
}

func (w *replaceDisks) Hooks() *hooks.Plan {
	cfg := w.env.Config
	inst := cfg.Instance(w.inst.UUID)
	next, nodes := "", cfg.InstanceNodes(inst)
	if w.next != nil {
		next, nodes = w.next.Name, append(nodes, w.next.UUID)
	}
	plan := onInstance(cfg, inst, "mirrors-replace", map[string]string{"MODE": w.Mode, "NEW_SECONDARY": next, "OLD_SECONDARY": w.old.Name})
	plan.Pre = masterAnd(cfg, nodes...)
	plan.Post = plan.Pre
	return plan
}

// Run activates the disks of an instance that does not run for as long as it takes.
func (w *replaceDisks) Run(ctx context.Context) (any, error) {
	if len(w.disks) == 0 {
		w.env.Say("No disks need replacement for instance '%s'", w.inst.Name)
		return nil, nil
	}
	w.env.Say("Replacing disk(s) %s for instance '%s'", strings.Join(w.named, ", "), w.inst.Name)
	w.env.Say("Current primary node: %s", w.primary().Name)
	w.env.Say("Current secondary node: %s", w.old.Name)
	down := !w.inst.DisksActive
	if down {
		if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
			return nil, err
		}
		if err := attachAlone(ctx, w.env, w.inst, w.primary().Name); err != nil {
			if isUnknown(err) {
				return nil, err
			}
			return nil, errors.Join(err, w.detach(context.WithoutCancel(ctx), w.primary().Name))
		}
	}
	replace := w.onOneSide
	if w.next != nil {
		replace = w.onNewNode
	}
	err := replace(ctx)
	if !down || isUnknown(err) {
		return nil, err
	}
	return nil, errors.Join(err, w.detach(context.WithoutCancel(ctx), w.primary().Name))
}

const replaceSteps = 6

// checkPresent is the first step: on these nodes the disks are there.
func (w *replaceDisks) checkPresent(ctx context.Context, nodes ...*config.Node) error {
	w.env.Step(1, replaceSteps, "Check device existence")
	for _, n := range nodes {
		states, err := w.on(n.Name).Statuses(ctx, w.disks)
		if err != nil {
			return fault.Exec("Can't find disk/%d on node %s: %w", w.Disks[0], n.Name, err)
		}
		for i, s := range states {
			w.env.Info("Checking disk/%d on %s", w.Disks[i], n.Name)
			if s == nil {
				return fault.Exec("Can't find disk/%d on node %s: disk not found\nDisks seem to be not properly activated. "+
					"Try running activate-disks on the instance before using replace-disks.", w.Disks[i], n.Name)
			}
		}
	}
	w.env.Info("Checking volume groups")
	return nil
}

// checkWhole is the second: the side that keeps the data has all of it. Where the other one goes away it need not be connected.
func (w *replaceDisks) checkWhole(ctx context.Context, local bool) error {
	w.env.Step(2, replaceSteps, "Check peer consistency")
	states, err := w.on(w.other.Name).Statuses(ctx, w.disks)
	if err != nil {
		return err
	}
	for i, s := range states {
		w.env.Info("Checking disk/%d consistency on node %s", w.Disks[i], w.other.Name)
		if s == nil || !local && s.Degraded() || local && s.LocalStatus() != drbd.Okay {
			return fault.Exec("Node %s has degraded storage, unsafe to replace disks for instance %s", w.other.Name, w.inst.Name)
		}
	}
	return nil
}

// finish waits for the new volumes to be filled and removes the old ones.
func (w *replaceDisks) finish(ctx context.Context, remove func(context.Context) error) error {
	step := 5
	if w.EarlyRelease {
		w.env.Step(step, replaceSteps, "Removing old storage")
		if err := remove(ctx); err != nil {
			return err
		}
		step++
	}
	if err := w.releaseNodes(); err != nil {
		return err
	}
	w.env.Step(step, replaceSteps, "Sync devices")
	if _, err := waitSynced(ctx, w.env, w.inst, w.primary().Name, w.env.Config.InstanceDisks(w.inst), false); err != nil {
		return err
	}
	if err := w.checkReplaced(ctx); err != nil || w.EarlyRelease {
		return err
	}
	w.env.Step(step+1, replaceSteps, "Removing old storage")
	return remove(ctx)
}

func (w *replaceDisks) releaseNodes() error { return release(w.env, job.LevelNode, job.LevelNodeRes) }

// checkReplaced makes sure that nothing is removed while it is still needed.
func (w *replaceDisks) checkReplaced(ctx context.Context) error {
	states, err := w.on(w.primary().Name).Statuses(ctx, w.disks)
	if err != nil {
		return err
	}
	for i, s := range states {
		switch {
		case s == nil:
			return fault.Exec("Can't find DRBD device disk/%d: not set up", w.Disks[i])
		case s.Degraded():
			return fault.Exec("DRBD device disk/%d is degraded!", w.Disks[i])
		}
	}
	return nil
}
