// Command gnt-cluster manages the cluster as a whole.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cluster"
)

var commands = cli.Commands{
	"activate-master-ip":   activateMasterIP,
	"add-tags":             cli.AddTags("", cluster.Adding(cluster.TagsOfCluster)),
	"command":              command,
	"copyfile":             copyfile,
	"deactivate-master-ip": deactivateMasterIP,
	"destroy":              destroy,
	"epo":                  epo,
	"getmaster":            getmaster,
	"info":                 info,
	"init":                 initialise,
	"list-tags":            cli.ListTags("", cluster.TagsOf(cluster.TagsOfCluster)),
	"master-failover":      masterFailover,
	"master-ping":          masterPing,
	"modify":               modify,
	"queue":                queue,
	"redist-conf":          redistConf,
	"remove-tags":          cli.RemoveTags("", cluster.Removing(cluster.TagsOfCluster)),
	"rename":               rename,
	"renew-crypto":         renewCrypto,
	"repair-disk-sizes":    repairDiskSizes,
	"search-tags":          searchTags,
	"show-ispecs-cmd":      showSpecs,
	"upgrade":              upgrade,
	"verify":               verifyCluster,
	"verify-disks":         verifyDisks,
	"version":              version,
	"watcher":              pauseWatcher,
}

var aliases = cli.Aliases{"masterfailover": "master-failover", "show": "info"}

func main() { cli.Main(commands, aliases) }
