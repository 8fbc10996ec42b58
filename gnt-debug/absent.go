package main

import (
	"context"
	"fmt"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/fault"
)

// absent makes the commands that talk to a daemon of Ganeti directly. What the daemon would understand is told not to be there.
func absent(daemon, instead string, known ...string) func(*cli.Command) {
	return func(c *cli.Command) {
		c.Usage("<cmd> <args...>", "Accepted for compatibility: there is no "+daemon)
		var words []string
		c.Some("command", &words)

		c.Run(func(context.Context, *cli.Env) error {
			if !slices.Contains(known, words[0]) {
				return fault.Say(fmt.Sprintf("Command '%s' not supported", words[0]))
			}
			return fault.Say(fmt.Sprintf("There is no %s; %s", daemon, instead))
		})
	}
}
