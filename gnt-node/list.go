package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("[<node-name>...]", "Lists the nodes")
	c.Environment()
	l := cli.Table(c)
	l.WithUnits(c)
	l.Fielded(c, "name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt")
	c.Flag("verbose", "Words in place of the marks for missing values").Short('v').BoolVar(&l.Verbose)
	l.WithFilter(c)
	var names []string
	c.Any("node", &names)

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
		result, err := query.Nodes().Run(ctx, request, query.NodeRows(cfg), query.AskNodes(nodes))
		if err != nil {
			return err
		}
		comma := query.Join(",")
		return l.Print(env, result, map[string]func(any) string{"pinst_list": comma, "sinst_list": comma, "tags": comma})
	})
}

func listFields(c *cli.Command) {
	c.Usage("[<field>...]", "Describes the fields that list can show")
	l := cli.Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := query.Nodes().Columns(names)
		return l.PrintFields(env, columns, unknown)
	})
}
