package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
)

func destroy(c *cli.Command) {
	c.Usage("", "Ends a cluster that has no instances and no other nodes")
	sure := c.Flag("yes-do-it", "Really do it").Alias("ya-rly").Bool()

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*sure {
			return fault.Say("Destroying a cluster is irreversible. If you really want destroy this cluster, supply the --yes-do-it option.")
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		nodes, err := env.Nodes()
		if err != nil {
			return err
		}
		if err := env.Submit(ctx, cluster.Destroy{}); err != nil {
			return err
		}
		return cluster.Forget(ctx, nodes, cfg.MasterNode().Name, env.DataDir())
	})
}
