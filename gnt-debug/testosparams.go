package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func testOSParams(c *cli.Command) {
	c.Usage("[--os-parameters-secret <params>]", "Shows that secret OS parameters reach a job")
	var secret unit.Params
	c.Flag("os-parameters-secret", "Parameters that are kept nowhere").Meta("OSPARAMS_SECRET").Private().ParamsVar(&secret)
	cli.Submit(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		return env.Submit(ctx, instance.TestOSParams{OSParamsSecret: instance.Private(secret)})
	})
}
