package instance

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/job"
)

// ChangeGroup brings an instance to another group, in jobs of their own that an allocator plans.
type ChangeGroup struct {
	Name         string   `json:"instance_name"`
	EarlyRelease bool     `json:"early_release"`
	IAllocator   string   `json:"iallocator,omitempty"`
	Targets      []string `json:"target_groups,omitempty"`
}

// OpID is the operation's name in job files.
func (ChangeGroup) OpID() string { return "OP_INSTANCE_CHANGE_GROUP" }

// Work starts it.
func (op ChangeGroup) Work(env *job.Env) job.Work {
	return &changeGroup{ChangeGroup: op, onOne: onOne{env: env, name: op.Name}}
}

type changeGroup struct {
	ChangeGroup
	onOne
	targets []string // UUIDs
}

// Locks are shared: the jobs that move the instance take their own.
func (w *changeGroup) Locks(cfg *config.Config) ([]job.Lock, error) {
	inst, err := find(cfg, w.name)
	if err != nil {
		return nil, err
	}
	if w.IAllocator, err = iallocator.Default(cfg, w.IAllocator); err != nil {
		return nil, err
	}
	if w.targets, err = iallocator.Targets(cfg, w.ChangeGroup.Targets, groupsOf(cfg, inst)); err != nil {
		return nil, err
	}
	locks := []job.Lock{{Level: job.LevelInstance, Name: inst.Name, Shared: true}}
	for _, level := range []job.Level{job.LevelNodeGroup, job.LevelNode} {
		locks = append(locks, job.Lock{Level: level, Name: job.All, Shared: true})
	}
	return locks, nil
}

// groupsOf are the UUIDs of the groups of an instance's nodes.
func groupsOf(cfg *config.Config, inst *config.Instance) []string {
	var groups []string
	for _, uuid := range cfg.InstanceNodes(inst) {
		if n := cfg.Node(uuid); n != nil && !slices.Contains(groups, n.Group) {
			groups = append(groups, n.Group)
		}
	}
	return groups
}

func (w *changeGroup) Check(context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	own := groupsOf(w.env.Config, w.inst)
	if taken := slices.DeleteFunc(slices.Clone(w.targets), func(g string) bool { return !slices.Contains(own, g) }); len(taken) > 0 {
		return fault.Refuse(fault.WrongInput, "Can't use group(s) '%s' as targets, they are used by the instance '%s'", strings.Join(taken, ", "), w.inst.Name)
	}
	if len(w.targets) == 0 {
		return fault.Refuse(fault.WrongInput, "There are no possible target groups")
	}
	return nil
}

func (w *changeGroup) Hooks() *hooks.Plan {
	env := hooksEnv(w.env.Config, w.inst)
	env["TARGET_GROUPS"] = strings.Join(w.targets, " ")
	nodes := []string{w.env.Config.MasterNode().Name}
	return &hooks.Plan{Path: "instance-change-group", Env: env, Pre: nodes, Post: nodes}
}

func (w *changeGroup) Run(ctx context.Context) (any, error) {
	name := w.inst.Name
	jobs, err := iallocator.Regroup(ctx, w.env, w.IAllocator, []string{name}, w.targets, "solution for changing group of instance '"+name+"'")
	if err != nil {
		return nil, err
	}
	w.env.Info("Iallocator returned %d job(s) for changing group of instance '%s'", len(jobs), name)
	if w.EarlyRelease {
		if err := jobs.ReleaseEarly(); err != nil {
			return nil, err
		}
	}
	return jobs.Submit(ctx, w.env)
}
