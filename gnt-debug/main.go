// Command gnt-debug looks into the machinery: it lists locks, and makes jobs that only take time.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"delay":         delay,
	"iallocator":    tryAllocator,
	"locks":         locks,
	"metad":         absent("metadata daemon", "guests get what they need from their OS definition", "echo"),
	"submit-job":    submitJob,
	"test-jobqueue": testJobqueue,
	"test-osparams": testOSParams,
	"wconfd": absent("daemon that keeps the configuration", "gnt-debug locks shows the locks, and the configuration is a file on the master candidates",
		"echo", "cleanuplocks", "listlocks", "listalllocks", "listalllocksstatus", "flushconfig"),
}

func main() { cli.Main(commands, cli.Aliases{"allocator": "iallocator"}) }
