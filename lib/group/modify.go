package group

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/nodefacts"
	"gantry/lib/unit"
)

// Modify changes a group. What is not said stays; "default" gives a parameter back to the cluster.
type Modify struct {
	Name string `json:"group_name"`
	Settings
	IPolicy config.PolicyChange `json:"ipolicy"`
}

// OpID is the operation's name in job files.
func (Modify) OpID() string { return "OP_GROUP_SET_PARAMS" }

// Work starts it.
func (op Modify) Work(env *job.Env) job.Work { return &modify{Modify: op, env: env} }

// modify is the working state of one Modify: next is the group as it is to be.
type modify struct {
	Modify
	env  *job.Env
	next *config.NodeGroup
}

func (w *modify) Locks(cfg *config.Config) ([]job.Lock, error) {
	g, err := find(cfg, w.Name)
	if err != nil {
		return nil, err
	}
	return []job.Lock{lock(g)}, nil
}

func (w *modify) Check(ctx context.Context) (err error) {
	cfg := w.env.Config
	g, err := find(cfg, w.Name)
	if err != nil {
		return err
	}
	if w.next, err = w.changed(g); err != nil {
		return err
	}
	if err := w.checkPorts(ctx, g); err != nil {
		return err
	}
	if w.IPolicy == (config.PolicyChange{}) {
		return nil
	}
	if err := checkPolicy(cfg, w.next); err != nil {
		return err
	}
	if names := violations(cfg, g, w.next); names != nil {
		w.env.Warn("After the ipolicy change the following instances violate them: %s", strings.Join(names, ", "))
	}
	return nil
}

func (w *modify) checkPorts(ctx context.Context, old *config.NodeGroup) error {
	if len(w.NDParams) == 0 {
		return nil
	}
	next := w.env.Config.Clone()
	next.Group(old.UUID).NDParams = w.next.NDParams
	return nodefacts.CheckPorts(ctx, w.env.Nodes, w.env.Config, next, false, "'gnt-node modify --force' sets it for one node all the same", w.env.Warn)
}

// changed is the group after the change.
func (w *modify) changed(old *config.NodeGroup) (*config.NodeGroup, error) {
	g := *old
	for _, change := range []func(*config.NodeGroup) error{w.changeNodeParams, w.changeDiskParams, w.changeStates} {
		if err := change(&g); err != nil {
			return nil, err
		}
	}
	g.IPolicy = g.IPolicy.Changed(w.IPolicy)
	if w.AllocPolicy != "" {
		g.AllocPolicy = w.AllocPolicy
	}
	return &g, nil
}

func (w *modify) changeNodeParams(g *config.NodeGroup) (err error) {
	g.NDParams, err = updated(config.NDParams, g.NDParams, w.NDParams)
	return err
}

func (w *modify) changeDiskParams(g *config.NodeGroup) error {
	all := map[string]config.Params{}
	maps.Copy(all, g.DiskParams)
	for _, template := range sortedKeys(w.DiskParams) {
		params, err := updated(config.DiskInput, all[template], w.DiskParams[template])
		if err != nil {
			return err
		}
		all[template] = params
	}
	g.DiskParams = all
	if err := checkDiskParams(all); err != nil {
		return err
	}
	return checkAccess(all)
}

func (w *modify) changeStates(g *config.NodeGroup) error {
	if err := checkStates(w.Settings); err != nil {
		return err
	}
	g.HVStateStatic = config.MergeState(g.HVStateStatic, w.HVState)
	kinds := maps.Clone(g.DiskStateStatic)
	for kind, names := range w.DiskState {
		if kinds == nil {
			kinds = map[string]map[string]config.Params{}
		}
		kinds[kind] = config.MergeState(kinds[kind], names)
	}
	g.DiskStateStatic = kinds
	return nil
}

// updated puts what is said over old values; the word "default" takes one away, even one that does not exist.
func updated(table config.Table, old config.Params, said unit.Dict) (config.Params, error) {
	all := map[string]any{}
	maps.Copy(all, old)
	for _, e := range said {
		all[e.Key] = e.Value
		if e.Value == config.Default {
			delete(all, e.Key)
		}
	}
	return table.ForceTyped(slices.Concat(sortedKeys(old), said.Keys()), all) // what is known already comes first in Ganeti's dictionary
}

// checkAccess looks at how disks are reached, the one parameter with fixed values.
func checkAccess(params map[string]config.Params) error {
	for _, template := range config.DiskTemplates {
		access, given := params[template]["access"]
		if given && access != "kernelspace" && access != "userspace" {
			return fault.RefuseBare("Invalid value of '%s:access': '%v' (expected one of kernelspace, userspace)", template, access)
		}
	}
	return nil
}

// violations names the instances of a group that only its new policy does not allow.
func violations(cfg *config.Config, old, next *config.NodeGroup) []string {
	before, after := cfg.InstancePolicy(old), cfg.InstancePolicy(next)
	var names []string
	for _, inst := range cfg.Instances {
		inGroup := slices.ContainsFunc(cfg.InstanceNodes(inst), func(uuid string) bool {
			n := cfg.Node(uuid)
			return n != nil && n.Group == old.UUID
		})
		if !inGroup {
			continue
		}
		if size := cfg.Sizing(inst); len(after.Violations(size)) > 0 && len(before.Violations(size)) == 0 {
			names = append(names, inst.Name)
		}
	}
	unit.SortNames(names)
	return names
}

func (w *modify) Hooks() *hooks.Plan {
	env := map[string]string{"GROUP_NAME": w.Name, "NEW_ALLOC_POLICY": "None"}
	if w.AllocPolicy != "" {
		env["NEW_ALLOC_POLICY"] = w.AllocPolicy
	}
	return onMaster(w.env.Config, "group-modify", env)
}

// Run returns the parameters that were named, with all values of the group's own, for the command to print.
func (w *modify) Run(ctx context.Context) (any, error) {
	var before config.NodeGroup
	err := w.env.Update(ctx, func(cfg *config.Config) error {
		g, err := find(cfg, w.Name)
		if err != nil {
			return err
		}
		before = *g
		next, err := w.changed(g)
		if err != nil {
			return err
		}
		*g, w.next = *next, next
		g.Touch(w.env.Clock())
		return nil
	})
	changes := [][2]string{}
	if len(w.NDParams) > 0 {
		changes = append(changes, [2]string{"ndparams", shown(w.next.NDParams, before.NDParams, config.NDOrder, w.NDParams.Keys()).String()})
	}
	if len(w.DiskParams) > 0 {
		templates := map[string]any{}
		for template, p := range w.next.DiskParams {
			old := before.DiskParams[template]
			templates[template] = shown(p, old, sortedKeys(old), w.DiskParams[template].Keys())
		}
		changes = append(changes, [2]string{"diskparams", shown(templates, before.DiskParams, sortedKeys(before.DiskParams), sortedKeys(templates)).String()})
	}
	return changes, err
}

// shown puts values in the order of Ganeti's result: first those that were there before, in the order in which they are kept, then the
// new ones, as they were typed.
func shown[M ~map[string]any, B ~map[string]V, V any](now M, before B, order, typed []string) (d unit.Dict) {
	for _, name := range order {
		_, old := before[name]
		if v, still := now[name]; old && still {
			d = append(d, unit.Entry{Key: name, Value: v})
		}
	}
	for _, name := range typed {
		_, old := before[name]
		if v, given := now[name]; given && !old {
			d = append(d, unit.Entry{Key: name, Value: v})
		}
	}
	return d
}

func sortedKeys[M ~map[string]V, V any](m M) []string { return slices.Sorted(maps.Keys(m)) }
