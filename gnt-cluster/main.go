// Command gnt-cluster manages the cluster as a whole.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add-tags":        cli.AddTags("", cluster.Adding(cluster.TagsOfCluster)),
	"command":         command,
	"copyfile":        copyfile,
	"getmaster":       getmaster,
	"info":            info,
	"init":            initialise,
	"list-tags":       cli.ListTags("", cluster.TagsOf(cluster.TagsOfCluster)),
	"master-failover": masterFailover,
	"modify":          modify,
	"queue":           queue,
	"remove-tags":     cli.RemoveTags("", cluster.Removing(cluster.TagsOfCluster)),
	"search-tags":     searchTags,
	"verify":          verifyCluster,
	"version":         version,
}

var aliases = cli.Aliases{"masterfailover": "master-failover"}

func main() { cli.Main(commands, aliases) }
