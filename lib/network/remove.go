package network

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Remove takes a network away that no node group is connected to.
type Remove struct {
	Name  string `json:"network_name"`
	Force bool   `json:"force"`
}

// OpID is the operation's name in job files.
func (Remove) OpID() string { return "OP_NETWORK_REMOVE" }

// Work starts it.
func (op Remove) Work(env *job.Env) job.Work { return &remove{Remove: op, env: env} }

type remove struct {
	Remove
	env *job.Env
	net *config.Network
}

func (w *remove) Locks(cfg *config.Config) ([]job.Lock, error) {
	n, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return append(lockNetwork(n), job.Lock{Level: job.LevelNodeGroup, Name: job.All, Shared: true}), nil
}

func (w *remove) Check(context.Context) (err error) {
	if w.net, err = find(w.env.Config, w.Name); err != nil {
		return err
	}
	var connected []string
	for _, g := range w.env.Config.NodeGroups {
		if _, ok := g.Networks[w.net.UUID]; ok {
			connected = append(connected, g.Name)
		}
	}
	if len(connected) > 0 {
		unit.SortNames(connected)
		w.env.Warn("Network '%s' is connected to the following node groups: %s", w.Name, strings.Join(connected, ", "))
		return fault.Refuse(fault.WrongState, "Network still connected")
	}
	return nil
}

func (w *remove) Hooks() *hooks.Plan {
	return onMaster(w.env.Config, "network-remove", map[string]string{"NETWORK_NAME": w.net.Name})
}

func (w *remove) Run(ctx context.Context) (any, error) {
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		cfg.Networks = slices.DeleteFunc(cfg.Networks, func(n *config.Network) bool { return n.UUID == w.net.UUID })
		return nil
	})
}
