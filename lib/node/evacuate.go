package node

import (
	"context"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Evacuate moves instances off a node, as an allocator works it out, or its secondary instances to a named node. Its result is
// the ids of the jobs.
type Evacuate struct {
	EarlyRelease     bool   `json:"early_release"`
	Name             string `json:"node_name"`
	RemoteNode       string `json:"remote_node,omitempty"`
	IAllocator       string `json:"iallocator,omitempty"`
	Mode             string `json:"mode"`
	IgnoreSoftErrors bool   `json:"ignore_soft_errors,omitempty"`
}

// OpID is the operation's name in job files.
func (Evacuate) OpID() string { return "OP_NODE_EVACUATE" }

// Work starts it.
func (op Evacuate) Work(env *job.Env) job.Work { return &evacuate{Evacuate: op, env: env} }

type evacuate struct {
	Evacuate
	env          *job.Env
	node, remote *config.Node
	instances    []string
}

// Locks are the instances, shared: what is worked out is to be true of them, and the jobs lock what they change.
func (w *evacuate) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.locate(cfg); err != nil {
		return nil, err
	}
	var locks []job.Lock
	for _, name := range w.instances {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: name, Shared: true})
	}
	return append(locks, job.Lock{Level: job.LevelNodeGroup, Name: w.node.Group, Shared: true}), nil
}

func (w *evacuate) locate(cfg *config.Config) (err error) {
	switch {
	case w.RemoteNode != "" && w.IAllocator != "":
		return fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	case w.RemoteNode == "":
		if w.IAllocator, err = iallocator.Default(cfg, w.IAllocator); err != nil {
			return iallocator.NoneOrNode()
		}
	}
	if w.node, err = find(cfg, w.Name); err != nil {
		return err
	}
	if w.RemoteNode != "" {
		if w.remote, err = find(cfg, w.RemoteNode); err != nil {
			return err
		}
		if w.remote == w.node {
			return fault.Refuse(fault.WrongInput, "Can not use evacuated node as a new secondary node")
		}
		if w.Mode != iallocator.EvacuateSecondary {
			return fault.Refuse(fault.WrongInput, "Without the use of an iallocator only secondary instances can be evacuated")
		}
	}
	on := names(cfg.NodeInstances(w.node.UUID))
	w.instances = nil
	if w.Mode != iallocator.EvacuateSecondary {
		w.instances = on.primary
	}
	if w.Mode != iallocator.EvacuatePrimary {
		w.instances = append(w.instances, on.secondary...)
	}
	unit.SortNames(w.instances)
	return nil
}

func (w *evacuate) Check(context.Context) error {
	cfg := w.env.Config
	if err := w.locate(cfg); err != nil {
		return err
	}
	w.env.Info("Evacuating instances from node '%s': %s", w.node.Name, strings.Join(w.instances, ", "))
	for _, name := range w.instances {
		if w.remote != nil && cfg.InstanceByName(name).PrimaryNode == w.remote.UUID {
			return fault.Refuse(fault.WrongInput, "Node %s is the primary node of instance %s, cannot use it as secondary", w.remote.Name, name)
		}
	}
	return nil
}

func (w *evacuate) Hooks() *hooks.Plan { return nil }

func (w *evacuate) Run(ctx context.Context) (any, error) {
	if len(w.instances) == 0 {
		return job.NewSubmitted(nil), nil
	}
	if w.remote != nil {
		ids, err := w.env.Submit(ctx, w.replacements())
		return job.NewSubmitted(ids), err
	}
	jobs, err := iallocator.Depart(ctx, w.env, w.IAllocator, iallocator.Evacuate{Instances: w.instances, Mode: w.Mode, IgnoreSoftErrors: w.IgnoreSoftErrors})
	if err != nil {
		return nil, err
	}
	if w.EarlyRelease {
		if err := jobs.ReleaseEarly(); err != nil {
			return nil, err
		}
	}
	return jobs.Submit(ctx, w.env)
}

// replacements give the mirrors that the node has to the named one.
func (w *evacuate) replacements() [][]job.Operation {
	var jobs [][]job.Operation
	for _, name := range w.instances {
		jobs = append(jobs, []job.Operation{instance.ReplaceDisks{Name: name, Mode: instance.ReplaceNode, Disks: []int{},
			RemoteNode: w.remote.Name, EarlyRelease: w.EarlyRelease}})
	}
	return jobs
}
