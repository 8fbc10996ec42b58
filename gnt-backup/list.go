package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("", "Lists the exports on the nodes")
	var names []string
	c.Flag("node", "Only on this node; can be given several times").Short('n').Meta("<node>").Complete("node").StringsVar(&names)
	listing := cli.Table(c)
	listing.WithUnits(c)
	listing.Fielded(c, "node", "export")
	listing.WithVerbose(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		nodes, err := env.Nodes()
		if err != nil {
			return err
		}
		rows, err := query.AskExports(ctx, nodes, cfg, names)
		if err != nil {
			return err
		}
		result, err := query.Exports().Run(ctx, query.Request{Fields: listing.Fields()}, rows, nil)
		if err != nil {
			return err
		}
		return listing.Print(env, result, nil)
	})
}

// exports is what list-fields describes.
var exports = cli.Listed[*query.ExportRow]{Noun: "export", Resource: query.Exports}

func listFields(c *cli.Command) { exports.ListFields(c) }
