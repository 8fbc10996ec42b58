package main

import (
	"context"

	"gantry/lib/cli"
)

func getmaster(c *cli.Command) {
	c.Usage("", "Prints the name of the master node")
	c.Run(func(_ context.Context, env *cli.Env) error {
		master, err := env.Master()
		if err == nil {
			env.Println("%s", master)
		}
		return err
	})
}
