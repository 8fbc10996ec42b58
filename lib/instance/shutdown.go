package instance

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Shutdown stops an instance.
type Shutdown struct {
	Name          string `json:"instance_name"`
	Force         bool   `json:"force"`
	IgnoreOffline bool   `json:"ignore_offline_nodes"`
	Timeout       int    `json:"timeout"`
	NoRemember    bool   `json:"no_remember"`
	Source        string `json:"admin_state_source,omitempty"` // who says so: admin if empty, or user
}

// OpID is the operation's name in job files.
func (Shutdown) OpID() string { return "OP_INSTANCE_SHUTDOWN" }

// WellFormed refuses a timeout below zero.
func (op Shutdown) WellFormed() error { return checkTimeout("timeout", op.Timeout) }

// Work starts it.
func (op Shutdown) Work(env *job.Env) job.Work {
	return &shutdown{Shutdown: op, onOne: onOne{env: env, name: op.Name}}
}

type shutdown struct {
	Shutdown
	onOne
	offline bool // its primary node is, and that is fine
}

func (w *shutdown) Check(ctx context.Context) error {
	if w.NoRemember && w.Source != "" {
		w.env.Warn("Parameter 'admin_state_source' has no effect if used with parameter 'no_remember'")
	}
	if w.Source == "" {
		w.Source = config.AdminSource
	}
	if err := w.locate(); err != nil {
		return err
	}
	if w.Force {
		w.env.Warn("Ignoring offline instance check")
	} else if err := checkState(ctx, w.env, w.inst, onlineStates, ""); err != nil {
		return err
	}
	node := w.primary()
	if w.offline = node.Offline && w.IgnoreOffline; w.offline {
		w.env.Warn("Ignoring offline primary node")
	} else if err := checkOnline(node); err != nil {
		return err
	}
	return w.checkUser(ctx)
}

// checkUser makes sure that it was the user, if that is what is to be noted.
func (w *shutdown) checkUser(ctx context.Context) error {
	if w.Source != config.UserSource {
		return nil
	}
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.primary().Name)
	if err != nil {
		return fault.RefuseBare("Error checking instance '%s': %v", w.inst.Name, err)
	}
	if !s.UserDown {
		return fault.RefuseBare("Instance '%s' was not shutdown by the user", w.inst.Name)
	}
	return nil
}

func (w *shutdown) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "instance-stop", map[string]string{"TIMEOUT": unit.Str(w.Timeout)})
}

// Run notes first that the instance is not to run. Nothing is taken back: a guest that could not be stopped is still not wanted.
func (w *shutdown) Run(ctx context.Context) (any, error) {
	steps := []job.Step{job.Do("", w.markDown)}
	if !w.offline {
		steps = append(steps, job.Do("", w.end), job.Do("", func(ctx context.Context) error { return w.detach(ctx, w.primary().Name) }))
	}
	err := job.Run(ctx, w.env.Say, steps)
	if err == nil && w.offline {
		w.env.Info("Primary node offline, marked instance as stopped")
	}
	return nil, err
}

// markDown leaves an instance offline that is marked so.
func (w *shutdown) markDown(ctx context.Context) error {
	if w.NoRemember || w.inst.AdminState == config.AdminOffline {
		return nil
	}
	return w.record(ctx, mark{Admin: config.AdminDown, Source: w.Source})
}

func (w *shutdown) end(ctx context.Context) error {
	if err := w.stop(ctx, w.primary().Name, w.Timeout); err != nil {
		return fault.Exec("Could not shutdown instance '%s': %w", w.inst.Name, err)
	}
	return nil
}
