package group

import (
	"context"
	"maps"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Add makes a group without nodes.
type Add struct {
	Name string `json:"group_name"`
	Settings
	IPolicy config.IPolicy `json:"ipolicy"`
}

// OpID is the operation's name in job files.
func (Add) OpID() string { return "OP_GROUP_ADD" }

// Work starts it.
func (op Add) Work(env *job.Env) job.Work { return &add{Add: op, env: env} }

type add struct {
	Add
	env   *job.Env
	group config.NodeGroup
}

// Locks is empty: nobody knows the group yet, and the transaction sees to it that its name is new.
func (w *add) Locks(*config.Config) ([]job.Lock, error) { return nil, nil }

func (w *add) Check(context.Context) (err error) {
	if err := w.unused(w.env.Config); err != nil {
		return err
	}
	w.group = config.NodeGroup{UUID: config.NewUUID(), Name: w.Name, AllocPolicy: w.AllocPolicy, IPolicy: w.IPolicy}
	if w.AllocPolicy == "" {
		w.group.AllocPolicy = allocPolicies[0]
	}
	if w.group.NDParams, err = config.NDParams.ForceTyped(w.NDParams.Keys(), w.NDParams.Map()); err != nil {
		return err
	}
	if err := checkStates(w.Settings); err != nil {
		return err
	}
	w.group.HVStateStatic, w.group.DiskStateStatic = w.HVState, w.DiskState
	w.group.DiskParams = map[string]config.Params{}
	for _, template := range sortedKeys(w.DiskParams) {
		said := w.DiskParams[template]
		if w.group.DiskParams[template], err = config.DiskInput.ForceTyped(said.Keys(), said.Map()); err != nil {
			return err
		}
	}
	if err := checkDiskParams(w.group.DiskParams); err != nil {
		return err
	}
	return checkPolicy(w.env.Config, &w.group)
}

func checkStates(s Settings) error {
	if err := config.CheckHVState(s.HVState); err != nil {
		return err
	}
	return config.CheckDiskState(s.DiskState)
}

func (w *add) unused(cfg *config.Config) error {
	if other := cfg.GroupByName(w.Name); other != nil {
		return fault.Refuse(fault.Exists, "Desired group name '%s' already exists as a node group (UUID: %s)", w.Name, other.UUID)
	}
	return nil
}

// checkDiskParams refuses parameters that another disk template has.
func checkDiskParams(params map[string]config.Params) error {
	for _, template := range slices.Sorted(maps.Keys(params)) {
		for _, name := range slices.Sorted(maps.Keys(params[template])) {
			if config.DiskTable(template).Get(name) == nil {
				// Ganeti shows the failure inside as Python writes a pair
				return fault.Refuse(fault.WrongInput, "While verify diskparams options: ('Provided option keys not supported: %s/%s', 'wrong_input')", template, name)
			}
		}
	}
	return nil
}

// checkPolicy looks at a group's own policy, and at what it allows together with the cluster's.
func checkPolicy(cfg *config.Config, g *config.NodeGroup) error {
	if err := checkOwnPolicy(g.IPolicy); err != nil {
		return err
	}
	return cfg.InstancePolicy(g).CheckTemplates(cfg.Cluster.EnabledDiskTemplates)
}

func checkOwnPolicy(p config.IPolicy) error {
	if err := p.Check(); err != nil {
		return fault.Refuse(fault.WrongInput, "Invalid instance policy: %v", err)
	}
	return nil
}

func (w *add) Hooks() *hooks.Plan {
	return onMaster(w.env.Config, "group-add", map[string]string{"GROUP_NAME": w.Name})
}

func (w *add) Run(ctx context.Context) (any, error) {
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		if err := w.unused(cfg); err != nil {
			return err
		}
		g := w.group
		g.Stamp = config.NewStamp(w.env.Clock())
		cfg.NodeGroups = append(cfg.NodeGroups, &g)
		return nil
	})
	name := w.env.Config.Cluster.InstanceCommunicateNet
	if err != nil || name == "" {
		return nil, err
	}
	return w.env.SubmitOpcodes(ctx, config.ConnectCommunication(name, w.group.UUID))
}
