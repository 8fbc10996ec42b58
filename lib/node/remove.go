package node

import (
	"context"
	"slices"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Remove takes a node without instances out of the cluster.
type Remove struct {
	Name string `json:"node_name"`
}

// OpID is the operation's name in job files.
func (Remove) OpID() string { return "OP_NODE_REMOVE" }

// Work starts it.
func (op Remove) Work(env *job.Env) job.Work { return &remove{Remove: op, env: env} }

type remove struct {
	Remove
	env  *job.Env
	node *config.Node
}

func (w *remove) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *remove) Check(context.Context) (err error) {
	cfg := w.env.Config
	if w.node, err = find(cfg, w.Name); err != nil {
		return err
	}
	if w.node.UUID == cfg.Cluster.MasterNode {
		return fault.Refuse(fault.WrongInput, "Node is the master node, failover to another node is required")
	}
	for _, inst := range cfg.Instances {
		if slices.Contains(cfg.InstanceNodes(inst), w.node.UUID) {
			return fault.Refuse(fault.WrongInput, "Instance %s is still running on the node, please remove first", inst.Name)
		}
	}
	return nil
}

func (w *remove) Hooks() *hooks.Plan {
	var others []string
	for _, n := range w.env.Config.Nodes {
		if n.UUID != w.node.UUID {
			others = append(others, n.Name)
		}
	}
	return &hooks.Plan{Path: "node-remove", Env: map[string]string{"OP_TARGET": w.node.Name, "NODE_NAME": w.node.Name}, Pre: others, Post: others}
}

func (w *remove) Run(ctx context.Context) (any, error) {
	w.clean(ctx) // while the configuration still says how to get there
	var promoted []string
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		cfg.Nodes = slices.DeleteFunc(cfg.Nodes, func(n *config.Node) bool { return n.UUID == w.node.UUID })
		promoted = cfg.PromoteCandidates(w.env.Clock())
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range promoted {
		w.env.Info("Promoted nodes to master candidate role: %s", name)
	}
	if w.env.Config.Cluster.ModifyEtcHosts {
		if _, err := w.env.Nodes.Run(ctx, w.env.Config.MasterNode().Name, ancillary.Hosts(w.node.Name, "")); err != nil {
			w.env.Warn("Removing %s from /etc/hosts: %v", w.node.Name, err)
		}
	}
	share(ctx, w.env)
	return nil, nil
}

// clean removes the cluster's files from the node; a node that is gone does not keep anybody from removing it. One that is marked
// offline is tried, too, as in Ganeti: it may be there, and would take itself for a part of the cluster.
func (w *remove) clean(ctx context.Context) {
	if _, err := w.env.Nodes.Run(ctx, w.node.Name, leave()); err != nil {
		w.env.Warn("Errors encountered on the remote node while leaving the cluster: %v", err)
	}
}
