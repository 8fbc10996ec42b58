package query

import (
	"context"
	"slices"

	"gantry/lib/backup"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// ExportRow is one export on a node, or a node of which none is known.
type ExportRow struct {
	Node   string
	Export Cell
}

// Exports is the resource of gnt-backup list.
func Exports() *Resource[*ExportRow] {
	return &Resource[*ExportRow]{Noun: "Export", NameField: "node", Fields: []Field[*ExportRow]{
		{Name: "node", Title: "Node", Kind: Text, Doc: "Node name", Compare: AsHostname, Get: func(r *ExportRow) Cell { return value(r.Node) }},
		{Name: "export", Title: "Export", Kind: Text, Doc: "Export name", Get: func(r *ExportRow) Cell { return r.Export }},
	}}
}

// AskExports asks nodes for their exports, all when none is named. A node that has none has no row; one that does not know has one
// that says so.
func AskExports(ctx context.Context, r remote.Runner, cfg *config.Config, names []string) ([]*ExportRow, error) {
	var nodes []*config.Node
	for _, name := range names {
		n := cfg.MatchNode(name)
		if n == nil {
			return nil, fault.Refuse(fault.NotFound, "Node name %s not found", name)
		}
		nodes = append(nodes, n)
	}
	if names == nil {
		nodes = slices.Clone(cfg.Nodes)
		slices.SortStableFunc(nodes, func(a, b *config.Node) int { return unit.CompareNames(a.Name, b.Name) })
	}
	var asked []string
	for _, n := range nodes {
		if !n.Offline {
			asked = append(asked, n.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, liveLimit)
	defer cancel()
	found := map[string]remote.Reply[[]string]{}
	for _, reply := range remote.Each(ctx, asked, 0, func(ctx context.Context, node string) ([]string, error) {
		return backup.List(ctx, r, node)
	}) {
		found[reply.Node] = reply
	}
	var rows []*ExportRow
	for _, n := range nodes {
		reply := found[n.Name]
		switch {
		case n.Offline:
			rows = append(rows, &ExportRow{n.Name, Cell{Status: Offline}})
		case reply.Err != nil:
			rows = append(rows, &ExportRow{n.Name, Cell{Status: NoData}})
		}
		unit.SortNames(reply.Value)
		for _, export := range reply.Value {
			rows = append(rows, &ExportRow{n.Name, value(export)})
		}
	}
	return rows, nil
}
