package cluster

import (
	"context"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// PostInit is the first job of a cluster: it makes the Open vSwitch of its master, if there is to be one, and runs the hooks of its making.
type PostInit struct{}

// OpID is the operation's name in job files.
func (PostInit) OpID() string { return "OP_CLUSTER_POST_INIT" }

// Work starts it.
func (PostInit) Work(env *job.Env) job.Work { return &postInit{env: env} }

type postInit struct{ env *job.Env }

func (w *postInit) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *postInit) Check(context.Context) error { return nil }

func (w *postInit) Hooks() *hooks.Plan {
	return &hooks.Plan{Path: "cluster-init", Env: map[string]string{"OP_TARGET": w.env.Config.Cluster.ClusterName},
		Post: []string{w.env.Config.MasterNode().Name}}
}

func (w *postInit) Run(ctx context.Context) (any, error) {
	cfg := w.env.Config
	master := cfg.MasterNode()
	if err := bridge.SetUpSwitch(ctx, w.env.Nodes, master.Name, cfg.FilledND(master), w.env.Info); err != nil {
		return nil, fault.Exec("Could not successully configure Open vSwitch: %v", err) // the word is Ganeti's
	}
	return true, nil
}
