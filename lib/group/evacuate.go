package group

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Evacuate brings the instances of a group to other groups, in jobs of their own that an allocator plans.
type Evacuate struct {
	Name          string   `json:"group_name"`
	EarlyRelease  bool     `json:"early_release"`
	IAllocator    string   `json:"iallocator,omitempty"`
	Targets       []string `json:"target_groups,omitempty"`
	Sequential    bool     `json:"sequential"`
	ForceFailover bool     `json:"force_failover"`
}

// OpID is the operation's name in job files.
func (Evacuate) OpID() string { return "OP_GROUP_EVACUATE" }

// Work starts it.
func (op Evacuate) Work(env *job.Env) job.Work { return &evacuate{Evacuate: op, env: env} }

type evacuate struct {
	Evacuate
	env     *job.Env
	group   *config.NodeGroup
	targets []string // UUIDs
}

// Locks are shared: the jobs that move instances take their own.
func (w *evacuate) Locks(cfg *config.Config) (locks []job.Lock, err error) {
	if w.group, err = find(cfg, w.Name); err != nil {
		return nil, err
	}
	if w.targets, err = iallocator.Targets(cfg, w.Evacuate.Targets, []string{w.group.UUID}); err != nil {
		return nil, err
	}
	if slices.Contains(w.targets, w.group.UUID) {
		return nil, fault.Refuse(fault.WrongInput, "Group to be evacuated (%s) can not be used as a target group (targets are %s)", w.group.UUID, strings.Join(w.targets, ", "))
	}
	if w.IAllocator, err = iallocator.Default(cfg, w.IAllocator); err != nil {
		return nil, err
	}
	for _, name := range w.instances(cfg) {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: name, Shared: true})
	}
	for _, level := range []job.Level{job.LevelNodeGroup, job.LevelNode} {
		locks = append(locks, job.Lock{Level: level, Name: job.All, Shared: true})
	}
	return locks, nil
}

// instances names those that have a node in the group.
func (w *evacuate) instances(cfg *config.Config) []string {
	names := []string{}
	for _, inst := range cfg.Instances {
		if slices.ContainsFunc(cfg.InstanceNodes(inst), func(uuid string) bool {
			n := cfg.Node(uuid)
			return n != nil && n.Group == w.group.UUID
		}) {
			names = append(names, inst.Name)
		}
	}
	unit.SortNames(names)
	return names
}

func (w *evacuate) Check(context.Context) error {
	if len(w.targets) == 0 {
		return fault.Refuse(fault.WrongInput, "There are no possible target groups")
	}
	return nil
}

func (w *evacuate) Hooks() *hooks.Plan {
	cfg := w.env.Config
	nodes := []string{cfg.MasterNode().Name}
	for _, n := range cfg.GroupNodes(w.group.UUID) {
		if n.Name != nodes[0] {
			nodes = append(nodes, n.Name)
		}
	}
	return &hooks.Plan{Path: "group-evacuate", Env: map[string]string{"GROUP_NAME": w.Name, "TARGET_GROUPS": strings.Join(w.targets, " ")}, Pre: nodes, Post: nodes}
}

func (w *evacuate) Run(ctx context.Context) (any, error) {
	names := w.instances(w.env.Config)
	if len(names) == 0 {
		return nil, fault.Exec("") // as Ganeti, which has no words for it
	}
	jobs, err := iallocator.Regroup(ctx, w.env, w.IAllocator, names, w.targets, "group evacuation")
	if err != nil {
		return nil, err
	}
	w.env.Info("Iallocator returned %d job(s) for evacuating node group %s", len(jobs), w.Name)
	if w.EarlyRelease {
		err = jobs.ReleaseEarly()
	}
	if w.ForceFailover {
		w.env.Info("Will insist on failovers")
		err = errors.Join(err, jobs.Edit(insist))
	}
	if err != nil {
		return nil, err
	}
	return w.submit(ctx, jobs)
}

func (w *evacuate) submit(ctx context.Context, jobs iallocator.Plan) (any, error) {
	requests, err := jobs.Requests(w.env)
	if err != nil {
		return nil, err
	}
	if w.Sequential {
		w.env.Info("Jobs will be submitted to run sequentially")
		for i := range requests[1:] {
			requests[i+1].Depends = []job.Dependency{{Job: -1, Status: []job.Status{job.Error, job.Success}}}
		}
	}
	ids, err := w.env.SubmitRequests(ctx, requests)
	return job.NewSubmitted(ids), err
}

// insist makes a failover of a migration.
func insist(opcode map[string]any) {
	if opcode["OP_ID"] != "OP_INSTANCE_MIGRATE" {
		return
	}
	opcode["OP_ID"] = "OP_INSTANCE_FAILOVER"
	for _, name := range []string{"allow_runtime_changes", "allow_failover", "ignore_hvversions"} {
		delete(opcode, name)
	}
}
