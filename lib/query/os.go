package query

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

// OSRow is one OS definition and how the nodes have it.
type OSRow struct {
	Name                string
	Valid               bool     // on all nodes that answered
	Variants            []string // that all of them offer, as Parameters and APIVersions
	Parameters          []osdef.Parameter
	APIVersions         []int
	Trusted             bool // on all of them
	Hidden, Blacklisted bool
	Nodes               map[string][]osdef.OS // by UUID, of each node that answered; the first is in use, the others are behind it
}

// AskSystems asks all nodes that may hold instances for their OS definitions. A node that does not answer is left out.
func AskSystems(ctx context.Context, r remote.Runner, cfg *config.Config) []*OSRow {
	uuids := map[string]string{}
	var names []string
	for _, n := range cfg.Nodes {
		if !n.Offline && n.VMCapable {
			uuids[n.Name] = n.UUID
			names = append(names, n.Name)
		}
	}
	found := map[string]map[string][]osdef.OS{}
	answered := []string{}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) ([]osdef.OS, error) {
		return osdef.Diagnose(ctx, r, node)
	}) {
		if reply.Err != nil {
			continue
		}
		uuid := uuids[reply.Node]
		answered = append(answered, uuid)
		for _, o := range reply.Value {
			if found[o.Name] == nil {
				found[o.Name] = map[string][]osdef.OS{}
			}
			found[o.Name][uuid] = append(found[o.Name][uuid], o)
		}
	}
	var rows []*OSRow
	for name, nodes := range found {
		for _, uuid := range answered {
			nodes[uuid] = slices.Clip(nodes[uuid]) // nodes without it have an entry too
		}
		rows = append(rows, system(&cfg.Cluster, name, nodes))
	}
	sortRows(rows, func(r *OSRow) string { return r.Name })
	return rows
}

func system(c *config.Cluster, name string, nodes map[string][]osdef.OS) *OSRow {
	row := &OSRow{Name: name, Valid: true, Trusted: true, Nodes: nodes,
		Hidden: slices.Contains(c.HiddenOS, name), Blacklisted: slices.Contains(c.BlacklistedOS, name)}
	first := true
	for _, uuid := range slices.Sorted(maps.Keys(nodes)) {
		list := nodes[uuid]
		if len(list) == 0 || !list[0].Valid {
			row.Valid = false
			continue
		}
		o := list[0]
		row.Trusted = row.Trusted && o.Trusted
		if first {
			row.Variants, row.Parameters, row.APIVersions = slices.Clone(o.Variants), slices.Clone(o.Parameters), slices.Clone(o.APIVersions)
			first = false
			continue
		}
		row.Variants, row.Parameters, row.APIVersions = common(row.Variants, o.Variants), common(row.Parameters, o.Parameters), common(row.APIVersions, o.APIVersions)
	}
	slices.Sort(row.Variants)
	slices.Sort(row.APIVersions)
	slices.SortFunc(row.Parameters, func(a, b osdef.Parameter) int { return strings.Compare(a.Name, b.Name) })
	return row
}

// common leaves in a list what another has too.
func common[T comparable](list, other []T) []T {
	return slices.DeleteFunc(list, func(v T) bool { return !slices.Contains(other, v) })
}

// FullNames are the names that instances are made with: one for each variant.
func (r *OSRow) FullNames() []string {
	if len(r.Variants) == 0 {
		return []string{r.Name}
	}
	names := make([]string, len(r.Variants))
	for i, v := range r.Variants {
		names[i] = r.Name + "+" + v
	}
	return names
}
