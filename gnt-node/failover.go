package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
)

func failover(c *cli.Command) {
	c.Usage("[-f] <node>", "Stops all instances of a node and starts them on others")
	op := instance.Failover{ShutdownTimeout: instance.ShutdownTimeout}
	var name string
	var allocator *string
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("ignore-consistency", "Do it even if the other copies of the disks are not up to date").BoolVar(&op.IgnoreConsistency)
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").StringPtr(&allocator)
	cli.Priority(c)
	c.One("node", &name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		n, primary, err := hosted(env, name)
		if err != nil {
			return err
		}
		if len(primary) == 0 {
			env.Warn("No primary instances on node %s, exiting.", n.Name)
			return nil
		}
		if !*force && !env.Confirm("Fail over instance(s) '%s'?", strings.Join(primary, "','")) {
			return cli.DeclinedWith(2)
		}
		if allocator != nil {
			if op.IAllocator = *allocator; op.IAllocator == "" {
				return fault.EmptyValueOf("SubmitManyJobs", "iallocator")
			}
		}
		jobs := env.Jobs()
		for _, inst := range primary {
			op.Name = inst
			jobs.Add(inst, op)
		}
		results, err := jobs.Wait(ctx)
		if err != nil {
			return err
		}
		// Ganeti ends with 0 either way.
		if bad := cli.Failures(results); bad > 0 {
			env.Println("There were errors during the failover:\n%d error(s) out of %d instance(s).", bad, len(results))
			return nil
		}
		env.Println("All %d instance(s) failed over successfully.", len(results))
		return nil
	})
}
