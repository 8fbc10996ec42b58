package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/network"
)

func rename(c *cli.Command) {
	c.Usage("[--dry-run] <network-name> <new-name>", "Gives a network another name")
	var op network.Rename
	cli.DryRun(c)
	cli.Submit(c)
	cli.Priority(c)
	c.Exactly(&op.Name, &op.NewName)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
