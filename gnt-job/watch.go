package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
)

func watch(c *cli.Command) {
	c.Usage("<job-id>", "Shows what a job says until it ends")
	var word string
	c.One("job", &word)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		id, err := jobID(word)
		if err != nil {
			return err
		}
		title := "Output from job " + word + " follows"
		env.Println("%s\n%s", title, strings.Repeat("-", len(title)))
		_, err = env.FollowJob(ctx, id)
		return ended(ctx, word, err)
	})
}

func wait(c *cli.Command) {
	c.Usage("<job-id>", "Waits for the end of a job")
	var word string
	c.One("job", &word)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		id, err := jobID(word)
		if err != nil {
			return err
		}
		silent := *env
		silent.Out = io.Discard
		_, err = silent.FollowJob(ctx, id)
		return ended(ctx, word, err)
	})
}

// ended is the failure of a job as these commands tell it.
func ended(ctx context.Context, job string, err error) error {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	text, status := fault.Text(err)
	return fault.Plain{Message: "Job " + job + " failed: " + text, Status: status}
}
