package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/node"
)

func powercycle(c *cli.Command) {
	c.Usage("<node-name>", "Restarts a machine at once, without stopping anything on it")
	var op node.Powercycle
	c.Flag("force", "The master too").Short('f').BoolVar(&op.Force)
	sure := c.Flag("yes", "Do not ask for confirmation").Bool()
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("node", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*sure && !env.Confirm("Are you sure you want to hard powercycle node %s?", op.Name) {
			return cli.DeclinedWith(2)
		}
		var said *string
		err := env.SubmitFor(ctx, op, &said)
		if err == nil && said != nil {
			env.Warn("%s", *said)
		}
		return err
	})
}
