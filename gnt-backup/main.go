// Command gnt-backup exports instances to nodes and makes instances out of exports.
package main

import "gantry/lib/cli"

var commands = cli.Commands{
	"export":      export,
	"import":      imports,
	"list":        list,
	"list-fields": listFields,
	"remove":      remove,
}

func main() { cli.Main(commands) }
