package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func remove(c *cli.Command) {
	c.Usage("<instance-name>", "Removes the exports of an instance from all nodes")
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	var op instance.RemoveExport
	c.One("export", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
