package main

import (
	"context"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/query"
	"gantry/lib/unit"
)

// The ways to choose the instances of a command that takes several.
const (
	byName     = ""
	everything = "cluster"
	byTags     = "instances-by-tags"
)

// byNode are the ways that go by nodes, which are named or found by their tags.
var byNode = map[string]struct{ primary, secondary, tags bool }{
	"nodes":             {primary: true, secondary: true},
	"nodes-pri":         {primary: true},
	"nodes-sec":         {secondary: true},
	"nodes-by-tags":     {primary: true, secondary: true, tags: true},
	"nodes-pri-by-tags": {primary: true, tags: true},
	"nodes-sec-by-tags": {secondary: true, tags: true},
}

// many is the choice of the instances that a command is about.
type many struct {
	mode  string
	sure  bool // several are fine without a question
	names []string
}

// severally adds the options with which a command chooses instances.
func severally(c *cli.Command) *many {
	m := &many{}
	for _, o := range []struct{ name, mode, help string }{
		{"all", everything, "All instances of the cluster"},
		{"node", "nodes", "The arguments are nodes: all instances that use them"},
		{"primary", "nodes-pri", "The arguments are nodes: all instances that have them as primary"},
		{"secondary", "nodes-sec", "The arguments are nodes: all instances that have them as secondary"},
		{"node-tags", "nodes-by-tags", "The arguments are tags of nodes: all instances that use such nodes"},
		{"pri-node-tags", "nodes-pri-by-tags", "The arguments are tags of nodes: all instances that have such nodes as primary"},
		{"sec-node-tags", "nodes-sec-by-tags", "The arguments are tags of nodes: all instances that have such nodes as secondary"},
		{"tags", byTags, "The arguments are tags of instances"},
		{"instance", byName, "The arguments are names of instances, as they are without such an option"},
	} {
		c.Flag(o.name, o.help).ConstVar(&m.mode, o.mode)
	}
	c.Flag("force-multiple", "Do not ask when several instances are meant").BoolVar(&m.sure)
	c.Any("instance", &m.names)
	return m
}

// submit submits one job for each instance, each with the operation that op makes for it. The verb is for the question.
func (m *many) submit(ctx context.Context, env *cli.Env, verb string, op func(name string) job.Operation) error {
	cfg, err := env.Config()
	if err != nil {
		return err
	}
	names, err := m.choose(cfg)
	if err != nil {
		return err
	}
	if len(names) == 0 && m.mode == everything {
		env.Println("Cluster is empty, no instances to shutdown") // whatever the command is
		return nil
	}
	if len(names) == 0 {
		return fault.Refuse(fault.WrongInput, "Selection filter does not match any instances")
	}
	several := m.mode != byName || len(names) > 1
	if several && !m.sure && !env.ConfirmAll(verb, "instances", names) {
		return cli.Declined
	}
	jobs := env.Jobs()
	jobs.Quiet = !several
	for _, name := range names {
		jobs.Add(name, op(name))
	}
	results, err := jobs.Run(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(results, func(r cli.JobResult) bool { return r.Err != nil }) {
		return fault.Status(1)
	}
	return nil
}

// choose gives the full names of the instances that are meant.
func (m *many) choose(cfg *config.Config) ([]string, error) {
	if m.mode == everything {
		if len(m.names) > 0 {
			return nil, fault.Refuse(fault.WrongInput, "Cluster filter mode takes no arguments")
		}
		return matching(cfg, func(*config.Instance) bool { return true }), nil
	}
	if way, ok := byNode[m.mode]; ok {
		if len(m.names) == 0 {
			return nil, fault.Refuse(fault.WrongInput, "No node %s passed", map[bool]string{false: "names", true: "tags"}[way.tags])
		}
		return m.onNodes(cfg)
	}
	if len(m.names) == 0 {
		return nil, fault.Refuse(fault.WrongInput, "No instance %s passed", map[bool]string{false: "names", true: "tags"}[m.mode == byTags])
	}
	if m.mode == byTags {
		return matching(cfg, func(inst *config.Instance) bool { return common(inst.Tags, m.names) }), nil
	}
	named := map[string]bool{}
	for _, name := range m.names {
		if inst := cfg.MatchInstance(name); inst != nil { // Ganeti passes over unknown names
			named[inst.Name] = true
		}
	}
	return matching(cfg, func(inst *config.Instance) bool { return named[inst.Name] }), nil
}

// matching gives the names of the instances that meet a condition, in natural order.
func matching(cfg *config.Config, condition func(*config.Instance) bool) []string {
	var names []string
	for _, r := range query.InstanceRows(cfg) {
		if condition(r.Instance) {
			names = append(names, r.Instance.Name)
		}
	}
	return names
}

// onNodes gives the instances of the chosen nodes: first those that have them as primary, then the others.
func (m *many) onNodes(cfg *config.Config) ([]string, error) {
	way := byNode[m.mode]
	var primary, secondary []string
	for _, r := range query.NodeRows(cfg) {
		if way.tags && !common(r.Node.Tags, m.names) || !way.tags && !m.namesNode(cfg, r.Node) {
			continue
		}
		runs, copies := cfg.NodeInstances(r.Node.UUID)
		if way.primary {
			primary = append(primary, instanceNames(runs)...)
		}
		if way.secondary {
			secondary = append(secondary, instanceNames(copies)...)
		}
	}
	return append(primary, secondary...), nil
}

func (m *many) namesNode(cfg *config.Config, node *config.Node) bool {
	return slices.ContainsFunc(m.names, func(name string) bool { return cfg.MatchNode(name) == node })
}

func instanceNames(list []*config.Instance) []string {
	names := make([]string, len(list))
	for i, inst := range list {
		names[i] = inst.Name
	}
	unit.SortNames(names)
	return names
}

// common says whether two lists have anything in common.
func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
