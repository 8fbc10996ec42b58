package query

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/extstorage"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// ProviderRow is one provider of external storage and how the nodes have it.
type ProviderRow struct {
	Name   string
	Nodes  map[string][]extstorage.Provider // by UUID, of each node that answered; the first is in use
	Groups []ProviderGroup
}

// ProviderGroup says whether all nodes of a group have a provider in order.
type ProviderGroup struct {
	Name  string
	Valid bool
}

// AskProviders asks all nodes that may hold instances. A node that does not answer is left out.
func AskProviders(ctx context.Context, r remote.Runner, cfg *config.Config) []*ProviderRow {
	var asked []*config.Node
	for _, n := range cfg.Nodes {
		if n.VMCapable {
			asked = append(asked, n)
		}
	}
	found := map[string]*ProviderRow{}
	answered := map[string]bool{}
	for _, reply := range eachOnline(ctx, asked, func(ctx context.Context, n *config.Node) ([]extstorage.Provider, error) {
		return extstorage.Diagnose(ctx, r, n.Name)
	}) {
		if reply.Err != nil {
			continue
		}
		uuid := cfg.NodeByName(reply.Node).UUID
		answered[uuid] = true
		for _, p := range reply.Value {
			row := found[p.Name]
			if row == nil {
				row = &ProviderRow{Name: p.Name, Nodes: map[string][]extstorage.Provider{}}
				found[p.Name] = row
			}
			row.Nodes[uuid] = append(row.Nodes[uuid], p)
		}
	}
	rows := make([]*ProviderRow, 0, len(found))
	for _, row := range found {
		for uuid := range answered {
			row.Nodes[uuid] = append([]extstorage.Provider{}, row.Nodes[uuid]...) // nodes without it have an entry too
		}
		row.judge(cfg)
		rows = append(rows, row)
	}
	sortRows(rows, func(r *ProviderRow) string { return r.Name })
	return rows
}

// judge looks at each group; one of whose nodes none answered has nothing against the provider.
func (r *ProviderRow) judge(cfg *config.Config) {
	for _, g := range cfg.NodeGroups {
		valid := true
		for _, n := range cfg.GroupNodes(g.UUID) {
			if list, answered := r.Nodes[n.UUID]; answered {
				valid = valid && len(list) > 0 && list[0].Valid
			}
		}
		r.Groups = append(r.Groups, ProviderGroup{g.Name, valid})
	}
}

// Parameters are those of the first node that has the provider in order.
func (r *ProviderRow) Parameters() []extstorage.Parameter {
	for _, uuid := range r.UUIDs() {
		if list := r.Nodes[uuid]; len(list) > 0 && list[0].Valid {
			return list[0].Parameters
		}
	}
	return nil
}

// UUIDs are the nodes that answered, in order.
func (r *ProviderRow) UUIDs() []string {
	var list []string
	for uuid := range r.Nodes {
		list = append(list, uuid)
	}
	unit.SortNames(list)
	return list
}
