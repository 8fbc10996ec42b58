package cluster

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// PostInit is the first job of a cluster: it runs the hooks of its making.
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

func (w *postInit) Run(context.Context) (any, error) { return true, nil }
