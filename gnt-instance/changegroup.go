package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
)

func changeGroup(c *cli.Command) {
	c.Usage("[-I <iallocator>] [--to <group>] <instance-name>", "Brings an instance to another node group")
	var op instance.ChangeGroup
	c.Flag("to", "Group to go to; may be repeated, and without it any other group will do").Meta("<group>").Complete("nodegroup").NamesVar(&op.Targets, "target_groups")
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("early-release", "Give up old disks before the new ones are in sync").BoolVar(&op.EarlyRelease)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		if failed := cli.Failures(results); failed > 0 {
			env.Println("There were %d errors while changing group of instance '%s'.", failed, op.Name)
			return fault.Status(1)
		}
		env.Println("Instance '%s' changed group successfully.", op.Name)
		return nil
	})
}
