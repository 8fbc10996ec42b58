package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/group"
)

func remove(c *cli.Command) {
	c.Usage("[--dry-run] <group>", "Removes a node group that has no nodes")
	var op group.Remove
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("group", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
