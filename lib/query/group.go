package query

import (
	"strings"

	"gantry/lib/config"
	"gantry/lib/unit"
)

// GroupRow is one node group.
type GroupRow struct {
	Config *config.Config
	Group  *config.NodeGroup
}

// GroupRows gives a row for each node group, in natural order of the names.
func GroupRows(cfg *config.Config) []*GroupRow {
	rows := make([]*GroupRow, len(cfg.NodeGroups))
	for i, g := range cfg.NodeGroups {
		rows[i] = &GroupRow{Config: cfg, Group: g}
	}
	sortRows(rows, func(r *GroupRow) string { return r.Group.Name })
	return rows
}

// Groups is the resource of gnt-group list.
func Groups() *Resource[*GroupRow] {
	r := &Resource[*GroupRow]{Noun: "NodeGroup", NameField: "name"}
	r.Fields = append(r.Fields, groupFields...)
	for _, p := range config.NDParams {
		r.Fields = append(r.Fields, Field[*GroupRow]{Name: "ndp/" + p.Name, Title: paramTitle("ndp", p), Kind: paramKind(p.Type), Doc: paramDoc(p.Name, "node"),
			Get: func(r *GroupRow) Cell { return value(whole(r.Config.GroupND(r.Group)[p.Name])) }})
	}
	return r
}

var groupFields = []Field[*GroupRow]{
	{Name: "name", Title: "Group", Kind: Text, Doc: "Name", Get: func(r *GroupRow) Cell { return value(r.Group.Name) }},
	{Name: "uuid", Title: "UUID", Kind: Text, Doc: "UUID of the node group", Get: func(r *GroupRow) Cell { return value(r.Group.UUID) }},
	{Name: "serial_no", Title: "SerialNo", Kind: Number, Doc: serialDoc, Get: func(r *GroupRow) Cell { return value(r.Group.SerialNo) }},
	{Name: "ctime", Title: "CTime", Kind: Timestamp, Doc: ctimeDoc, Get: func(r *GroupRow) Cell { return value(r.Group.CTime) }},
	{Name: "mtime", Title: "MTime", Kind: Timestamp, Doc: mtimeDoc, Get: func(r *GroupRow) Cell { return value(r.Group.MTime) }},
	{Name: "tags", Title: "Tags", Kind: Other, Doc: tagsDoc, Get: func(r *GroupRow) Cell { return value(texts(sorted(r.Group.Tags))) }},
	{Name: "alloc_policy", Title: "AllocPolicy", Kind: Text, Doc: "Whether new instances are put here: preferred, last_resort, unallocable",
		Get: func(r *GroupRow) Cell { return value(r.Group.AllocPolicy) }},
	{Name: "ipolicy", Title: "InstancePolicy", Kind: Other, Doc: "Which instances are allowed, defaults included", Get: func(r *GroupRow) Cell { return value(policy(r.Config.InstancePolicy(r.Group))) }},
	{Name: "custom_ipolicy", Title: "CustomInstancePolicy", Kind: Other, Doc: "The part of that which is its own", Get: func(r *GroupRow) Cell { return value(policy(r.Group.IPolicy)) }},
	{Name: "ndparams", Title: "NDParams", Kind: Other, Doc: "All node parameters, defaults included", Get: func(r *GroupRow) Cell { return value(inOrder(config.NDOrder, r.Config.GroupND(r.Group))) }},
	{Name: "custom_ndparams", Title: "CustomNDParams", Kind: Other, Doc: "Node parameters of its own", Get: func(r *GroupRow) Cell { return value(inOrder(config.NDOrder, r.Group.NDParams)) }},
	{Name: "diskparams", Title: "DiskParameters", Kind: Other, Doc: "All disk parameters, defaults included", Get: func(r *GroupRow) Cell { return value(r.diskParams()) }},
	{Name: "custom_diskparams", Title: "CustomDiskParameters", Kind: Other, Doc: "Disk parameters of its own", Get: func(r *GroupRow) Cell { return value(nested(r.Group.DiskParams)) }},
	{Name: "node_cnt", Title: "Nodes", Kind: Number, Doc: "Number of nodes", Get: func(r *GroupRow) Cell { return value(int64(len(r.Config.GroupNodes(r.Group.UUID)))) }},
	{Name: "node_list", Title: "NodeList", Kind: Other, Doc: "Its nodes", Get: func(r *GroupRow) Cell { return value(r.nodes()) }},
	{Name: "pinst_cnt", Title: "Instances", Kind: Number, Doc: "Number of instances that have their primary node here", Get: func(r *GroupRow) Cell { return value(int64(len(r.instances()))) }},
	{Name: "pinst_list", Title: "InstanceList", Kind: Other, Doc: "Those instances", Get: func(r *GroupRow) Cell { return value(instanceNames(r.instances())) }},
}

func (r *GroupRow) nodes() []any {
	var names []string
	for _, n := range r.Config.GroupNodes(r.Group.UUID) {
		names = append(names, n.Name)
	}
	unit.SortNames(names)
	return texts(names)
}

func (r *GroupRow) instances() []*config.Instance {
	var list []*config.Instance
	for _, n := range r.Config.GroupNodes(r.Group.UUID) {
		primary, _ := r.Config.NodeInstances(n.UUID)
		list = append(list, primary...)
	}
	return list
}

// policy is an instance policy as a cell value, with Ganeti's keys.
func policy(p config.IPolicy) unit.Dict {
	out := p.Dict()
	for i := range out {
		out[i].Value = whole(out[i].Value)
	}
	return out
}

// diskParams are those of the cluster, but where the group has some of its own for a template: Ganeti then shows only these,
// although the cluster's hold beside them.
func (r *GroupRow) diskParams() map[string]any {
	out := nested(r.Config.Cluster.DiskParams)
	for template, own := range r.Group.DiskParams {
		out[template] = plain(own)
	}
	return out
}

func nested(m map[string]config.Params) map[string]any {
	out := make(map[string]any, len(m))
	for name, p := range m {
		out[name] = plain(p)
	}
	return out
}

// KeyValues prints node parameters as "oob_program=, spindle_count=1".
func KeyValues(v any) string {
	params, _ := v.(unit.Dict)
	var parts []string
	for _, p := range params {
		parts = append(parts, p.Key+"="+unit.Str(p.Value))
	}
	return strings.Join(parts, ", ")
}
