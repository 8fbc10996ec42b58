// Command harep repairs instances as far as the autorepair tags allow.
package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	o := htools.New(c)
	var delay float64
	var dryRun bool
	o.Luxi()
	o.Real("job-delay", "SECONDS", "job delay", "insert this much delay before the execution of repair jobs to allow the tool "+
		"to continue processing instances", &delay)
	o.JobReason()
	c.Flag("dry-run", "do not execute any commands and just report what would be done").BoolVar(&dryRun)
	var words []string
	c.Any("argument", &words)
	c.Run(func(context.Context, *cli.Env) error {
		if len(words) > 0 {
			return fault.Say("Error: this program doesn't take any arguments.")
		}
		return htools.Fail("repairing instances takes replace-disks, which is not possible yet")
	})
}
