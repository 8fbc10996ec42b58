package main

import (
	"context"

	"gantry/lib/cli"
)

func showSpecs(c *cli.Command) {
	c.Usage("", "Prints the command that makes a cluster with the instance policy of this one")
	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err == nil {
			env.Println("gnt-cluster init%s %s", cfg.ClusterPolicy().Options(true), cfg.Cluster.ClusterName)
		}
		return err
	})
}
