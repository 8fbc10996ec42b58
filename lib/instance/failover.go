package instance

import (
	"context"
	"errors"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Failover stops an instance, makes another node its primary, and starts it there if it is to run.
type Failover struct {
	Name              string `json:"instance_name"`
	ShutdownTimeout   int    `json:"shutdown_timeout"`
	IgnoreConsistency bool   `json:"ignore_consistency"`
	TargetNode        string `json:"target_node,omitempty"`
	IAllocator        string `json:"iallocator,omitempty"`
	IgnoreIPolicy     bool   `json:"ignore_ipolicy"`
	Cleanup           bool   `json:"cleanup"`
}

// OpID is the operation's name in job files.
func (Failover) OpID() string { return "OP_INSTANCE_FAILOVER" }

// WellFormed refuses a timeout below zero.
func (op Failover) WellFormed() error { return checkTimeout("shutdown_timeout", op.ShutdownTimeout) }

// Work starts it.
func (op Failover) Work(env *job.Env) job.Work {
	return &failover{Failover: op, relocation: relocation{
		onOne: onOne{env: env, name: op.Name}, node: op.TargetNode, allocator: op.IAllocator, ignorePolicy: op.IgnoreIPolicy, failover: true}}
}

type failover struct {
	Failover
	relocation
	ran bool // on the source, before
}

func (w *failover) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	if err := w.chooseTarget(ctx, "failovers"); err != nil {
		return err
	}
	return w.checkFailover(ctx)
}

func (w *failover) checkFailover(ctx context.Context) error {
	if w.inst.AdminState != config.AdminUp {
		w.env.Info("Not checking memory on the secondary node as instance will not be started")
	} else if _, err := w.checkFree(ctx); err != nil {
		return err
	}
	if err := w.checkTarget(ctx); err != nil {
		return err
	}
	return w.checkSource(ctx)
}

// checkFree makes sure that the target has the memory for it.
func (o *relocation) checkFree(ctx context.Context) (int64, error) {
	return checkMemory(ctx, o.env.Nodes, o.env.Config, o.target.Name, "migrating instance "+o.inst.Name, o.env.Config.FilledBE(o.inst).Int("minmem"))
}

// checkSource refuses when nobody can say what the source does and nobody has vouched that it is off.
func (w *failover) checkSource(ctx context.Context) error {
	if w.source.Offline {
		if err := w.checkOffline(ctx, w.source); err != nil {
			return err
		}
		return w.checkStart(ctx)
	}
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.source.Name)
	if err != nil {
		return fault.Exec("Could not shutdown instance %s on node %s (if that node is off, mark it offline first): %w", w.inst.Name, w.source.Name, err)
	}
	w.ran = s.Running
	return w.checkStart(ctx)
}

// checkStart refuses to stop what could not be started again: the start will want the same proof.
func (w *failover) checkStart(ctx context.Context) error {
	if w.inst.AdminState != config.AdminUp {
		return nil
	}
	others := slices.DeleteFunc(alsoOn(w.env.Config, w.inst, w.target.Name), func(name string) bool { return name == w.source.Name })
	return provenAbsent(ctx, w.env.Nodes, w.inst, others)
}

func (w *failover) Hooks() *hooks.Plan {
	cfg := w.env.Config
	env := w.hooksEnv(map[string]string{"IGNORE_CONSISTENCY": unit.Str(w.IgnoreConsistency), "SHUTDOWN_TIMEOUT": unit.Str(w.ShutdownTimeout),
		"FAILOVER_CLEANUP": unit.Str(w.Cleanup)})
	return &hooks.Plan{Path: "instance-failover", Env: env, Pre: masterAnd(cfg, w.target.UUID), Post: masterAnd(cfg, w.target.UUID, w.source.UUID)}
}

func (w *failover) Run(ctx context.Context) (any, error) { return nil, w.move(ctx) }

// move can be taken back until the new primary is recorded; after that the instance belongs to the target and only moves forward.
// At each point it runs on one node at most: it is started only after the source has shown that it does not run there, or was
// declared off by a person, and after all others have.
func (w *failover) move(ctx context.Context) error {
	w.env.Say("Failover instance %s", w.inst.Name)
	consistency := job.Do("checking disk consistency between source and target", w.checkDisks)
	if !w.inst.DisksActive {
		w.env.Say("* not checking disk consistency as instance is not running")
		consistency = job.Do("", nothing)
	}
	closing := job.Do("closing instance disks on node "+w.source.Name, w.closeSource)
	if w.mirrored() { // they are closed by being deactivated
		closing = job.Do("", nothing)
	}
	steps := []job.Step{
		consistency,
		job.Do("shutting down instance on source node", w.end).Undo(w.startAgain),
		closing,
		job.Do("deactivating the instance's disks on source node", w.leaveSource),
		job.Do("", w.recording(mark{Primary: w.target.UUID})),
	}
	if w.inst.AdminState == config.AdminUp {
		steps = append(steps,
			job.Do("activating the instance's disks on target node "+w.target.Name, w.attachTarget),
			job.Do("starting the instance on the target node "+w.target.Name, w.startTarget))
	}
	return job.Run(ctx, w.env.Say, steps)
}

func nothing(context.Context) error { return nil }

// checkDisks refuses while the target has not all data, unless somebody knows that and wants it. Disks that several nodes can reach
// are the same on both.
func (w *failover) checkDisks(ctx context.Context) error {
	if !w.mirrored() {
		return nil
	}
	i, err := w.pair().degraded(ctx, w.target.Name)
	switch {
	case err != nil || i < 0 || w.IgnoreConsistency:
		return err
	case w.source.Offline:
		w.env.Say("Node %s is offline, ignoring degraded disk %d on target node %s", w.source.Name, i, w.target.Name)
		return nil
	}
	return fault.Exec("Disk %d is degraded on target node, aborting failover", i)
}

func (w *failover) end(ctx context.Context) error {
	if w.source.Offline {
		w.env.Warn("Could not shutdown instance %s on node %s, proceeding anyway; please make sure node %s is down; error details: Node is marked offline",
			w.inst.Name, w.source.Name, w.source.Name)
		return w.endWaiting(ctx)
	}
	if err := w.stop(ctx, w.source.Name, w.ShutdownTimeout); err != nil {
		return fault.Exec("Could not shutdown instance %s on node %s: %w", w.inst.Name, w.source.Name, err)
	}
	return nil
}

// startAgain brings an instance back that was stopped for nothing, if it runs nowhere.
func (w *failover) startAgain(ctx context.Context) error {
	if !w.ran || w.inst.PrimaryNode != w.source.UUID {
		return nil
	}
	if err := w.elsewhereAbsent(ctx, w.source.Name); err != nil {
		return err
	}
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	if err := attachAlone(ctx, w.env, w.inst, w.source.Name); err != nil {
		return err
	}
	return w.start(ctx, w.inst, w.source.Name, false)
}

func (w *failover) closeSource(ctx context.Context) error {
	if w.source.Offline {
		w.env.Warn("Could not close instance disks on node %s, proceeding anyway", w.source.Name)
		return nil
	}
	return w.closeDisks(ctx, w.source.Name)
}

func (w *failover) leaveSource(ctx context.Context) error {
	if !w.source.Offline {
		return w.detach(ctx, w.source.Name)
	}
	if err := w.record(ctx, mark{Disks: new(false)}); err != nil {
		return err
	}
	for _, d := range w.env.Config.InstanceDisks(w.inst) {
		w.env.Warn("Could not shutdown block device %s on node %s: Node is marked offline", d.IVName, w.source.Name)
	}
	return nil
}

func (w *failover) attachTarget(ctx context.Context) error {
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	if err := attachAlone(ctx, w.env, w.inst, w.target.Name); err != nil {
		if isUnknown(err) {
			return err
		}
		return errors.Join(fault.Exec("Can't activate the instance's disks"), w.detach(ctx, w.target.Name))
	}
	return nil
}

func (w *failover) startTarget(ctx context.Context) error {
	if err := w.elsewhereAbsent(ctx, w.target.Name); err != nil {
		return err
	}
	err := w.start(ctx, w.inst, w.target.Name, false)
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(fault.Exec("Could not start instance %s on node %s: %w", w.inst.Name, w.target.Name, inBackendWords(err)), w.detach(ctx, w.target.Name))
}
