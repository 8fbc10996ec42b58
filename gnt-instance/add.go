package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cli/creation"
)

func add(c *cli.Command) {
	c.Usage("[...] -t disk-type -n node[:secondary-node] -o os-type <instance-name>", "Makes an instance")
	w := creation.New(c, false)
	op := &w.Op
	c.Flag("forthcoming", "Only set aside what it needs").BoolVar(&op.Forthcoming)
	c.Flag("commit", "Make a forthcoming instance real").BoolVar(&op.Commit)
	c.Flag("no-start", "Do not start it").FalseVar(&op.Start)
	c.Flag("os-type", "Operating system to install").Short('o').Meta("<os>").Complete("os").NameVar(&op.OSType, "os_type")
	c.Flag("force-variant", "Take the variant even if the OS definition does not list it").BoolVar(&op.ForceVariant)
	c.Flag("no-install", "Do not run the OS's create script, and do not start").BoolVar(&op.NoInstall)
	c.Flag("ignore-ipolicy", "Make it even if the policy of its group forbids it").BoolVar(&op.IgnoreIPolicy)
	var communication *bool
	c.Flag("communication", "Give it an interface of the communication network").Short('c').Meta("INSTANCE_COMMUNICATION").YesNoPtr(&communication)
	c.Flag("helper-startup-timeout", "Seconds for a helper machine to start").Meta("HELPER_STARTUP_TIMEOUT").IntVar(&op.HelperStartup)
	c.Flag("helper-shutdown-timeout", "Seconds for a helper machine to stop").Meta("HELPER_SHUTDOWN_TIMEOUT").IntVar(&op.HelperShutdown)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := w.Complete(); err != nil {
			return err
		}
		op.Communication = communication != nil && *communication
		return env.Submit(ctx, *op)
	})
}
