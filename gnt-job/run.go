package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/ops"
)

// run declares "gnt-job run", which the queue starts for every job. It is not for people.
func run(c *cli.Command) {
	c.Usage("<job-id>", "Runs a job of the queue; the queue starts this by itself")
	c.Hidden()
	var id string
	c.One("job", &id)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		n, err := jobID(id)
		if err != nil {
			return err
		}
		queue, err := env.JobQueue()
		if err != nil {
			return err
		}
		rt, err := runtime(env)
		if err != nil {
			return job.FailJob(queue, n, err)
		}
		return job.RunJob(ctx, queue, n, rt)
	})
}

func runtime(env *cli.Env) (job.Runtime, error) {
	s, err := env.Store()
	if err != nil {
		return job.Runtime{}, err
	}
	nodes, err := env.Nodes()
	return job.Runtime{Table: ops.Table(), Nodes: nodes, Store: job.Configuration{Store: s, Nodes: nodes}, Resolvers: instance.Resolvers()}, err
}
