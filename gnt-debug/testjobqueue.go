package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
)

func testJobqueue(c *cli.Command) {
	c.Usage("", "Sends jobs that do nothing through the queue and looks at how they end")
	cli.Priority(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		if err := env.Alone(); err != nil {
			return err
		}
		return cluster.TryQueue(ctx, q, env.Println)
	})
}
