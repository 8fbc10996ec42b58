// Command gnt-job looks after jobs, and is the process of a running one.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"run": run,
}

func main() { cli.Main(commands) }
