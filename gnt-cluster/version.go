package main

import (
	"context"

	"gantry/lib/cli"
)

func version(c *cli.Command) {
	c.Usage("", "Shows the versions of the software and its interfaces")
	c.Run(func(_ context.Context, env *cli.Env) error {
		if _, err := env.Store(); err != nil {
			return err
		}
		env.Println("Software version: %s\nInternode protocol: %d\nConfiguration format: %d\nOS api version: %d\nExport interface: %d\nVCS version: (ganeti) version %s",
			cli.Release, 3000000, 3000000, 20, 0, cli.Packaged)
		return nil
	})
}
