package group

import (
	"context"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// AssignNodes moves nodes into a group, all nodes of the cluster when none is named. Instances stay where they are, so a
// mirrored one may get its two nodes in different groups: that needs Force.
type AssignNodes struct {
	Name  string   `json:"group_name"`
	Force bool     `json:"force"`
	Nodes []string `json:"nodes"`
}

// OpID is the operation's name in job files.
func (AssignNodes) OpID() string { return "OP_GROUP_ASSIGN_NODES" }

// Work starts it.
func (op AssignNodes) Work(env *job.Env) job.Work { return &assign{AssignNodes: op, env: env} }

type assign struct {
	AssignNodes
	env   *job.Env
	group *config.NodeGroup
	nodes []*config.Node
}

// Locks are the nodes, their groups and the one they come to.
func (w *assign) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.find(cfg); err != nil {
		return nil, err
	}
	locks := []job.Lock{lock(w.group)}
	groups := map[string]bool{w.group.UUID: true}
	for _, n := range w.nodes {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: n.UUID})
		if !groups[n.Group] {
			groups[n.Group] = true
			locks = append(locks, job.Lock{Level: job.LevelNodeGroup, Name: n.Group})
		}
	}
	return locks, nil
}

func (w *assign) find(cfg *config.Config) (err error) {
	if w.group, err = find(cfg, w.Name); err != nil {
		return err
	}
	w.nodes = nil
	if len(w.Nodes) == 0 {
		w.nodes = cfg.Nodes
	}
	for _, name := range w.Nodes {
		n := cfg.MatchNode(name)
		if n == nil {
			return fault.Refuse(fault.NotFound, "Node '%s' not known", name)
		}
		w.nodes = append(w.nodes, n)
	}
	return nil
}

func (w *assign) Check(context.Context) error {
	if err := w.find(w.env.Config); err != nil {
		return err
	}
	split, before := w.splits(w.env.Config)
	if split == nil {
		return nil
	}
	if !w.Force {
		return fault.Exec("The following instances get split by this change and --force was not given: %s", strings.Join(split, ", "))
	}
	w.env.Warn("This operation will split the following instances: %s", strings.Join(split, ", "))
	if before != nil {
		w.env.Warn("In addition, these already-split instances continue to be split across groups: %s", strings.Join(before, ", "))
	}
	return nil
}

// splits names the mirrored instances that get their nodes in different groups, and those that had and keep them so.
func (w *assign) splits(cfg *config.Config) (split, before []string) {
	moving := map[string]bool{}
	for _, n := range w.nodes {
		moving[n.UUID] = true
	}
	for _, inst := range cfg.Instances {
		if cfg.DiskTemplate(inst) != config.DTDRBD {
			continue
		}
		now, then := map[string]bool{}, map[string]bool{}
		for _, uuid := range cfg.InstanceNodes(inst) {
			group := cfg.Node(uuid).Group
			now[group] = true
			if moving[uuid] {
				group = w.group.UUID
			}
			then[group] = true
		}
		switch {
		case len(then) > 1 && len(now) > 1:
			before = append(before, inst.Name)
		case len(then) > 1:
			split = append(split, inst.Name)
		}
	}
	unit.SortNames(split)
	unit.SortNames(before)
	return split, before
}

func (w *assign) Hooks() *hooks.Plan { return nil }

func (w *assign) Run(ctx context.Context) (any, error) {
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		to, err := find(cfg, w.group.UUID)
		if err != nil {
			return err
		}
		touched := map[*config.Stamp]bool{}
		for _, moving := range w.nodes {
			n := cfg.Node(moving.UUID)
			if n == nil {
				return fault.Refuse(fault.NotFound, "Node '%s' not known", moving.Name)
			}
			if n.Group == to.UUID {
				continue
			}
			touched[&n.Stamp], touched[&to.Stamp], touched[&cfg.Group(n.Group).Stamp] = true, true, true
			n.Group = to.UUID
		}
		for stamp := range touched {
			stamp.Touch(w.env.Clock())
		}
		return nil
	})
}
