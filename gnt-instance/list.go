package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("[<instance-name>...]", "Lists the instances and their status")
	c.Environment()
	l := cli.Table(c)
	l.WithUnits(c)
	l.Fielded(c, "name", "hypervisor", "os", "pnode", "status", "oper_ram")
	c.Flag("verbose", "Words in place of the marks for missing values").Short('v').BoolVar(&l.Verbose)
	l.WithFilter(c)
	var names []string
	c.Any("instance", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		request, err := l.Request(names, "name", false)
		if err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		nodes, err := env.Nodes()
		if err != nil {
			return err
		}
		result, err := query.Instances().Run(ctx, request, query.InstanceRows(cfg), query.AskInstances(nodes))
		if err != nil {
			return err
		}
		special := map[string]func(any) string{}
		for _, field := range []string{"tags", "disk.sizes", "nic.macs", "nic.ips", "nic.modes", "nic.links", "nic.bridges", "nic.networks",
			"snodes", "snodes.group", "snodes.group.uuid"} {
			special[field] = query.Join(",")
		}
		return l.Print(env, result, special)
	})
}

func listFields(c *cli.Command) {
	c.Usage("[<field>...]", "Describes the fields that list can show")
	l := cli.Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := query.Instances().Columns(names)
		return l.PrintFields(env, columns, unknown)
	})
}
