package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("[-s] {--all | <instance-name>...}", "Shows instances with all their parameters")
	static := c.Flag("static", "Only what the configuration says; no node is asked").Short('s').Bool()
	all := c.Flag("all", "All instances").Bool()
	cli.Roman(c)
	cli.Priority(c)
	var names []string
	c.Any("instance", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		switch {
		case len(names) == 0 && !*all:
			return fault.Say("No instance selected. Please pass in --all if you want to query all instances.\n" +
				"Note that this can take a long time on a big cluster.")
		case len(names) > 0 && *all:
			return fault.Say("Cannot use --all if you specify instance names.")
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		list, err := wanted(cfg, names)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			env.Println("No instances.")
			return fault.Status(1)
		}
		seen, err := look(ctx, env, cfg, list, *static)
		if err != nil {
			return err
		}
		var out []any
		for _, inst := range list {
			state, asked := seen[inst.UUID]
			out = append(out, view{cfg, inst, state, asked}.pairs())
		}
		return table.Info(env.Out, out)
	})
}

// wanted finds the named instances, or all.
func wanted(cfg *config.Config, names []string) ([]*config.Instance, error) {
	var list []*config.Instance
	for _, name := range names {
		inst := cfg.MatchInstance(name)
		if inst == nil {
			return nil, fault.Refuse(fault.NotFound, "Instance '%s' not known", name)
		}
		list = append(list, inst)
	}
	if len(names) == 0 {
		for _, r := range query.InstanceRows(cfg) {
			list = append(list, r.Instance)
		}
	}
	return list, nil
}

// look asks the nodes, unless nobody wants to know, and says which ones cannot be asked.
func look(ctx context.Context, env *cli.Env, cfg *config.Config, list []*config.Instance, static bool) (map[string]instance.Seen, error) {
	for _, inst := range list {
		if node := cfg.Node(inst.PrimaryNode); node.Offline {
			env.Println("%s  - WARNING: Primary node %s is marked offline, returning static information only for instance %s",
				unit.Ctime(env.Now()), node.Name, inst.Name)
		}
	}
	if static {
		return nil, nil
	}
	nodes, err := env.Nodes()
	if err != nil {
		return nil, err
	}
	return instance.Inspect(ctx, nodes, cfg, list)
}
