// Command gnt-job looks after jobs, and is the process of a running one.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"archive":         archive,
	"autoarchive":     autoarchive,
	"cancel":          cancel,
	"change-priority": changePriority,
	"info":            info,
	"list":            list,
	"list-fields":     listFields,
	"run":             run,
	"wait":            wait,
	"watch":           watch,
}

func main() { cli.Main(commands, cli.Aliases{"show": "info"}) }
