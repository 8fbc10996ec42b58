package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func move(c *cli.Command) {
	c.Usage("[-f] <instance-name>", "Moves an instance to another node by copying its disks")
	op := instance.NewMove()
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("node", "Node to move to").Short('n').Meta("<node>").Complete("node").StringVar(&op.TargetNode)
	c.Flag("shutdown-timeout", "Seconds that the guest has to power off before it is ended").IntVar(&op.ShutdownTimeout)
	c.Flag("compress", "Program that compresses on the way").StringVar(&op.Compress)
	c.Flag("ignore-consistency", "Go on if the guest could not be stopped in an orderly way, once it does not run").BoolVar(&op.IgnoreConsistency)
	c.Flag("ignore-ipolicy", "Only warn when the policy of the target's group forbids the instance").BoolVar(&op.IgnoreIPolicy)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*force && !env.Confirm("Instance %s will be moved. This requires a shutdown of the instance. Continue?", op.Name) {
			return cli.Declined
		}
		return env.Submit(ctx, op)
	})
}
