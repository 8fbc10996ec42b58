// Command gnt-cluster manages the cluster as a whole.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"add-tags":    cli.AddTags("", cluster.Adding(cluster.TagsOfCluster)),
	"getmaster":   getmaster,
	"init":        initialise,
	"list-tags":   cli.ListTags("", cluster.TagsOf(cluster.TagsOfCluster)),
	"remove-tags": cli.RemoveTags("", cluster.Removing(cluster.TagsOfCluster)),
}

func main() { cli.Main(commands) }
