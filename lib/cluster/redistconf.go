package cluster

import (
	"context"
	"fmt"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// RedistConf gives all nodes the configuration and the other files of the cluster once more.
type RedistConf struct{}

// OpID is the operation's name in job files.
func (RedistConf) OpID() string { return "OP_CLUSTER_REDIST_CONF" }

// Work starts it.
func (RedistConf) Work(env *job.Env) job.Work { return &redistConf{env: env} }

type redistConf struct{ env *job.Env }

func (w *redistConf) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelNode, Name: job.All, Shared: true}}, nil
}

func (w *redistConf) Check(context.Context) error { return nil }

func (w *redistConf) Hooks() *hooks.Plan { return nil }

// Run warns of nodes that were not reached: they get everything at the next change, or when they come back.
func (w *redistConf) Run(ctx context.Context) (any, error) {
	commit, err := w.env.Store.Redistribute(ctx, w.env.Nodes)
	for _, warning := range commit.Warnings {
		w.env.Warn("%s", warning)
	}
	if err != nil {
		return nil, fmt.Errorf("redistributing the configuration: %w", err)
	}
	shareFiles(ctx, w.env)
	return nil, nil
}

// shareFiles hands out the files beside the configuration.
func shareFiles(ctx context.Context, env *job.Env) {
	for _, r := range ancillary.PushAll(ctx, env.Nodes, env.Config, config.DataDir) {
		if r.Err != nil {
			env.Warn("Copying files to node %s: %v", r.Node, r.Err)
		}
	}
}
