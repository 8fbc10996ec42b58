package instance

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/unit"
)

// Ways to migrate: the guest runs on while its memory is copied, or is paused.
const (
	Live    = "live"
	NonLive = "non-live"
)

// Migrate moves a running instance to another node.
type Migrate struct {
	Name                string `json:"instance_name"`
	Mode                string `json:"mode,omitempty"` // empty: as the cluster says
	TargetNode          string `json:"target_node,omitempty"`
	AllowRuntimeChanges bool   `json:"allow_runtime_changes"`
	IgnoreIPolicy       bool   `json:"ignore_ipolicy"`
	Cleanup             bool   `json:"cleanup"`
	IAllocator          string `json:"iallocator,omitempty"`
	AllowFailover       bool   `json:"allow_failover"`
	IgnoreHVVersions    bool   `json:"ignore_hvversions"`
}

// OpID is the operation's name in job files.
func (Migrate) OpID() string { return "OP_INSTANCE_MIGRATE" }

// Work starts it.
func (op Migrate) Work(env *job.Env) job.Work {
	return &migrate{Migrate: op, relocation: relocation{
		onOne: onOne{env: env, name: op.Name}, node: op.TargetNode, allocator: op.IAllocator, ignorePolicy: op.IgnoreIPolicy, cleanup: op.Cleanup}}
}

type migrate struct {
	Migrate
	relocation
	instead *failover // what is done if it cannot be migrated
	free    int64     // memory of the target
	memory  int64     // of the guest
	guest   *travel
}

func (w *migrate) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	fallback := !w.Cleanup && w.AllowFailover
	if fallback && w.inst.AdminState != config.AdminUp {
		w.env.Info("Instance is marked down or offline, fallback allowed, switching to failover")
		return w.failOver(ctx, true)
	}
	if err := w.chooseTarget(ctx, "migrations"); err != nil {
		return err
	}
	if w.Cleanup {
		w.env.Info("Not checking memory on the secondary node as instance will not be started")
		if w.target.Offline {
			return nil
		}
		return checkBridges(ctx, w.env.Nodes, w.env.Config, w.inst.NICs, w.target.Name)
	}
	var err error
	if w.free, err = w.checkFree(ctx); err != nil {
		return err
	}
	if w.env.Config.FilledBE(w.inst).Bool("always_failover") {
		w.env.Info("Instance configured to always failover; fallback to failover")
		return w.failOver(ctx, false)
	}
	if err := w.checkTarget(ctx); err != nil {
		return err
	}
	return w.checkRuns(ctx, fallback)
}

// checkRuns makes sure that there is a guest to be migrated.
func (w *migrate) checkRuns(ctx context.Context, fallback bool) error {
	if w.source.Offline && fallback {
		w.env.Info("Can't migrate, instance offline, fallback to failover")
		return w.failOver(ctx, false)
	}
	if w.source.Offline {
		return fault.Refuse(fault.WrongState, "Can't migrate, please use failover: Node is marked offline")
	}
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.source.Name)
	w.memory = s.Memory
	switch {
	case err == nil && s.Status == kvm.Left:
		return fault.Refuse(fault.WrongState, "Instance %s has left node %s already; run 'gnt-instance migrate --cleanup -n %s %s' first",
			w.inst.Name, w.source.Name, w.target.Name, w.inst.Name)
	case err == nil && s.Running:
		w.guest = w.travel()
		return nil
	case fallback && err == nil:
		w.env.Info("Can't migrate, instance offline, fallback to failover")
		return w.failOver(ctx, false)
	case err != nil:
		return fault.Refuse(fault.WrongState, "Can't migrate, please use failover: %v", err)
	}
	return fault.Refuse(fault.WrongState, "Can't migrate, please use failover: Instance %s is not running", w.inst.Name)
}

// failOver turns the operation into a failover. choose says that there is no target yet.
func (w *migrate) failOver(ctx context.Context, choose bool) error {
	w.instead = &failover{relocation: w.relocation, Failover: Failover{ShutdownTimeout: ShutdownTimeout}}
	if choose {
		if err := w.instead.chooseTarget(ctx, "failovers"); err != nil {
			return err
		}
		err := w.instead.checkFailover(ctx)
		w.source, w.target = w.instead.source, w.instead.target
		return err
	}
	if err := w.instead.checkTarget(ctx); err != nil {
		return err
	}
	return w.instead.checkSource(ctx)
}

func (w *migrate) live() bool {
	mode := w.Mode
	if mode == "" {
		mode = w.env.Config.FilledHV(w.inst).String("migration_mode")
	}
	return mode == Live
}

func (w *migrate) Hooks() *hooks.Plan {
	cfg := w.env.Config
	env := w.hooksEnv(map[string]string{"MIGRATE_LIVE": unit.Str(w.instead == nil && w.live()), "MIGRATE_CLEANUP": unit.Str(w.Cleanup),
		"ALLOW_RUNTIME_CHANGES": unit.Str(w.AllowRuntimeChanges)})
	nodes := masterAnd(cfg, w.source.UUID, w.target.UUID)
	return &hooks.Plan{Path: "instance-migrate", Env: env, Pre: nodes, Post: nodes}
}

func (w *migrate) Run(ctx context.Context) (any, error) {
	if w.instead != nil {
		return nil, w.instead.move(ctx)
	}
	w.env.Say("Migrating instance %s", w.inst.Name)
	if w.Cleanup {
		return nil, w.cleanUp(ctx)
	}
	if err := w.transfer(ctx); err != nil {
		return nil, err
	}
	return nil, w.complete(ctx)
}

// transfer can be taken back at any point: the target's side is ended first, for certain, and only then the source told to go on.
// Until it has succeeded the guest runs on the source; from then on it runs on the target.
func (w *migrate) transfer(ctx context.Context) error {
	return job.Run(ctx, w.env.Say, slices.Concat([]job.Step{
		job.Do("", w.compareVersions),
		job.Do("checking disk consistency between source and target", w.checkDisks),
		job.Do("", w.shrink),
		job.Do("", w.readGuest),
	}, w.sharing(), []job.Step{
		job.Do("preparing "+w.target.Name+" to accept the instance", w.accept).Undo(w.giveUp),
		job.Do("migrating instance to "+w.target.Name, w.send),
		job.Do("", w.follow),
	}))
}

// checkDisks refuses while the target has not all data. Disks that several nodes can reach are the same on both.
func (w *migrate) checkDisks(ctx context.Context) error {
	if !w.mirrored() {
		return nil
	}
	i, err := w.pair().degraded(ctx, w.target.Name)
	if err == nil && i >= 0 {
		err = fault.Exec("Disk %d is degraded or not fully synchronized on target node, aborting migration", i)
	}
	return err
}

// sharing makes the disks writable on both nodes for the moment of the move.
func (w *migrate) sharing() []job.Step {
	source, target := w.source.Name, w.target.Name
	closing := job.Do("closing instance disks on node "+target, w.closing(target))
	opening := []job.Step{
		job.Do("opening instance disks on node "+source+" in shared mode", w.opening(source, true)),
		job.Do("opening instance disks on node "+target+" in shared mode", w.opening(target, true)),
	}
	if !w.mirrored() {
		opening[1] = opening[1].Undo(w.revertDisks)
		return append([]job.Step{closing}, opening...)
	}
	p := w.pair()
	return append([]job.Step{
		closing.Undo(w.revertMirrors),
		job.Do("changing into standalone mode", p.standAlone),
		job.Do("changing disks into dual-master mode", p.reconnect(drbd.TwoPrimaries)),
		job.Do("wait until resync is done", p.waitSynced),
	}, opening...)
}

// unsharing leaves the disks to the target alone.
func (w *migrate) unsharing() []job.Step {
	source, target := w.source.Name, w.target.Name
	closing := job.Do("closing instance disks on node "+source, w.closing(source))
	if !w.mirrored() {
		return []job.Step{closing, job.Do("opening instance disks on node "+target+" in exclusive mode", w.opening(target, false))}
	}
	p := w.pair()
	return append([]job.Step{closing, job.Do("wait until resync is done", p.waitSynced)}, p.singleMaster()...)
}

// complete has no way back: the guest is on the target. Wherever it is cut off, the configuration still names the source, and
// --cleanup finds the guest on the target and goes on from there.
func (w *migrate) complete(ctx context.Context) error {
	err := job.Run(ctx, w.env.Say, append([]job.Step{
		job.Do("", w.finishTarget),
		job.Do("", w.endSource),
		job.Do("", w.recording(mark{Primary: w.target.UUID})),
	}, w.unsharing()...))
	if err == nil {
		err = w.unmap(ctx)
	}
	if err == nil {
		w.env.Say("* done")
	}
	return err
}

// unmap gives up the devices of network storage on the source, where nobody needs them any more; that they stay harms nothing.
func (w *migrate) unmap(ctx context.Context) error {
	disks := slices.DeleteFunc(slices.Clone(w.env.Config.InstanceDisks(w.inst)), func(d *config.Disk) bool {
		return d.DevType != config.DTRBD && d.DevType != config.DTExt
	})
	if len(disks) == 0 {
		return nil
	}
	names := make([]string, len(disks))
	for i, d := range disks {
		names[i] = cmp.Or(d.Name, "None")
	}
	w.env.Say("* unmapping instance's disks %s from %s", strings.Join(names, ", "), w.source.Name)
	for i, d := range disks {
		switch err := w.on(w.source.Name).Detach(ctx, d); {
		case isUnknown(err):
			return err
		case err != nil:
			w.env.Warn("Could not shutdown block device disk/%d on node %s: %v", i, w.source.Name, err)
		}
	}
	return nil
}

// compareVersions warns when the hypervisors differ; kvm is safe to migrate between all of them.
func (w *migrate) compareVersions(ctx context.Context) error {
	from, to, err := w.guest.versions(ctx)
	if err != nil {
		return fault.Exec("Unable to retrieve node information: %w", err)
	}
	if from != to {
		w.env.Say("* warning: hypervisor version mismatch between source (%s) and target (%s) node", from, to)
		w.env.Say("  migrating from hypervisor version %s to %s should be safe", from, to)
	}
	return nil
}

// shrink takes memory from the guest that the target does not have.
func (w *migrate) shrink(ctx context.Context) error {
	if w.memory <= w.free {
		return nil
	}
	if !w.AllowRuntimeChanges {
		return fault.Exec("Memory ballooning not allowed and not enough free memory to fit instance %s on target node %s (have %dMB, need %dMB)",
			w.inst.Name, w.target.Name, w.free, w.memory)
	}
	w.env.Say("* setting instance memory to %d", w.free)
	if err := balloonGuest(ctx, w.env.Nodes, w.env.Config, w.inst, w.source.Name, w.free); err != nil {
		return fault.Exec("Cannot modify instance runtime memory: %w", err)
	}
	return nil
}

func (w *migrate) readGuest(ctx context.Context) error {
	if err := w.guest.read(ctx); err != nil {
		return fault.Exec("Failed fetching source migration information from %s: %w", w.source.Name, err)
	}
	return nil
}

// closeDisks takes away the names by which a hypervisor would open the disks, and makes mirrored ones unwritable.
func (o *relocation) closeDisks(ctx context.Context, node string) error {
	err := o.on(node).Unlink(ctx, o.inst.Name, len(o.inst.Disks))
	for _, d := range o.env.Config.InstanceDisks(o.inst) {
		if err == nil {
			err = o.on(node).Close(ctx, d)
		}
	}
	if err != nil {
		return fault.Exec("Cannot close instance disks on node %s: %w", node, err)
	}
	return nil
}

func (w *migrate) closing(node string) func(context.Context) error {
	return func(ctx context.Context) error { return w.closeDisks(ctx, node) }
}

// opening is the opposite. Shared or exclusive makes a difference for the providers of external storage only.
func (w *migrate) opening(node string, shared bool) func(context.Context) error {
	return func(ctx context.Context) error {
		err := error(nil)
		if !w.mirrored() {
			err = (&assembly{env: w.env, inst: w.inst, node: node, shared: shared}).run(ctx)
		} else {
			disks := w.env.Config.InstanceDisks(w.inst)
			for _, d := range disks {
				if err == nil {
					err = w.on(node).Open(ctx, d)
				}
			}
			if err == nil {
				err = w.on(node).Link(ctx, w.inst.Name, disks)
			}
		}
		if err != nil {
			return fault.Exec("Cannot open instance disks on node %s: %w", node, err)
		}
		return nil
	}
}

func (w *migrate) revertDisks(ctx context.Context) error {
	w.env.Say("* closing instance disks on node %s", w.target.Name)
	if err := w.closeDisks(ctx, w.target.Name); err != nil {
		return err
	}
	w.env.Say("* opening instance disks on node %s in exclusive mode", w.source.Name)
	return w.opening(w.source.Name, false)(ctx)
}

// revertMirrors is the way back from all that was done to mirrored disks, however far that came.
func (w *migrate) revertMirrors(ctx context.Context) error {
	if err := w.closeTarget(ctx); err != nil {
		return err
	}
	return job.Run(ctx, w.env.Say, w.pair().singleMaster())
}

// closeTarget makes the target's side unwritable, once it is certain that no guest is there.
func (w *migrate) closeTarget(ctx context.Context) error {
	if err := provenAbsent(ctx, w.env.Nodes, w.inst, []string{w.target.Name}); err != nil {
		return err
	}
	w.env.Say("* closing instance disks on node %s", w.target.Name)
	return w.closeDisks(ctx, w.target.Name)
}

func (w *migrate) accept(ctx context.Context) error {
	err := w.guest.accept(ctx)
	if err == nil {
		return nil
	}
	w.env.Say("Pre-migration failed, aborting")
	return fmt.Errorf("%w%s", fault.Exec("Could not pre-migrate instance %s: Failed to accept instance: %w", w.inst.Name, err), w.advice(err))
}

// advice is what helps after an error that leaves things open.
func (w *migrate) advice(err error) string {
	if !isUnknown(err) {
		return ""
	}
	return fmt.Sprintf("\nNothing was taken back, since it is not known where the instance is; run 'gnt-instance migrate --cleanup -n %s %s' once the nodes answer",
		w.target.Name, w.inst.Name)
}

func (w *migrate) send(ctx context.Context) error {
	return w.failed(w.guest.send(ctx, w.live()))
}

func (w *migrate) follow(ctx context.Context) error {
	return w.failed(w.guest.follow(ctx, func(line string) { w.env.Say("%s", line) }))
}

func (w *migrate) failed(err error) error {
	if err == nil {
		return nil
	}
	w.env.Say("Migration failed, aborting")
	return fmt.Errorf("%w%s", fault.Exec("Could not migrate instance %s: %w", w.inst.Name, err), w.advice(err))
}

// giveUp ends the target's side and makes the source go on.
func (w *migrate) giveUp(ctx context.Context) error { return w.guest.giveUp(ctx) }

func (w *migrate) endSource(ctx context.Context) error {
	return w.unfinished(w.source.Name, w.guest.endSource(ctx))
}

func (w *migrate) finishTarget(ctx context.Context) error {
	return w.unfinished(w.target.Name, w.guest.finishTarget(ctx))
}

func (w *migrate) unfinished(node string, err error) error {
	if err == nil {
		return nil
	}
	return fault.Exec("Could not finalize instance migration: %s: %w\nThe instance runs on node %s; run 'gnt-instance migrate --cleanup -n %s %s'",
		node, err, w.target.Name, w.target.Name, w.inst.Name)
}
