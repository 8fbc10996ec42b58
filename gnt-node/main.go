// Command gnt-node manages the machines of the cluster.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add":                add,
	"add-tags":           cli.AddTags("node", cluster.Adding(cluster.TagsOfNode)),
	"health":             health,
	"info":               info,
	"list":               nodes.List,
	"list-fields":        nodes.ListFields,
	"list-tags":          cli.ListTags("node", cluster.TagsOf(cluster.TagsOfNode)),
	"modify":             modify,
	"power":              power,
	"powercycle":         powercycle,
	"remove":             remove,
	"remove-tags":        cli.RemoveTags("node", cluster.Removing(cluster.TagsOfNode)),
	"restricted-command": restrictedCommand,
}

func main() { cli.Main(commands, cli.Aliases{"show": "info"}) }
