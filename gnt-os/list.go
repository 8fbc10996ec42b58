package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
	"gantry/lib/table"
)

func list(c *cli.Command) {
	c.Usage("", "Lists the operating systems that all nodes can install")
	noHeaders := c.Flag("no-headers", "Leave out the titles").Bool()
	cli.Priority(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		systems, err := ask(ctx, env)
		if err != nil {
			return err
		}
		t := table.Table{Columns: []table.Column{{Title: "Name"}}, NoHeaders: *noHeaders, PadTitle: true}
		for _, s := range systems {
			if !s.Valid || s.Hidden || s.Blacklisted {
				continue
			}
			for _, name := range s.FullNames() {
				t.Rows = append(t.Rows, []string{name})
			}
		}
		return t.Write(env.Out)
	})
}

func ask(ctx context.Context, env *cli.Env) ([]*query.OSRow, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return nil, err
	}
	return query.AskSystems(ctx, nodes, cfg), nil
}
