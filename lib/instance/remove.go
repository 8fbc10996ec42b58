package instance

import (
	"context"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Remove stops an instance and removes it with its disks. With IgnoreFailures it goes from the configuration even if something is
// left on its nodes.
type Remove struct {
	Name            string `json:"instance_name"`
	ShutdownTimeout int    `json:"shutdown_timeout"` // seconds
	IgnoreFailures  bool   `json:"ignore_failures"`
}

// OpID is the operation's name in job files.
func (Remove) OpID() string { return "OP_INSTANCE_REMOVE" }

// WellFormed refuses a timeout below zero.
func (op Remove) WellFormed() error { return checkTimeout("shutdown_timeout", op.ShutdownTimeout) }

// Work starts it.
func (op Remove) Work(env *job.Env) job.Work { return &remove{Remove: op, env: env} }

type remove struct {
	Remove
	env   *job.Env
	inst  *config.Instance
	disks []*config.Disk
	node  *config.Node
	plan  *hooks.Plan
}

func (w *remove) Locks(cfg *config.Config) ([]job.Lock, error) {
	inst, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(inst)}, nil
}

func (w *remove) Check(context.Context) (err error) {
	cfg := w.env.Config
	if w.inst, err = find(cfg, w.Name); err != nil {
		return err
	}
	w.disks, w.node = cfg.InstanceDisks(w.inst), cfg.Node(w.inst.PrimaryNode)
	return nil
}

// Hooks run on the master alone before, and on the instance's nodes as well after, when it is no longer in the configuration.
func (w *remove) Hooks() *hooks.Plan {
	if w.plan == nil {
		w.plan = onInstance(w.env.Config, w.inst, "instance-remove", map[string]string{"SHUTDOWN_TIMEOUT": strconv.Itoa(w.ShutdownTimeout)})
		w.plan.Pre = masterAnd(w.env.Config)
	}
	return w.plan
}

// Run stops, removes the disks, and only then forgets the instance: what is left after a failure can be removed again.
func (w *remove) Run(ctx context.Context) (any, error) {
	if !w.inst.Forthcoming {
		if err := w.stop(ctx); err != nil {
			return nil, err
		}
		if err := w.removeDisks(ctx); err != nil {
			return nil, err
		}
	}
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		inst := cfg.Instance(w.inst.UUID)
		if inst == nil {
			return nil
		}
		releaseIPs(cfg, inst.NICs)
		cfg.ReturnPort(inst.NetworkPort)
		returnPorts(cfg, cfg.InstanceDisks(inst))
		dropInstance(cfg, inst.UUID)
		return nil
	})
}

func (w *remove) stop(ctx context.Context) error {
	err := w.reachable()
	if err == nil {
		timeout := time.Duration(w.ShutdownTimeout) * time.Second
		err = stopGuest(ctx, w.env.Nodes, w.env.Config, w.inst, w.node.Name, timeout)
	}
	if err == nil {
		err = on(w.env, w.node.Name).Unlink(ctx, w.inst.Name, len(w.disks))
	}
	switch {
	case err == nil:
		return nil
	case w.IgnoreFailures:
		w.env.Say("Warning: can't shutdown instance: %s", err)
		return nil
	}
	return fault.Exec("Could not shutdown instance %s on node %s: %w", w.inst.Name, w.node.Name, err)
}

func (w *remove) reachable() error {
	if w.node.Offline {
		return fault.Exec("Node is marked offline")
	}
	return nil
}

// removeDisks removes as many disks as it can, whatever becomes of the others.
func (w *remove) removeDisks(ctx context.Context) error {
	failed := false
	for i, d := range w.disks {
		err := removeDisk(ctx, w.env, w.node.Name, d, func(node string, err error) {
			w.env.Warn("Could not remove disk %d on node %s, continuing anyway: %s", i, node, err)
			failed = failed || node == w.node.Name || !w.env.Config.NodeByName(node).Offline
		})
		if err != nil {
			return err
		}
	}
	if !failed && len(w.disks) > 0 {
		if err := on(w.env, w.node.Name).RemoveDir(ctx, w.disks[0]); err != nil {
			w.env.Warn("Could not remove directory '%s' on node %s: %s", disk.Dir(w.disks[0]), w.node.Name, err)
			failed = true
		}
	}
	switch {
	case !failed:
		return nil
	case w.IgnoreFailures:
		w.env.Say("Warning: can't remove instance's disks")
		return nil
	}
	return fault.Exec("Can't remove instance's disks")
}
