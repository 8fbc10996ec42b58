package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

func watch(c *cli.Command) {
	c.Usage("<job-id>", "Shows what a job says until it ends")
	var word string
	c.One("job", &word)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		title := "Output from job " + word + " follows"
		env.Println("%s\n%s", title, strings.Repeat("-", len(title)))
		return follow(ctx, env, word)
	})
}

func wait(c *cli.Command) {
	c.Usage("<job-id>", "Waits for the end of a job")
	var word string
	c.One("job", &word)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		silent := *env
		silent.Out = io.Discard
		return follow(ctx, &silent, word)
	})
}

func follow(ctx context.Context, env *cli.Env, word string) error {
	id, err := unit.ParseInt64(word)
	if err != nil {
		err = fault.New(fault.Protocol, "Failed to parse request: Parsing WaitForJobChange message: parsing job id: cannot parse string '%s'", word)
	} else {
		_, err = env.FollowJob(ctx, id)
	}
	return ended(ctx, word, err)
}

// ended is the failure of a job as these commands tell it.
func ended(ctx context.Context, job string, err error) error {
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	text, status := fault.Text(err)
	return fault.Plain{Message: "Job " + job + " failed: " + text, Status: status}
}
