package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/iallocator"
	"gantry/lib/node"
	"gantry/lib/unit"
)

func evacuate(c *cli.Command) {
	c.Usage("[-f] {-I <iallocator> | -n <dst>} [-p | -s] [options...] <node>", "Moves the instances of a node to others")
	var op node.Evacuate
	var primaryOnly, secondaryOnly bool
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("ignore-soft-errors", "Let the program do what only its rules of thumb forbid").BoolVar(&op.IgnoreSoftErrors)
	c.Flag("new-secondary", "Node that takes the copies of the disks; instances that run on the node stay").Short('n').Meta("NODE").Complete("node").NameVar(&op.RemoteNode, "remote_node")
	c.Flag("early-release", "Remove the old copies of the disks before the new ones are complete").BoolVar(&op.EarlyRelease)
	cli.Priority(c)
	c.Flag("primary-only", "Only the instances that have it as primary").Short('p').BoolVar(&primaryOnly)
	c.Flag("secondary-only", "Only the instances that have it as secondary").Short('s').BoolVar(&secondaryOnly)
	cli.Submit(c)
	c.One("node", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		if op.RemoteNode != "" {
			env.Warn("New secondary node given (disabling iallocator), hence evacuating secondary instances only.")
			primaryOnly, secondaryOnly = false, true // an allocator given besides is refused later, in spite of what was just said
		}
		switch {
		case primaryOnly && secondaryOnly:
			return fault.Refuse(fault.WrongInput, "Only one of the --primary-only and --secondary-only options can be passed")
		case primaryOnly:
			op.Mode = iallocator.EvacuatePrimary
		case secondaryOnly:
			op.Mode = iallocator.EvacuateSecondary
		default:
			op.Mode = iallocator.EvacuateAll
		}
		var affected []string
		if n := cfg.MatchNode(op.Name); n != nil { // Ganeti finds no instances on a node that does not exist
			primary, secondary := cfg.NodeInstances(n.UUID)
			if !secondaryOnly {
				affected = names(primary)
			}
			if !primaryOnly {
				affected = append(affected, names(secondary)...)
			}
		}
		if len(affected) == 0 {
			env.Warn("No instances to evacuate on node(s) %s, exiting.", op.Name)
			return nil
		}
		unit.SortNames(affected)
		if !*force && !env.Confirm("Relocate instance(s) %s from node(s) %s?", strings.Join(affected, ", "), op.Name) {
			return cli.DeclinedWith(13)
		}
		results, err := env.SubmitJobs(ctx, op)
		if err != nil {
			return err
		}
		if bad := cli.Failures(results); bad > 0 {
			env.Println("There were %d errors during the evacuation.", bad)
			return fault.Status(1)
		}
		env.Println("All instances evacuated successfully.")
		return nil
	})
}
