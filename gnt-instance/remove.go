package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func remove(c *cli.Command) {
	c.Usage("[-f] <instance-name>", "Stops an instance and removes it with all its data")
	var op instance.Remove
	op.ShutdownTimeout = 120
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("shutdown-timeout", "Seconds that it gets to stop").Meta("SHUTDOWN_TIMEOUT").IntVar(&op.ShutdownTimeout)
	c.Flag("ignore-failures", "Forget it even if something of it is left on its nodes").BoolVar(&op.IgnoreFailures)
	cli.Submit(c)
	cli.DryRun(c)
	cli.Priority(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*force && !env.Confirm("This will remove the volumes of the instance %s (including mirrors), thus removing all the data of the instance. Continue?", op.Name) {
			return cli.Declined
		}
		return env.Submit(ctx, op)
	})
}
