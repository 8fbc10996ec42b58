package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/job"
)

func cancel(c *cli.Command) {
	c.Usage("{[--force] [--kill --yes-do-it] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}", "Cancels jobs that have not begun")
	var jobs several
	jobs.declare(c)
	kill := c.Flag("kill", "End the process of a job, whatever it is doing").Bool()
	sure := c.Flag("yes-do-it", "Really do it").Alias("ya-rly").Bool()

	c.Run(func(ctx context.Context, env *cli.Env) error {
		question := "Cancel job(s) listed above?"
		if *kill {
			question = "KILL job(s) listed above?"
			if !*sure {
				return fault.Refuse(fault.WrongInput, "The --kill option must be confirmed with --yes-do-it")
			}
		}
		return jobs.do(ctx, env, "CancelJob", question, func(q *job.Queue, id int) (bool, string, error) { return q.Cancel(ctx, id, *kill) })
	})
}

func changePriority(c *cli.Command) {
	c.Usage("--priority <priority> {[--force] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}", "Changes the priority of jobs that have not begun")
	var jobs several
	jobs.declare(c)
	cli.Priority(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		priority, given := env.Priority()
		if !given {
			return fault.Say("--priority option must be given.")
		}
		return jobs.do(ctx, env, "ChangeJobPriority", "Change priority of job(s) listed above?",
			func(q *job.Queue, id int) (bool, string, error) { return q.ChangePriority(id, priority) })
	})
}
