package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
	"gantry/lib/job"
)

func shutdown(c *cli.Command) {
	c.Usage("<instance>", "Stops instances")
	op := instance.Shutdown{Timeout: instance.ShutdownTimeout}
	m := severally(c)
	c.Flag("force", "Stop it even if it is marked offline").Short('f').BoolVar(&op.Force)
	c.Flag("timeout", "Seconds that the guest has to power off before it is ended").IntVar(&op.Timeout)
	c.Flag("ignore-offline", "Only note that it is to be stopped when its primary node is marked offline").BoolVar(&op.IgnoreOffline)
	c.Flag("no-remember", "Do not note that it is to be stopped").BoolVar(&op.NoRemember)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		return m.submit(ctx, env, "shutdown", func(name string) job.Operation {
			op.Name = name
			return op
		})
	})
}
