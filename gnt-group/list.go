package main

import (
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

var groups = listing.Listed[*query.GroupRow]{
	Noun: "group", Summary: "Lists the node groups", Resource: query.Groups, Rows: query.GroupRows, NoUnits: true,
	Fields:  []string{"name", "node_cnt", "pinst_cnt", "alloc_policy", "ndparams"},
	Special: map[string]func(any) string{"node_list": query.Join(","), "pinst_list": query.Join(","), "ndparams": query.KeyValues},
}
