package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/group"
)

func evacuate(c *cli.Command) {
	c.Usage("[-I <iallocator>] [--to <group>] <source-group>", "Brings all instances of a node group to other groups")
	var op group.Evacuate
	c.Flag("to", "Group to go to; may be repeated, and without it any other group will do").Meta("<group>").Complete("nodegroup").NamesVar(&op.Targets, "target_groups")
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("early-release", "Give up old disks before the new ones are in sync").BoolVar(&op.EarlyRelease)
	c.Flag("sequential", "One job after the other").BoolVar(&op.Sequential)
	c.Flag("force-failover", "Stop the instances instead of migrating them").BoolVar(&op.ForceFailover)
	cli.Submit(c)
	c.One("group", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		if failed := cli.Failures(results); failed > 0 {
			env.Println("There were %d errors during the evacuation.", failed)
			return fault.Status(1)
		}
		env.Println("All instances evacuated successfully.")
		return nil
	})
}
