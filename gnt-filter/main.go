// Command gnt-filter manages the rules of the job queue: which jobs may start, have to wait, or are canceled.
package main

import (
	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

var commands = cli.Commands{
	"add":         add,
	"delete":      remove,
	"info":        info,
	"list":        filters.List,
	"list-fields": filters.ListFields,
	"replace":     replace,
}

var filters = listing.Listed[*query.FilterRow]{
	Noun: "filter", Named: "<filter-uuid>", Field: "<fields>", Summary: "Lists the rules of the job queue", Resource: query.Filters, Rows: query.FilterRows, Plain: true,
	Fields: []string{"uuid", "watermark", "priority", "predicates", "action", "reason_trail"},
}

func main() { cli.Main(commands) }
