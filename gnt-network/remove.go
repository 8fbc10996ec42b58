package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/network"
)

func remove(c *cli.Command) {
	c.Usage("[--dry-run] <network>", "Removes a network that is connected to no node group")
	var op network.Remove
	c.Flag("force", "Do not ask for confirmation").Short('f').BoolVar(&op.Force)
	cli.DryRun(c)
	cli.Submit(c)
	cli.Priority(c)
	c.One("network", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
