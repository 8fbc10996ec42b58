package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/unit"
)

func startup(c *cli.Command) {
	c.Usage("<instance>", "Starts instances")
	var op instance.Startup
	var hv, be unit.Params
	m := severally(c)
	c.Flag("force", "Start even if the disks on secondary nodes cannot be used").Short('f').BoolVar(&op.Force)
	c.Flag("ignore-offline", "Only note that it is to run when its primary node is marked offline").BoolVar(&op.IgnoreOffline)
	c.Flag("no-remember", "Do not note that it is to run").BoolVar(&op.NoRemember)
	c.Flag("paused", "Leave it waiting for its console to let it go").BoolVar(&op.Paused)
	c.Flag("hypervisor-parameters", "Hypervisor parameters for this run alone").Short('H').Meta("HVPARAMS").ParamsVar(&hv)
	c.Flag("backend-parameters", "Back-end parameters for this run alone").Short('B').Meta("BEPARAMS").ParamsVar(&be)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.HVParams, op.BEParams = config.Params(hv), config.Params(be)
		return m.submit(ctx, env, "startup", func(name string) job.Operation {
			op.Name = name
			return op
		})
	})
}
