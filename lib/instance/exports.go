package instance

import (
	"context"
	"slices"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// RemoveExport removes the exports of an instance, which need not be in the cluster any more, from all nodes.
type RemoveExport struct {
	Name string `json:"instance_name"`
}

// OpID is the operation's name in job files.
func (RemoveExport) OpID() string { return "OP_BACKUP_REMOVE" }

// Work starts it.
func (op RemoveExport) Work(env *job.Env) job.Work { return &removeExport{RemoveExport: op, env: env} }

type removeExport struct {
	RemoveExport
	env *job.Env
}

// Locks has the instance's, so that no export is made meanwhile, and shares the nodes.
func (w *removeExport) Locks(cfg *config.Config) ([]job.Lock, error) {
	name, _ := w.full(cfg)
	return []job.Lock{{Level: job.LevelInstance, Name: name}, {Level: job.LevelNode, Name: job.All, Shared: true}}, nil
}

// full is the name of the instance, or what was given if there is none.
func (w *removeExport) full(cfg *config.Config) (name string, known bool) {
	if inst := cfg.MatchInstance(w.Name); inst != nil {
		return inst.Name, true
	}
	return w.Name, false
}

func (w *removeExport) Check(context.Context) error { return nil }

func (w *removeExport) Hooks() *hooks.Plan { return nil }

// Run goes on where a node fails.
func (w *removeExport) Run(ctx context.Context) (any, error) {
	name, known := w.full(w.env.Config)
	found := false
	var nodes []string
	for _, n := range w.env.Config.Nodes {
		if n.Offline {
			w.env.Warn("Failed to query node %s (continuing): Node is marked offline", n.Name)
			continue
		}
		nodes = append(nodes, n.Name)
	}
	for _, reply := range listExports(ctx, w.env.Nodes, nodes) {
		if reply.Err != nil {
			w.env.Warn("Failed to query node %s (continuing): %s", reply.Node, reply.Err)
			continue
		}
		if !slices.Contains(reply.Value, name) {
			continue
		}
		found = true
		if err := backup.Remove(ctx, w.env.Nodes, reply.Node, name); err != nil {
			w.env.Warn("Could not remove export for instance %s on node %s: %s", name, reply.Node, err)
		}
	}
	if !known && !found {
		w.env.Say("Export not found. If trying to remove an export belonging to a deleted instance please use its Fully Qualified Domain Name.")
	}
	return nil, nil
}

// listExports asks nodes for the names of their exports.
func listExports(ctx context.Context, r remote.Runner, nodes []string) []remote.Reply[[]string] {
	return remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) ([]string, error) { return backup.List(ctx, r, node) })
}
