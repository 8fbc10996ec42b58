package node

import (
	"context"
	_ "embed"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// Powercycle has a node's own kernel restart the machine at once, without stopping anything.
type Powercycle struct {
	Name  string `json:"node_name"`
	Force bool   `json:"force"` // the master too
}

// OpID is the operation's name in job files.
func (Powercycle) OpID() string { return "OP_NODE_POWERCYCLE" }

// Work starts it.
func (op Powercycle) Work(env *job.Env) job.Work { return &powercycle{Powercycle: op, env: env} }

type powercycle struct {
	Powercycle
	env  *job.Env
	node *config.Node
}

// Locks takes nothing: a job that hangs on the node must not stop what is to help it.
func (w *powercycle) Locks(cfg *config.Config) ([]job.Lock, error) {
	_, err := find(cfg, w.Name)
	return nil, err
}

func (w *powercycle) Check(context.Context) (err error) {
	if w.node, err = find(w.env.Config, w.Name); err != nil {
		return err
	}
	if w.node.UUID == w.env.Config.Cluster.MasterNode && !w.Force {
		return fault.Refuse(fault.WrongInput, "The node is the master and the force parameter was not set")
	}
	return nil
}

func (w *powercycle) Hooks() *hooks.Plan { return nil }

//go:embed powercycle.sh
var powercycleScript string

func restart(node string) remote.Cmd {
	c := remote.Script(powercycleScript)
	c.Changes = "restart node " + node + " without stopping anything"
	return c
}

func (w *powercycle) Run(ctx context.Context) (any, error) {
	if _, err := w.env.Nodes.Run(ctx, w.node.Name, restart(w.node.Name)); err != nil {
		return nil, fault.Exec("Failed to schedule the reboot: %w", err)
	}
	return "Reboot scheduled in 5 seconds", nil
}
