package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/node"
)

func migrate(c *cli.Command) {
	c.Usage("[-f] <node>", "Moves all running instances of a node to others without stopping them")
	op := node.Migrate{AllowRuntimeChanges: true}
	var nonLive bool
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("non-live", "Pause the guests while their memory is copied").BoolVar(&nonLive)
	c.Flag("migration-mode", "Whether the guests run on while their memory is copied").Meta("MIGRATION_MODE").ChoiceVar(&op.Mode, instance.Live, instance.NonLive)
	c.Flag("target-node", "Node to move to").Short('n').Meta("NODE").Complete("node").NameVar(&op.TargetNode, "target_node")
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	cli.Priority(c)
	c.Flag("ignore-ipolicy", "Only warn when the policy of the target's group forbids an instance").BoolVar(&op.IgnoreIPolicy)
	c.Flag("no-runtime-changes", "Do not take memory from the guests so that they fit on the target").FalseVar(&op.AllowRuntimeChanges)
	cli.Submit(c)
	c.One("node", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		n, primary, err := hosted(env, op.Name)
		if err != nil {
			return err
		}
		if len(primary) == 0 {
			env.Println("No primary instances on node %s, exiting.", n.Name)
			return nil
		}
		if !*force && !env.Confirm("Migrate instance(s) %s?", strings.Join(primary, ", ")) {
			return cli.DeclinedWith(13)
		}
		if nonLive && op.Mode != "" {
			return fault.Refuse(fault.WrongInput, "Only one of the --non-live and --migration-mode options can be passed")
		}
		if nonLive {
			op.Mode = instance.NonLive
		}
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		if bad := cli.Failures(results); bad > 0 {
			env.Println("There were %d errors during the node migration.", bad)
			return fault.Status(1)
		}
		env.Println("All instances migrated successfully.")
		return nil
	})
}

// hosted finds a node and the names of the instances that have it as primary.
func hosted(env *cli.Env, name string) (*config.Node, []string, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, nil, err
	}
	n := cfg.MatchNode(name)
	if n == nil {
		return nil, nil, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
	}
	primary, _ := cfg.NodeInstances(n.UUID)
	return n, names(primary), nil
}
