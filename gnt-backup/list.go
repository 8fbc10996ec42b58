package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

func list(c *cli.Command) {
	c.Usage("", "Lists the exports on the nodes")
	var names []string
	c.Flag("node", "Only on this node; can be given several times").Short('n').Meta("<node>").Complete("node").StringsVar(&names)
	options := listing.Table(c)
	options.WithUnits(c)
	options.Fielded(c, "node", "export")
	options.WithVerbose(c)

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
		result, err := query.Exports().Run(ctx, query.Request{Fields: options.Fields()}, rows, nil)
		if err != nil {
			return err
		}
		return options.Print(env, result, nil)
	})
}

// exports is what list-fields describes.
var exports = listing.Listed[*query.ExportRow]{Noun: "export", Resource: query.Exports}

func listFields(c *cli.Command) { exports.ListFields(c) }
