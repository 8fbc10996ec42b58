package group

import (
	"context"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Rename gives a group another name. All that refers to it does so by its UUID.
type Rename struct {
	Name    string `json:"group_name"`
	NewName string `json:"new_name"`
}

// OpID is the operation's name in job files.
func (Rename) OpID() string { return "OP_GROUP_RENAME" }

// Work starts it.
func (op Rename) Work(env *job.Env) job.Work { return &rename{Rename: op, env: env} }

type rename struct {
	Rename
	env   *job.Env
	group *config.NodeGroup
}

func (w *rename) Locks(cfg *config.Config) ([]job.Lock, error) {
	if w.NewName == "" {
		return nil, fault.EmptyValue("new_name")
	}
	g, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(g)}, nil
}

func (w *rename) Check(context.Context) (err error) {
	if w.group, err = find(w.env.Config, w.Name); err != nil {
		return err
	}
	return w.unused(w.env.Config)
}

func (w *rename) unused(cfg *config.Config) error {
	if other := cfg.GroupByName(w.NewName); other != nil {
		return fault.Refuse(fault.Exists, "Desired new name '%s' clashes with existing node group (UUID: %s)", w.NewName, other.UUID)
	}
	return nil
}

// Hooks run on the master and on all nodes of the group.
func (w *rename) Hooks() *hooks.Plan {
	nodes := []string{w.env.Config.MasterNode().Name}
	for _, n := range w.env.Config.GroupNodes(w.group.UUID) {
		if !slices.Contains(nodes, n.Name) {
			nodes = append(nodes, n.Name)
		}
	}
	unit.SortNames(nodes)
	env := map[string]string{"OLD_NAME": w.Name, "NEW_NAME": w.NewName}
	return &hooks.Plan{Path: "group-rename", Env: env, Pre: nodes, Post: nodes}
}

func (w *rename) Run(ctx context.Context) (any, error) {
	return w.NewName, w.env.Update(ctx, func(cfg *config.Config) error {
		g, err := find(cfg, w.group.UUID)
		if err != nil {
			return err
		}
		if err := w.unused(cfg); err != nil {
			return err
		}
		g.Name = w.NewName
		g.Touch(w.env.Clock())
		return nil
	})
}
