package main

import (
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

var networks = listing.Listed[*query.NetworkRow]{
	Noun: "network", Field: "<fields>", Resource: query.Networks, Rows: query.NetworkRows, Plain: true,
	Fields:  []string{"name", "network", "gateway", "mac_prefix", "group_list", "tags"},
	Special: map[string]func(any) string{"group_list": query.Connections, "inst_list": query.Join(","), "tags": query.Join(",")},
}
