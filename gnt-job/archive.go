package main

import (
	"context"
	"time"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

func archive(c *cli.Command) {
	c.Usage("<job-id> [<job-id>...]", "Puts jobs that have ended into the archive")
	var words []string
	c.Some("job", &words)

	c.Run(func(_ context.Context, env *cli.Env) error {
		if err := env.Alone(); err != nil {
			return err
		}
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		status := 0
		for _, word := range words {
			id, err := jobIDFor("ArchiveJob", word)
			if err != nil {
				return err
			}
			done, err := q.Archive(id)
			if err != nil {
				return err
			}
			if !done {
				env.Warn("Failed to archive job with ID '%s'", word)
				status = 1
			}
		}
		return fault.Status(status)
	})
}

// archiveTime is how long autoarchive works before it leaves the rest to the next time.
const archiveTime = 29 * time.Second

func autoarchive(c *cli.Command) {
	c.Usage("<age>", "Puts jobs into the archive that ended longer ago than an age (1d, 4w, all)")
	var age string
	c.One("age", &age)

	c.Run(func(_ context.Context, env *cli.Env) error {
		limit := -1 * time.Second // all that have ended
		if age != "all" {
			seconds, err := unit.ParseTimespec(age)
			if err != nil {
				return err
			}
			limit = time.Duration(seconds) * time.Second
		}
		if err := env.Alone(); err != nil {
			return err
		}
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		moved, left, err := q.AutoArchive(limit, archiveTime)
		if err != nil {
			return err
		}
		env.Println("Archived %d jobs, %d unchecked left", moved, left)
		return nil
	})
}
