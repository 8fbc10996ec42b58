package instance

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// ShutdownTimeout is how many seconds a guest has to power off when nobody says otherwise.
const ShutdownTimeout = 120

// onOne is what the working states of operations on one instance share.
type onOne struct {
	env  *job.Env
	name string // as given
	inst *config.Instance
}

// Locks is the instance's own.
func (o *onOne) Locks(cfg *config.Config) ([]job.Lock, error) {
	inst, err := find(cfg, o.name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(inst)}, nil
}

// locate finds the instance in the configuration of the moment the locks were granted.
func (o *onOne) locate() (err error) {
	if o.inst, err = find(o.env.Config, o.name); err != nil {
		return err
	}
	return available(o.inst.Hypervisor)
}

func (o *onOne) primary() *config.Node { return o.env.Config.Node(o.inst.PrimaryNode) }

// release gives back all locks of some levels.
func release(env *job.Env, levels ...job.Level) error {
	var locks []job.Lock
	for _, level := range levels {
		for _, name := range env.Holds(level) {
			locks = append(locks, job.Lock{Level: level, Name: name})
		}
	}
	return env.Release(locks...)
}

// mark is what the configuration says about where an instance is and whether it is to run. Empty values leave things as they are.
type mark struct {
	Admin, Source string
	Disks         *bool  // active
	Primary       string // UUID
}

// markOf is what is marked now.
func markOf(inst *config.Instance) mark {
	return mark{Admin: inst.AdminState, Source: inst.AdminStateSource, Disks: new(inst.DisksActive), Primary: inst.PrimaryNode}
}

// set changes an instance and says whether that made a difference.
func (m mark) set(inst *config.Instance) bool {
	before := markOf(inst)
	if m.Admin != "" {
		inst.AdminState, inst.AdminStateSource = m.Admin, m.Source
	}
	if m.Disks != nil {
		inst.DisksActive = *m.Disks
	}
	if m.Primary != "" {
		inst.PrimaryNode = m.Primary
	}
	return before.counts(inst) || before.Primary != inst.PrimaryNode
}

// counts says whether an instance is marked otherwise in what its serial number counts, as which where it is does not.
func (m mark) counts(inst *config.Instance) bool {
	return m.Admin != inst.AdminState || m.Source != inst.AdminStateSource || *m.Disks != inst.DisksActive
}

// record writes marks, in one transaction, if they make a difference.
func (o *onOne) record(ctx context.Context, m mark) error {
	try := *o.inst
	if !m.set(&try) {
		return nil
	}
	return o.write(ctx, func(_ *config.Config, inst *config.Instance) error {
		before := markOf(inst)
		if m.set(inst); before.counts(inst) {
			inst.Touch(o.env.Clock())
		}
		return nil
	})
}

// update changes the instance in one transaction.
func (o *onOne) update(ctx context.Context, change func(cfg *config.Config, inst *config.Instance) error) error {
	return o.write(ctx, func(cfg *config.Config, inst *config.Instance) error {
		inst.Touch(o.env.Clock())
		return change(cfg, inst)
	})
}

// write is update for what does not count as a change of the instance.
func (o *onOne) write(ctx context.Context, change func(cfg *config.Config, inst *config.Instance) error) error {
	uuid := o.inst.UUID
	err := o.env.Update(ctx, func(cfg *config.Config) error {
		inst := cfg.Instance(uuid)
		if inst == nil {
			return fault.Exec("Unknown instance: %s", uuid)
		}
		return change(cfg, inst)
	})
	if inst := o.env.Config.Instance(uuid); inst != nil {
		o.inst = inst
	}
	return err
}

// recording makes a step of record.
func (o *onOne) recording(m mark) func(context.Context) error {
	return func(ctx context.Context) error { return o.record(ctx, m) }
}

// elsewhereAbsent fails unless all other nodes that could run the instance prove that they do not.
func (o *onOne) elsewhereAbsent(ctx context.Context, node string) error {
	return provenAbsent(ctx, o.env.Nodes, o.inst, alsoOn(o.env.Config, o.inst, node))
}

// proveHome fails unless the guest that is in this state on a node is there for certain, or on no other. One that has given its memory
// away must not go on in any case.
func (o *onOne) proveHome(ctx context.Context, node string, s state) error {
	if s.there() {
		return nil
	}
	err := o.elsewhereAbsent(ctx, node)
	if err == nil && s.Status == kvm.Left { // it has run elsewhere since
		err = fault.Refuse(fault.WrongState, "What is left of instance %s on node %s has given its memory to another node; end it with 'gnt-instance shutdown %s'",
			o.inst.Name, node, o.inst.Name)
	}
	return err
}

// attach prepares the disks on a node. When that fails none is left linked. strict needs the mirrors on other nodes too, and adds a
// hint for the user.
func (o *onOne) attach(ctx context.Context, node string, strict bool) error {
	attach := attachAlone
	if strict {
		attach = attachDisks
	}
	err := attach(ctx, o.env, o.inst, node)
	if err != nil && strict && !isUnknown(err) {
		o.env.Hint("If the message above refers to a secondary node, you can retry the operation using '--force'")
	}
	return err
}

// detach marks the disks as inactive and gives them up on a node. What fails on the node is only warned of.
func (o *onOne) detach(ctx context.Context, node string) error {
	if err := o.record(ctx, mark{Disks: new(false)}); err != nil {
		return err
	}
	if err := detachDisks(ctx, o.env.Nodes, o.env.Config, o.inst, node); err != nil {
		o.env.Warn("%v", err)
	}
	return nil
}

// start starts the guest on a node where its disks are linked. After an error of unknown outcome nobody knows whether it runs there.
func (o *onOne) start(ctx context.Context, inst *config.Instance, node string, paused bool) error {
	return o.settleStart(ctx, node, paused, startGuest(ctx, o.env.Nodes, o.env.Config, inst, node, paused))
}

// settleStart finds out what became of a start whose outcome is unknown. Only a guest that runs proves anything: one that is not
// there may still be on its way.
func (o *onOne) settleStart(ctx context.Context, node string, paused bool, err error) error {
	if !isUnknown(err) {
		return err
	}
	s, asked := stateOf(context.WithoutCancel(ctx), o.env.Nodes, o.inst, node)
	if asked == nil && s.Running && (s.Status == "running" || paused) {
		return o.settle(node, "starts instance ", "resumes instance ")
	}
	return fault.Exec("It is not known whether instance %s runs on node %s; look there, and repeat the command if it does not: %w", o.inst.Name, node, err)
}

// settle closes the intents of changes that have turned out to be done.
func (o *onOne) settle(node string, changes ...string) error {
	for _, c := range changes {
		if err := o.env.Settle(node, c+o.inst.Name, remote.Done); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the guest on a node. If its outcome is unknown and the node then says that it does not run, it has ended.
func (o *onOne) stop(ctx context.Context, node string, timeout int) error {
	err := stopGuest(ctx, o.env.Nodes, o.env.Config, o.inst, node, seconds(timeout))
	if !isUnknown(err) {
		return err
	}
	s, asked := stateOf(context.WithoutCancel(ctx), o.env.Nodes, o.inst, node)
	switch {
	case asked != nil:
		return fault.Exec("It is not known whether instance %s still runs on node %s: %w", o.inst.Name, node, err)
	case s.Running:
		return fault.Exec("Instance %s still runs on node %s: %w", o.inst.Name, node, err)
	}
	return o.settle(node, "stops instance ")
}
