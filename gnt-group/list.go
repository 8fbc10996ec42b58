package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("[<group-name>...]", "Lists the node groups")
	c.Environment()
	l := cli.List(c, "name", "node_cnt", "pinst_cnt", "alloc_policy", "ndparams")
	l.WithFilter(c)
	var names []string
	c.Any("group", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		request, err := l.Request(names, "name", false)
		if err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		result, err := query.Groups().Run(ctx, request, query.GroupRows(cfg), nil)
		if err != nil {
			return err
		}
		comma := query.Join(",")
		return l.Print(env, result, map[string]func(any) string{"node_list": comma, "pinst_list": comma, "ndparams": query.KeyValues})
	})
}

func listFields(c *cli.Command) {
	c.Usage("[<field>...]", "Describes the fields that list can show")
	l := cli.Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := query.Groups().Columns(names)
		return l.PrintFields(env, columns, unknown)
	})
}
