package instance

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Startup starts an instance on its primary node.
type Startup struct {
	Name            string        `json:"instance_name"`
	Force           bool          `json:"force"`
	IgnoreOffline   bool          `json:"ignore_offline_nodes"`
	HVParams        config.Params `json:"hvparams,omitempty"` // for this run only
	BEParams        config.Params `json:"beparams,omitempty"`
	NoRemember      bool          `json:"no_remember"`
	Paused          bool          `json:"startup_paused"`
	ShutdownTimeout int           `json:"shutdown_timeout"`
}

// OpID is the operation's name in job files.
func (Startup) OpID() string { return "OP_INSTANCE_STARTUP" }

// Work starts it.
func (op Startup) Work(env *job.Env) job.Work {
	return &startup{Startup: op, onOne: onOne{env: env, name: op.Name}}
}

type startup struct {
	Startup
	onOne
	guest   *config.Instance // with the parameters of this run
	before  mark             // what was wanted before
	offline bool             // its primary node is, and that is fine
	remains bool             // of a guest whose user powered it off
}

// Locks keeps others from giving away the memory of the primary node meanwhile.
func (w *startup) Locks(cfg *config.Config) ([]job.Lock, error) {
	if _, err := forcedBE(w.BEParams); err != nil {
		return nil, err
	}
	locks, err := w.onOne.Locks(cfg)
	if err != nil {
		return nil, err
	}
	inst, _ := find(cfg, w.Name)
	return append(locks, job.Lock{Level: job.LevelNodeRes, Name: inst.PrimaryNode}), nil
}

func forcedBE(params config.Params) (config.Params, error) {
	if len(params) == 0 {
		return nil, nil
	}
	return config.BEParams.Force(config.SplitMemory(params)) // in this order: what is wrong with "memory" is said of maxmem
}

func (w *startup) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	if err := w.override(ctx); err != nil {
		return err
	}
	if err := checkState(ctx, w.env, w.inst, onlineStates, ""); err != nil {
		return err
	}
	node := w.primary()
	if w.offline = node.Offline && w.IgnoreOffline; w.offline {
		w.env.Warn("Ignoring offline primary node")
		if len(w.HVParams)+len(w.BEParams) > 0 {
			w.env.Warn("Overridden parameters are ignored")
		}
		return nil
	}
	if err := checkOnline(node); err != nil {
		return err
	}
	if err := checkBridges(ctx, w.env.Nodes, w.env.Config, w.inst.NICs, node.Name); err != nil {
		return err
	}
	return w.checkPlace(ctx, node.Name)
}

// override makes the instance as it is to be for this run.
func (w *startup) override(ctx context.Context) error {
	cfg, guest := w.env.Config, *w.inst
	w.guest = &guest
	if len(w.HVParams) > 0 {
		forced, err := config.HVInput.Force(w.HVParams)
		if err != nil {
			return err
		}
		guest.HVParams = forced.Fill(w.inst.HVParams)
		if err := checkHV(ctx, w.env.Nodes, cfg, w.inst.Hypervisor, cfg.FilledHV(&guest), cfg.InstanceNodes(w.inst)); err != nil {
			return err
		}
	}
	forced, err := forcedBE(w.BEParams)
	guest.BEParams = forced.Fill(w.inst.BEParams)
	return err
}

// checkPlace makes sure that the guest can be started on a node, and runs on no other. One that runs there already is fine.
func (w *startup) checkPlace(ctx context.Context, node string) error {
	s, err := stateOf(ctx, w.env.Nodes, w.inst, node)
	if err != nil {
		return fault.Refuse(fault.Environment, "Error checking node %s: %v", node, err)
	}
	w.remains = s.UserDown
	if err := w.proveHome(ctx, node, s); err != nil || s.Running {
		return err
	}
	_, err = checkMemory(ctx, w.env.Nodes, w.env.Config, node, "starting instance "+w.inst.Name, w.env.Config.FilledBE(w.guest).Int("minmem"))
	return err
}

func (w *startup) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "instance-start", map[string]string{"FORCE": unit.Str(w.Force)})
}

// Run notes first that the instance is to run: whoever finds it not running after a crash knows what was wanted. That is taken
// back if the start fails, otherwise than in Ganeti.
func (w *startup) Run(ctx context.Context) (any, error) {
	w.before = markOf(w.inst)
	if w.offline {
		err := w.markUp(ctx)
		if err == nil {
			w.env.Info("Primary node offline, marked instance as started")
		}
		return nil, err
	}
	return nil, job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.markUp).Undo(w.markBack),
		job.Do("", w.clear),
		job.Do("", w.prepare).Undo(w.giveUpDisks),
		job.Do("", w.launch),
	})
}

func (w *startup) markUp(ctx context.Context) error {
	if w.NoRemember {
		return nil
	}
	return w.record(ctx, mark{Admin: config.AdminUp, Source: config.AdminSource, Disks: new(true)})
}

// markBack notes that the disks were given up and what was wanted before, once the node says that nothing runs there.
func (w *startup) markBack(ctx context.Context) error {
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.primary().Name)
	if err != nil || s.Running {
		return err
	}
	if w.inst.AdminState != w.before.Admin {
		w.env.Info("Instance %s could not be started, it is marked %s again", w.inst.Name, w.before.Admin)
	}
	return w.record(ctx, mark{Admin: w.before.Admin, Source: w.before.Source, Disks: new(false)})
}

// clear removes what a guest left that its user has powered off.
func (w *startup) clear(ctx context.Context) error {
	if !w.remains {
		return nil
	}
	if err := w.stop(ctx, w.primary().Name, w.ShutdownTimeout); err != nil {
		return fault.Exec("Could not shutdown instance '%s': %w", w.inst.Name, err)
	}
	return nil
}

func (w *startup) prepare(ctx context.Context) error {
	err := w.attach(ctx, w.primary().Name, !w.Force)
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, w.giveUpDisks(context.WithoutCancel(ctx)))
}

func (w *startup) giveUpDisks(ctx context.Context) error {
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.primary().Name)
	if err != nil || s.Running {
		return err
	}
	return detachDisks(ctx, w.env.Nodes, w.env.Config, w.inst, w.primary().Name)
}

func (w *startup) launch(ctx context.Context) error {
	if err := w.start(ctx, w.guest, w.primary().Name, w.Paused); err != nil {
		return fault.Exec("Could not start instance '%s': %w", w.inst.Name, inBackendWords(err))
	}
	return nil
}
