package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
)

func modify(c *cli.Command) {
	c.Usage("", "Changes what instances with an OS get, and who may see it")
	var o cluster.OSOptions
	c.Flag("hypervisor-parameters", "Parameters of a hypervisor that instances with this OS get").Short('H').Meta("HVPARAMS").IdentsVar(&o.HVOptions)
	c.Flag("os-parameters", "Parameters of the OS definition").Short('O').Meta("OSPARAMS").ParamsVar(&o.Public)
	c.Flag("os-parameters-private", "Parameters that are in no log").Meta("OSPARAMS_PRIVATE").Private().ParamsVar(&o.Private)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("hidden", "Leave it out of lists").Meta("yes|no").YesNoPtr(&o.Hidden)
	c.Flag("blacklisted", "Let no instance be made with it").Meta("yes|no").YesNoPtr(&o.Blacklisted)
	cli.Submit(c)
	c.One("os", &o.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !o.Given() {
			return fault.Say("At least one of OS parameters or hypervisor parameters must be passed")
		}
		op, err := o.Read()
		if err != nil {
			return err
		}
		return env.Submit(ctx, op)
	})
}
