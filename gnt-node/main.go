// Command gnt-node manages the machines of the cluster.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add":                add,
	"add-tags":           cli.AddTags("node", cluster.Adding(cluster.TagsOfNode)),
	"evacuate":           evacuate,
	"failover":           failover,
	"health":             health,
	"info":               info,
	"list":               nodes.List,
	"list-drbd":          listDRBD,
	"list-fields":        nodes.ListFields,
	"list-storage":       listStorage,
	"list-tags":          cli.ListTags("node", cluster.TagsOf(cluster.TagsOfNode)),
	"migrate":            migrate,
	"modify":             modify,
	"modify-storage":     modifyStorage,
	"power":              power,
	"powercycle":         powercycle,
	"remove":             remove,
	"remove-tags":        cli.RemoveTags("node", cluster.Removing(cluster.TagsOfNode)),
	"repair-storage":     repairStorage,
	"restricted-command": restrictedCommand,
	"volumes":            volumes,
}

func main() { cli.Main(commands, cli.Aliases{"show": "info"}) }
