package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/node"
)

func remove(c *cli.Command) {
	c.Usage("<node-name>", "Takes a node without instances out of the cluster")
	var op node.Remove
	cli.DryRun(c)
	cli.Priority(c)
	c.One("node", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
