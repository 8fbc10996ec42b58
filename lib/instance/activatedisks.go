package instance

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// ActivateDisks attaches the disks of an instance on its primary node, whether it runs or not.
type ActivateDisks struct {
	Name        string `json:"instance_name"`
	IgnoreSize  bool   `json:"ignore_size"`
	WaitForSync bool   `json:"wait_for_sync"`
}

// OpID is the operation's name in job files.
func (ActivateDisks) OpID() string { return "OP_INSTANCE_ACTIVATE_DISKS" }

// Work starts it.
func (op ActivateDisks) Work(env *job.Env) job.Work {
	return &activateDisks{ActivateDisks: op, onOne: onOne{env: env, name: op.Name}}
}

type activateDisks struct {
	ActivateDisks
	onOne
}

func (w *activateDisks) Locks(cfg *config.Config) ([]job.Lock, error) { return w.withNode(cfg) }

// withNode locks the primary node too.
func (o *onOne) withNode(cfg *config.Config) ([]job.Lock, error) {
	locks, err := o.Locks(cfg)
	if err != nil {
		return nil, err
	}
	inst, _ := find(cfg, o.name)
	return append(locks, job.Lock{Level: job.LevelNode, Name: inst.PrimaryNode}), nil
}

func (w *activateDisks) Check(context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	return checkOnline(w.primary())
}

func (w *activateDisks) Hooks() *hooks.Plan { return nil }

// Run returns where the disks are: node, name in the configuration, device on the node.
func (w *activateDisks) Run(ctx context.Context) (any, error) {
	if err := w.record(ctx, mark{Disks: new(true)}); err != nil {
		return nil, err
	}
	node := w.primary().Name
	if err := (&assembly{env: w.env, inst: w.inst, node: node, anySize: w.IgnoreSize}).run(ctx); err != nil {
		if isUnknown(err) {
			return nil, err
		}
		return nil, errors.Join(fault.Exec("Cannot activate block devices"), w.markBack(ctx))
	}
	places := [][3]string{}
	disks := w.env.Config.InstanceDisks(w.inst)
	for i, d := range disks {
		places = append(places, [3]string{node, fmt.Sprintf("disk/%d", i), w.on(node).Device(d)})
	}
	if !w.WaitForSync {
		return places, nil
	}
	whole, err := waitSynced(ctx, w.env, w.inst, node, disks, false)
	if err == nil && !whole {
		err = errors.Join(fault.Exec("Some disks of the instance are degraded!"), w.markBack(ctx))
	}
	return places, err
}

// markBack notes that the disks are not in use after all, unless a guest uses them.
func (w *activateDisks) markBack(ctx context.Context) error {
	s, err := stateOf(ctx, w.env.Nodes, w.inst, w.primary().Name)
	if err != nil || s.Running {
		return err
	}
	return w.record(ctx, mark{Disks: new(false)})
}

// DeactivateDisks detaches the disks of an instance that does not run.
type DeactivateDisks struct {
	Name  string `json:"instance_name"`
	Force bool   `json:"force"`
}

// OpID is the operation's name in job files.
func (DeactivateDisks) OpID() string { return "OP_INSTANCE_DEACTIVATE_DISKS" }

// Work starts it.
func (op DeactivateDisks) Work(env *job.Env) job.Work {
	return &deactivateDisks{DeactivateDisks: op, onOne: onOne{env: env, name: op.Name}}
}

type deactivateDisks struct {
	DeactivateDisks
	onOne
}

func (w *deactivateDisks) Locks(cfg *config.Config) ([]job.Lock, error) { return w.withNode(cfg) }

func (w *deactivateDisks) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	if w.Force {
		return nil
	}
	return checkState(ctx, w.env, w.inst, notRunningStates, "cannot shutdown disks")
}

func (w *deactivateDisks) Hooks() *hooks.Plan { return nil }

func (w *deactivateDisks) Run(ctx context.Context) (any, error) {
	return nil, w.detach(ctx, w.primary().Name)
}
