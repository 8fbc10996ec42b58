package instance

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/unit"
)

// Kinds of reboots: soft starts the guest as it was started before, hard with its current parameters, full also gives its
// disks up in between.
const (
	RebootSoft = "soft"
	RebootHard = "hard"
	RebootFull = "full"
)

// Reboot stops an instance and starts it again; one that does not run is started.
type Reboot struct {
	Name              string `json:"instance_name"`
	Type              string `json:"reboot_type"`
	IgnoreSecondaries bool   `json:"ignore_secondaries"`
	ShutdownTimeout   int    `json:"shutdown_timeout"`
}

// OpID is the operation's name in job files.
func (Reboot) OpID() string { return "OP_INSTANCE_REBOOT" }

// WellFormed refuses a timeout below zero.
func (op Reboot) WellFormed() error { return checkTimeout("shutdown_timeout", op.ShutdownTimeout) }

// Work starts it.
func (op Reboot) Work(env *job.Env) job.Work {
	return &reboot{Reboot: op, onOne: onOne{env: env, name: op.Name}}
}

type reboot struct {
	Reboot
	onOne
	found state // of the guest, before
}

func (w *reboot) Locks(cfg *config.Config) ([]job.Lock, error) {
	switch w.Type {
	case RebootSoft, RebootHard, RebootFull:
		return w.onOne.Locks(cfg)
	}
	return nil, fault.Refuse(fault.WrongInput, "Parameter '%s.reboot_type' fails validation", w.OpID())
}

func (w *reboot) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	if err := checkState(ctx, w.env, w.inst, onlineStates, ""); err != nil {
		return err
	}
	node := w.primary()
	if err := checkOnline(node); err != nil {
		return err
	}
	if err := checkBridges(ctx, w.env.Nodes, w.env.Config, w.inst.NICs, node.Name); err != nil {
		return err
	}
	return w.checkGuest(ctx, node.Name)
}

// checkGuest makes sure that the guest runs on no other node, and will not before it has been stopped.
func (w *reboot) checkGuest(ctx context.Context, node string) error {
	var moving kvm.Progress
	var silent, err error
	if w.inst.Hypervisor == config.HVKVM { // before its state, which tells of a transfer that comes to its end in between
		moving, silent = kvm.Query(ctx, w.env.Nodes, node, w.inst.Name)
	}
	w.found, err = stateOf(ctx, w.env.Nodes, w.inst, node)
	switch {
	case err != nil:
		return fault.Exec("Error checking node %s: %w", node, err)
	case moving.Active():
		return fault.Refuse(fault.WrongState, "Instance %s is on its way to another node; run 'gnt-instance migrate --cleanup %s'", w.inst.Name, w.inst.Name)
	case w.found.there() && silent != nil:
		return fault.Exec("Error checking node %s: %w", node, silent)
	}
	return w.proveHome(ctx, node, w.found)
}

func (w *reboot) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "instance-reboot", map[string]string{
		"IGNORE_SECONDARIES": unit.Str(w.IgnoreSecondaries), "REBOOT_TYPE": w.Type, "SHUTDOWN_TIMEOUT": unit.Str(w.ShutdownTimeout)})
}

// Run takes nothing back: a guest that was stopped and cannot be started is still wanted.
func (w *reboot) Run(ctx context.Context) (any, error) {
	var steps []job.Step
	switch {
	case !w.found.Running:
		w.env.Info("Instance %s was already stopped, starting now", w.inst.Name)
		if w.found.UserDown { // what it has left behind can hold its name and its disks
			steps = append(steps, job.Do("", w.end("Could not reboot instance: ")))
		}
		steps = append(steps, job.Do("", w.prepare), job.Do("", w.startFull))
	case w.Type == RebootSoft:
		steps = []job.Step{job.Do("", w.soft)}
	case w.Type == RebootHard:
		steps = []job.Step{job.Do("", w.keepDisks), job.Do("", w.end("Could not reboot instance: ")), job.Do("", w.startHard)}
	default:
		steps = []job.Step{job.Do("", w.end("Could not shutdown instance for full reboot: ")), job.Do("", w.giveUpDisks), job.Do("", w.prepare), job.Do("", w.startFull)}
	}
	steps = append(steps, job.Do("", w.recording(mark{Admin: config.AdminUp, Source: config.AdminSource, Disks: new(true)})))
	return nil, job.Run(ctx, w.env.Say, steps)
}

// end stops the guest. An outcome that is not known stays so: a command that is still on its way could end the next guest.
func (w *reboot) end(words string) func(context.Context) error {
	return func(ctx context.Context) error {
		err := stopGuest(ctx, w.env.Nodes, w.env.Config, w.inst, w.primary().Name, seconds(w.ShutdownTimeout))
		if err != nil {
			return fault.Exec(words+"%w", err)
		}
		return nil
	}
}

func (w *reboot) giveUpDisks(ctx context.Context) error { return w.detach(ctx, w.primary().Name) }

func (w *reboot) prepare(ctx context.Context) error {
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return err
	}
	err := w.attach(ctx, w.primary().Name, !w.IgnoreSecondaries)
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, w.giveUpDisks(context.WithoutCancel(ctx)))
}

func (w *reboot) startFull(ctx context.Context) error {
	err := w.start(ctx, w.inst, w.primary().Name, false)
	if err == nil || isUnknown(err) {
		return err
	}
	failure := fault.Exec("Could not start instance for full reboot: %w", inBackendWords(err))
	return errors.Join(failure, w.detach(ctx, w.primary().Name))
}

// keepDisks makes sure, before the guest is stopped, that its disks will be there for its start. Mirrors are left as they are.
func (w *reboot) keepDisks(ctx context.Context) error {
	there, disks := w.on(w.primary().Name), w.env.Config.InstanceDisks(w.inst)
	var err error
	for _, d := range disks {
		if err == nil && d.DevType != config.DTDRBD { // which is there if it can be opened, connected or not
			err = there.Attach(ctx, d)
		}
		if err == nil {
			err = there.Open(ctx, d)
		}
	}
	if err == nil {
		err = there.Link(ctx, w.inst.Name, disks)
	}
	if err != nil {
		return fault.Exec("Could not reboot instance: %w", inBackendWords(err))
	}
	return nil
}

func (w *reboot) startHard(ctx context.Context) error {
	if err := w.start(ctx, w.inst, w.primary().Name, false); err != nil {
		return fault.Exec("Could not reboot instance: %w", inBackendWords(err))
	}
	return nil
}

func (w *reboot) soft(ctx context.Context) error {
	err := restartGuest(ctx, w.env.Nodes, w.env.Config, w.inst, w.primary().Name)
	if err != nil {
		return fault.Exec("Could not reboot instance: Failed to soft reboot instance '%s': %w", w.inst.Name, err)
	}
	return nil
}
