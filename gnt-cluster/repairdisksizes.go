package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
)

func repairDiskSizes(c *cli.Command) {
	c.Usage("[<instance-name>...]", "Makes the configuration have the sizes that disks really have")
	op := cluster.RepairDiskSizes{Instances: []string{}}
	cli.DryRun(c)
	cli.Priority(c)
	c.Any("instance", &op.Instances)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
