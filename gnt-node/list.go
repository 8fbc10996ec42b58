package main

import (
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

var nodes = listing.Listed[*query.NodeRow]{
	Noun: "node", Resource: query.Nodes, Rows: query.NodeRows, Ask: query.AskNodes,
	Fields:  []string{"name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt"},
	Special: map[string]func(any) string{"pinst_list": query.Join(","), "sinst_list": query.Join(","), "tags": query.Join(",")},
}
