package cluster

import (
	"context"
	"errors"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// ActivateMasterIP gives the cluster's address to the master.
type ActivateMasterIP struct{}

// DeactivateMasterIP takes the cluster's address from the master.
type DeactivateMasterIP struct{}

// OpID is the operation's name in job files.
func (ActivateMasterIP) OpID() string { return "OP_CLUSTER_ACTIVATE_MASTER_IP" }

// OpID is the operation's name in job files.
func (DeactivateMasterIP) OpID() string { return "OP_CLUSTER_DEACTIVATE_MASTER_IP" }

// Work starts it.
func (ActivateMasterIP) Work(env *job.Env) job.Work {
	return &address{env: env, action: "start", trouble: "Could not activate the master IP: %s"}
}

// Work starts it.
func (DeactivateMasterIP) Work(env *job.Env) job.Work {
	return &address{env: env, action: "stop", trouble: "Could not deactivate the master IP: %s"}
}

type address struct {
	env             *job.Env
	action, trouble string
}

func (w *address) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *address) Check(context.Context) error { return nil }

func (w *address) Hooks() *hooks.Plan { return nil }

// Run asks the fence before the address comes up: two masters with one address would be worse than none.
func (w *address) Run(ctx context.Context) (any, error) {
	if w.action == "start" {
		if err := w.env.Fenced(ctx); err != nil {
			return nil, err
		}
	}
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, w.action); trouble != "" {
		return nil, fault.Exec(w.trouble, trouble)
	}
	return nil, nil
}

// moveAddress starts or stops the cluster's address on the master and says, in Ganeti's words, why it did not work.
func moveAddress(ctx context.Context, env *job.Env, c *config.Cluster, action string) string {
	_, err := env.Nodes.Run(ctx, env.Config.MasterNode().Name, MasterIP(c, action))
	failed, ok := errors.AsType[*remote.Error](err)
	switch {
	case err == nil:
		return ""
	case !ok || failed.Outcome != remote.Failed:
		return err.Error()
	}
	return fmt.Sprintf("Failed to %s the master IP. Script return value: %d, output: '%s'", action, failed.Status, failed.Stderr)
}
