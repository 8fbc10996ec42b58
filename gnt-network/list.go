package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("[<network-name>...]", "Lists the networks")
	l := cli.List(c, "name", "network", "gateway", "mac_prefix", "group_list", "tags")
	var names []string
	c.Any("network", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		request, err := l.Request(names, "name", false)
		if err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		result, err := query.Networks().Run(ctx, request, query.NetworkRows(cfg), nil)
		if err != nil {
			return err
		}
		return l.Print(env, result, map[string]func(any) string{
			"group_list": query.Connections, "inst_list": query.Join(","), "tags": query.Join(",")})
	})
}

func listFields(c *cli.Command) {
	c.Usage("[<field>...]", "Describes the fields that list can show")
	l := cli.Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := query.Networks().Columns(names)
		return l.PrintFields(env, columns, unknown)
	})
}
