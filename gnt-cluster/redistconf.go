package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
)

func redistConf(c *cli.Command) {
	c.Usage("", "Gives all nodes the configuration and the cluster's other files once more")
	cli.Submit(c)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("yes-do-it", "Makes no difference here").Bool()

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, cluster.RedistConf{}) })
}
