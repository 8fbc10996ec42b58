package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
)

func rename(c *cli.Command) {
	c.Usage("<new-name>", "Gives the cluster another name and address")
	var op cluster.Rename
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	cli.DryRun(c)
	c.One("host", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		old := cfg.Cluster.ClusterName
		if !*force && !env.Confirm("This will rename the cluster from '%s' to '%s'. If you are connected over the network to the cluster name, "+
			"the operation is very dangerous as the IP address will be removed from the node and the change may not go through. Continue?", old, op.Name) {
			return cli.Declined
		}
		var name string
		if err := env.SubmitFor(ctx, op, &name); err != nil {
			return err
		}
		if name != "" { // a dry run gives none
			env.Println("Cluster renamed from '%s' to '%s'", old, name)
		}
		return nil
	})
}
