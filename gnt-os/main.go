// Command gnt-os shows which operating systems the nodes can install.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"diagnose": diagnose,
	"list":     list,
}

func main() { cli.Main(commands) }
