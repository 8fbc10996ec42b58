package main

import (
	"context"
	"fmt"
	"regexp"

	"gantry/lib/cli"
	"gantry/lib/fault"
)

var versionNumber = regexp.MustCompile(`^(\d+)\.(\d+)(\.\d+)?(~.*)?$`)

func upgrade(c *cli.Command) {
	c.Usage("", "Accepted for compatibility: a new version is installed by the package manager, on each node")
	var to string
	toFlag := c.Flag("to", "Version to change to")
	toFlag.StringVar(&to)
	resume := c.Flag("resume", "Go on with a change of version that was interrupted").Bool()

	c.Run(func(_ context.Context, env *cli.Env) error {
		if *resume == toFlag.Given() {
			return fault.Say("Precisely one of the options --to and --resume has to be given")
		}
		if *resume {
			return nil // nothing is ever under way
		}
		parts := versionNumber.FindStringSubmatch(to)
		switch {
		case parts == nil:
			return fault.Say("Could not parse version string " + to)
		case parts[1] != "3" && (parts[1] != "2" || parts[2] != "16"):
			return fault.Say(fmt.Sprintf("Cannot upgrade to %s: major version up- or downgrades are only supported between 2.16 and 3.0", to))
		}
		return fault.Say(fmt.Sprintf("Cannot upgrade to %s: there are no daemons that change their version together; install the new package on each node", to))
	})
}
