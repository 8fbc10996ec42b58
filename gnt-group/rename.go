package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/group"
)

func rename(c *cli.Command) {
	c.Usage("[--dry-run] <old-name> <new-name>", "Gives a node group another name")
	var op group.Rename
	cli.DryRun(c)
	cli.Submit(c)
	cli.Priority(c)
	c.Exactly(&op.Name, &op.NewName)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
