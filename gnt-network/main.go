// Command gnt-network manages networks: ranges of addresses for instances.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add":         add,
	"add-tags":    cli.AddTags("network", cluster.Adding(cluster.TagsOfNetwork)),
	"connect":     connect,
	"disconnect":  disconnect,
	"info":        info,
	"list":        networks.List,
	"list-fields": networks.ListFields,
	"list-tags":   cli.ListTags("network", cluster.TagsOf(cluster.TagsOfNetwork)),
	"modify":      modify,
	"remove":      remove,
	"remove-tags": cli.RemoveTags("network", cluster.Removing(cluster.TagsOfNetwork)),
	"rename":      rename,
}

func main() { cli.Main(commands) }
