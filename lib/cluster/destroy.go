package cluster

import (
	"context"
	_ "embed"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// Destroy is the last job of a cluster: it makes sure that nothing is left but the master, and takes the cluster's address down.
// Forget then takes away the files, the queue with this job among them.
type Destroy struct{}

// OpID is the operation's name in job files.
func (Destroy) OpID() string { return "OP_CLUSTER_DESTROY" }

// Work starts it.
func (Destroy) Work(env *job.Env) job.Work { return &destroy{env: env} }

type destroy struct{ env *job.Env }

func (w *destroy) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *destroy) Check(context.Context) error {
	cfg := w.env.Config
	if n := len(cfg.Nodes) - 1; n != 0 {
		return fault.Refuse(fault.WrongInput, "There are still %d node(s) in this cluster.", n)
	}
	if n := len(cfg.Instances); n != 0 {
		return fault.Refuse(fault.WrongInput, "There are still %d instance(s) in this cluster.", n)
	}
	return nil
}

func (w *destroy) Hooks() *hooks.Plan {
	return &hooks.Plan{Path: "cluster-destroy", Env: map[string]string{"OP_TARGET": w.env.Config.Cluster.ClusterName},
		Post: []string{w.env.Config.MasterNode().Name}}
}

func (w *destroy) Run(ctx context.Context) (any, error) {
	master := w.env.Config.MasterNode()
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, "stop"); trouble != "" {
		w.env.Warn("Error disabling the master IP address: %s", trouble)
	}
	return master.UUID, nil
}

//go:embed forget.sh
var forgetScript string

// Forget takes away what made a machine the master of the cluster that was destroyed.
func Forget(ctx context.Context, r remote.Runner, node, dataDir string) error {
	c := remote.Script(forgetScript, dataDir)
	c.Changes = "remove the cluster's files"
	_, err := r.Run(ctx, node, c)
	return err
}
