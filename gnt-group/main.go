// Command gnt-group manages node groups.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add":             add,
	"add-tags":        cli.AddTags("group", cluster.Adding(cluster.TagsOfGroup)),
	"assign-nodes":    assignNodes,
	"evacuate":        evacuate,
	"info":            info,
	"list":            groups.List,
	"list-fields":     groups.ListFields,
	"list-tags":       cli.ListTags("group", cluster.TagsOf(cluster.TagsOfGroup)),
	"modify":          modify,
	"remove":          remove,
	"remove-tags":     cli.RemoveTags("group", cluster.Removing(cluster.TagsOfGroup)),
	"rename":          rename,
	"show-ispecs-cmd": showSpecs,
}

func main() { cli.Main(commands) }
