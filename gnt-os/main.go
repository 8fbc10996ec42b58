// Command gnt-os shows which operating systems the nodes can install, and sets what instances with them get.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"diagnose": diagnose,
	"info":     info,
	"list":     list,
	"modify":   modify,
}

func main() { cli.Main(commands, cli.Aliases{"show": "info"}) }
