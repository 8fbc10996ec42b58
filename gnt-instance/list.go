package main

import (
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

var instances = listing.Listed[*query.InstanceRow]{
	Noun: "instance", Summary: "Lists the instances and their status", Resource: query.Instances, Rows: query.InstanceRows, Ask: query.AskInstances,
	Fields:  []string{"name", "hypervisor", "os", "pnode", "status", "oper_ram"},
	Special: commaSeparated("tags", "disk.sizes", "nic.macs", "nic.ips", "nic.modes", "nic.links", "nic.bridges", "nic.networks", "snodes", "snodes.group", "snodes.group.uuid"),
}

// commaSeparated writes the lists in these columns with commas.
func commaSeparated(fields ...string) map[string]func(any) string {
	special := map[string]func(any) string{}
	for _, field := range fields {
		special[field] = query.Join(",")
	}
	return special
}
