package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func failover(c *cli.Command) {
	c.Usage("[-f] <instance-name>", "Stops an instance, makes another node its primary and starts it there")
	op := instance.Failover{ShutdownTimeout: instance.ShutdownTimeout}
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("ignore-consistency", "Go on when the disks on the target are not known to be complete").BoolVar(&op.IgnoreConsistency)
	c.Flag("shutdown-timeout", "Seconds that the guest has to power off before it is ended").IntVar(&op.ShutdownTimeout)
	c.Flag("cleanup", "Makes no difference").Bool() // Ganeti takes it and does not pass it on
	target(c, &op.TargetNode, &op.IAllocator, &op.IgnoreIPolicy)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := oneTarget(op.IAllocator, op.TargetNode); err != nil {
			return err
		}
		if !*force && !env.Confirm("Failover will happen to image %s. This requires a shutdown of the instance. Continue?", op.Name) {
			return cli.Declined
		}
		if op.IgnoreConsistency && !env.Confirm("To failover instance %s, the source node must be marked offline first. Is this already the case?", op.Name) {
			return cli.Declined
		}
		return env.Submit(ctx, op)
	})
}
