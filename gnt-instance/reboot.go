package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
	"gantry/lib/job"
)

func reboot(c *cli.Command) {
	c.Usage("<instance>", "Stops instances and starts them again")
	op := instance.Reboot{Type: instance.RebootHard, ShutdownTimeout: instance.ShutdownTimeout}
	m := severally(c)
	c.Flag("type", "How: soft keeps the parameters it was started with, hard takes the current ones, full also sets its disks up anew").
		Short('t').Meta("<REBOOT>").ChoiceVar(&op.Type, instance.RebootFull, instance.RebootHard, instance.RebootSoft)
	c.Flag("ignore-secondaries", "Start even if the disks on secondary nodes cannot be used").BoolVar(&op.IgnoreSecondaries)
	c.Flag("shutdown-timeout", "Seconds that the guest has to power off before it is ended").IntVar(&op.ShutdownTimeout)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		return m.submit(ctx, env, "reboot", func(name string) job.Operation {
			op.Name = name
			return op
		})
	})
}
