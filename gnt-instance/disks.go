package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func activateDisks(c *cli.Command) {
	c.Usage("<instance-name>", "Attaches the disks of an instance on its primary node and says where they are")
	var op instance.ActivateDisks
	c.Flag("ignore-size", "Do not hold the sizes of the devices against the configuration").BoolVar(&op.IgnoreSize)
	c.Flag("wait-for-sync", "Wait until mirrored disks are in sync").BoolVar(&op.WaitForSync)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		var places [][3]string
		if err := env.SubmitFor(ctx, op, &places); err != nil {
			return err
		}
		for _, p := range places {
			env.Println("%s:%s:%s", p[0], p[1], p[2])
		}
		return nil
	})
}

func deactivateDisks(c *cli.Command) {
	c.Usage("[-f] <instance-name>", "Detaches the disks of an instance that does not run")
	var op instance.DeactivateDisks
	c.Flag("force", "Also if it is marked to run").Short('f').BoolVar(&op.Force)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error { return env.Submit(ctx, op) })
}
