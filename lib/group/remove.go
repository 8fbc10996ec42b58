package group

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Remove takes away a group that has no nodes and is not the last one.
type Remove struct {
	Name string `json:"group_name"`
}

// OpID is the operation's name in job files.
func (Remove) OpID() string { return "OP_GROUP_REMOVE" }

// Work starts it.
func (op Remove) Work(env *job.Env) job.Work { return &remove{Remove: op, env: env} }

type remove struct {
	Remove
	env *job.Env
}

func (w *remove) Locks(cfg *config.Config) ([]job.Lock, error) {
	g, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(g)}, nil
}

func (w *remove) Check(context.Context) error {
	_, err := w.removable(w.env.Config)
	return err
}

func (w *remove) removable(cfg *config.Config) (*config.NodeGroup, error) {
	g, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, n := range cfg.GroupNodes(g.UUID) {
		nodes = append(nodes, n.UUID)
	}
	if nodes != nil {
		slices.Sort(nodes)
		return nil, fault.Refuse(fault.WrongState, "Group '%s' not empty, has the following nodes: %s", w.Name, strings.Join(nodes, ", "))
	}
	if len(cfg.NodeGroups) == 1 {
		return nil, fault.Refuse(fault.WrongState, "Group '%s' is the only group, cannot be removed", w.Name)
	}
	return g, nil
}

func (w *remove) Hooks() *hooks.Plan {
	return onMaster(w.env.Config, "group-remove", map[string]string{"GROUP_NAME": w.Name})
}

func (w *remove) Run(ctx context.Context) (any, error) {
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		g, err := w.removable(cfg) // a node may have come meanwhile
		if err != nil {
			return err
		}
		cfg.NodeGroups = slices.DeleteFunc(cfg.NodeGroups, func(o *config.NodeGroup) bool { return o.UUID == g.UUID })
		return nil
	})
}
