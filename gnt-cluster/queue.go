package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
)

func queue(c *cli.Command) {
	c.Usage("drain|undrain|info", "Closes the job queue for new jobs, opens it again, or tells which")
	var verb string
	c.One("command", &verb)

	c.Run(func(_ context.Context, env *cli.Env) error {
		q, err := env.JobQueue()
		if err != nil {
			return err
		}
		switch verb {
		case "drain", "undrain":
			return q.Drain(verb == "drain")
		case "info":
			state := "unset"
			if q.Drained() {
				state = "set"
			}
			env.Println("The drain flag is %s", state)
			return nil
		}
		return fault.Refuse(fault.WrongInput, "Command '%s' is not valid.", verb)
	})
}
