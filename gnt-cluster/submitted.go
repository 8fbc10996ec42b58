package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster/verify"
	"gantry/lib/job"
)

// submitted runs an operation that submits jobs, and follows those.
func submitted(ctx context.Context, env *cli.Env, op job.Operation) ([]cli.JobResult, error) {
	var result verify.Submitted
	if err := env.SubmitFor(ctx, op, &result); err != nil {
		return nil, err
	}
	jobs := env.Jobs()
	for _, id := range result.IDs() {
		jobs.AddJob("", id)
	}
	return jobs.Wait(ctx)
}
