package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
)

func migrate(c *cli.Command) {
	c.Usage("[-f] <instance-name>", "Moves a running instance to another node without stopping it")
	op := instance.Migrate{AllowRuntimeChanges: true}
	var nonLive bool
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("non-live", "Pause the guest while its memory is copied").BoolVar(&nonLive)
	c.Flag("migration-mode", "Whether the guest runs on while its memory is copied").Meta("MIGRATION_MODE").ChoiceVar(&op.Mode, instance.Live, instance.NonLive)
	c.Flag("cleanup", "Put in order what a migration that was cut off has left").BoolVar(&op.Cleanup)
	c.Flag("allow-failover", "Fail over if it cannot be migrated").BoolVar(&op.AllowFailover)
	c.Flag("ignore-hvversions", "Try it between unsuitable versions of the hypervisor").BoolVar(&op.IgnoreHVVersions)
	c.Flag("no-runtime-changes", "Do not take memory from the guest so that it fits on the target").FalseVar(&op.AllowRuntimeChanges)
	target(c, &op.TargetNode, &op.IAllocator, &op.IgnoreIPolicy)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := oneTarget(op.IAllocator, op.TargetNode); err != nil {
			return err
		}
		if !*force {
			what := "Instance %s will be migrated. Note that migration"
			if op.Cleanup {
				what = "Instance %s will be recovered from a failed migration. Note that the migration procedure (including cleanup)"
			}
			if !env.Confirm(what+" might impact the instance if anything goes wrong (e.g. due to bugs in the hypervisor). Continue?", op.Name) {
				return cli.Declined
			}
		}
		if nonLive && op.Mode != "" {
			return fault.Refuse(fault.WrongInput, "Only one of the --non-live and --migration-mode options can be passed")
		}
		if nonLive {
			op.Mode = instance.NonLive
		}
		return env.Submit(ctx, op)
	})
}

// target adds the options that say where an instance goes.
func target(c *cli.Command, node, allocator *string, ignorePolicy *bool) {
	c.Flag("target-node", "Node to move to").Short('n').Meta("NODE").Complete("node").NameVar(node, "target_node")
	c.Flag("iallocator", "Program that chooses the node").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(allocator, "iallocator")
	c.Flag("ignore-ipolicy", "Only warn when the policy of the target's group forbids the instance").BoolVar(ignorePolicy)
}

func oneTarget(allocator, node string) error {
	if allocator != "" && node != "" {
		return fault.Refuse(fault.WrongInput, "Specify either an iallocator (-I), or a target node (-n) but not both")
	}
	return nil
}
