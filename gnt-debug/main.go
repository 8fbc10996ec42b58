// Command gnt-debug looks into the machinery: it lists locks, and makes jobs that only take time.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"delay": delay,
	"locks": locks,
}

func main() { cli.Main(commands) }
