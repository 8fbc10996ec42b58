package node

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Migrate moves the instances that have a node as primary to others, each in a job of its own. Its result is their ids.
type Migrate struct {
	Name                string `json:"node_name"`
	Mode                string `json:"mode,omitempty"` // empty: as the cluster says
	TargetNode          string `json:"target_node,omitempty"`
	AllowRuntimeChanges bool   `json:"allow_runtime_changes"`
	IgnoreIPolicy       bool   `json:"ignore_ipolicy"`
	IAllocator          string `json:"iallocator,omitempty"`
}

// OpID is the operation's name in job files.
func (Migrate) OpID() string { return "OP_NODE_MIGRATE" }

// Work starts it.
func (op Migrate) Work(env *job.Env) job.Work { return &migrate{Migrate: op, env: env} }

type migrate struct {
	Migrate
	env  *job.Env
	node *config.Node
}

func (w *migrate) Locks(cfg *config.Config) ([]job.Lock, error) {
	n, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{{Level: job.LevelNode, Name: n.UUID, Shared: true}}, nil
}

func (w *migrate) Check(context.Context) (err error) {
	w.node, err = find(w.env.Config, w.Name)
	return err
}

func (w *migrate) Hooks() *hooks.Plan {
	env := map[string]string{"OP_TARGET": w.node.Name, "NODE_NAME": w.node.Name, "ALLOW_RUNTIME_CHANGES": unit.Str(w.AllowRuntimeChanges)}
	master := []string{w.env.Config.MasterNode().Name}
	return &hooks.Plan{Path: "node-migrate", Env: env, Pre: master, Post: master}
}

func (w *migrate) Run(ctx context.Context) (any, error) {
	var jobs [][]job.Operation
	for _, name := range names(w.env.Config.NodeInstances(w.node.UUID)).primary {
		jobs = append(jobs, []job.Operation{instance.Migrate{Name: name, Mode: w.Mode, TargetNode: w.TargetNode, IAllocator: w.IAllocator,
			AllowRuntimeChanges: w.AllowRuntimeChanges, IgnoreIPolicy: w.IgnoreIPolicy}})
	}
	ids, err := w.env.Submit(ctx, jobs)
	return job.NewSubmitted(ids), err
}

// held are the names of the instances of a node by the role it has for them, in the order of lists.
type held struct{ primary, secondary []string }

func names(primary, secondary []*config.Instance) held {
	return held{sorted(primary), sorted(secondary)}
}

func sorted(instances []*config.Instance) []string {
	list := make([]string, len(instances))
	for i, inst := range instances {
		list[i] = inst.Name
	}
	unit.SortNames(list)
	return list
}
