package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/group"
)

func assignNodes(c *cli.Command) {
	c.Usage("<group-name> <node-name>...", "Moves nodes into a group, all nodes if none is named")
	var op group.AssignNodes
	cli.DryRun(c)
	c.Flag("force", "Move them even if mirrored instances get their two nodes in different groups").Short('f').BoolVar(&op.Force)
	cli.Priority(c)
	cli.Submit(c)
	c.Words(1, -1, func(args []string) { op.Name, op.Nodes = args[0], args[1:] })

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
