package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/config/store"
	"gantry/lib/fault"
)

func activateMasterIP(c *cli.Command) {
	c.Usage("", "Gives the cluster's address to the master")
	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, cluster.ActivateMasterIP{}) })
}

func deactivateMasterIP(c *cli.Command) {
	c.Usage("", "Takes the cluster's address from the master")
	sure := c.Flag("yes", "Do not ask for confirmation").Bool()
	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*sure && !env.Confirm("This will disable the master IP. All the open connections to the master IP will be closed. "+
			"To reach the master you will need to use its node IP. Continue?") {
			return cli.Declined
		}
		return env.Submit(ctx, cluster.DeactivateMasterIP{})
	})
}

func masterPing(c *cli.Command) {
	c.Usage("", "Tells by its exit status whether this node can work as the master")
	c.Run(func(ctx context.Context, env *cli.Env) error {
		if ping(ctx, env) != nil {
			return fault.Status(1)
		}
		return nil
	})
}

// ping asks the other candidates whether this node is the master.
func ping(ctx context.Context, env *cli.Env) error {
	s, err := env.Store()
	if err != nil {
		return err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	return s.Fence(ctx, nodes, store.Look)
}
