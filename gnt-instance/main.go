// Command gnt-instance manages virtual machines.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"activate-disks":   activateDisks,
	"add":              add,
	"add-tags":         cli.AddTags("instance", cluster.Adding(cluster.TagsOfInstance)),
	"batch-create":     batchCreate,
	"change-group":     changeGroup,
	"console":          console,
	"deactivate-disks": deactivateDisks,
	"failover":         failover,
	"grow-disk":        growDisk,
	"info":             info,
	"list":             instances.List,
	"list-fields":      instances.ListFields,
	"list-tags":        cli.ListTags("instance", cluster.TagsOf(cluster.TagsOfInstance)),
	"migrate":          migrate,
	"modify":           modify,
	"move":             move,
	"reboot":           reboot,
	"recreate-disks":   recreateDisks,
	"reinstall":        reinstall,
	"remove":           remove,
	"remove-tags":      cli.RemoveTags("instance", cluster.Removing(cluster.TagsOfInstance)),
	"rename":           rename,
	"replace-disks":    replaceDisks,
	"shutdown":         shutdown,
	"startup":          startup,
}

func main() { cli.Main(commands, cli.Aliases{"show": "info", "start": "startup", "stop": "shutdown"}) }
