package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/group"
)

func modify(c *cli.Command) {
	c.Usage("<group>", `Changes a node group; "default" as a value gives it back to the cluster`)
	var o group.Options
	var name string
	settings(c, &o)
	c.One("group", &name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op, err := o.Modify(name)
		if err != nil {
			return err
		}
		var changes [][2]string
		if err := env.SubmitFor(ctx, op, &changes); err != nil {
			return err
		}
		if len(changes) > 0 {
			env.Println("Modified node group %s", name)
		}
		for _, change := range changes {
			env.Println(" - %-5s -> %s", change[0], change[1])
		}
		return nil
	})
}
