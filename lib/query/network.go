package query

import (
	"strings"

	"gantry/lib/config"
)

// NetworkRow is one network.
type NetworkRow struct {
	Config  *config.Config
	Network *config.Network
}

// NetworkRows gives a row for each network, in natural order of the names.
func NetworkRows(cfg *config.Config) []*NetworkRow {
	rows := make([]*NetworkRow, len(cfg.Networks))
	for i, n := range cfg.Networks {
		rows[i] = &NetworkRow{Config: cfg, Network: n}
	}
	sortRows(rows, func(r *NetworkRow) string { return r.Network.Name })
	return rows
}

// Networks is the resource of gnt-network list.
func Networks() *Resource[*NetworkRow] {
	return &Resource[*NetworkRow]{Noun: "Network", NameField: "name", Fields: networkFields}
}

var networkFields = []Field[*NetworkRow]{
	{Name: "name", Title: "Network", Kind: Text, Doc: "Name", Get: func(r *NetworkRow) Cell { return value(r.Network.Name) }},
	{Name: "uuid", Title: "UUID", Kind: Text, Doc: "UUID of the network", Get: func(r *NetworkRow) Cell { return value(r.Network.UUID) }},
	{Name: "serial_no", Title: "SerialNo", Kind: Number, Doc: serialDoc, Get: func(r *NetworkRow) Cell { return value(r.Network.SerialNo) }},
	{Name: "ctime", Title: "CTime", Kind: Timestamp, Doc: ctimeDoc, Get: func(r *NetworkRow) Cell { return value(r.Network.CTime) }},
	{Name: "mtime", Title: "MTime", Kind: Timestamp, Doc: mtimeDoc, Get: func(r *NetworkRow) Cell { return value(r.Network.MTime) }},
	{Name: "tags", Title: "Tags", Kind: Other, Doc: tagsDoc, Get: func(r *NetworkRow) Cell { return value(texts(sorted(r.Network.Tags))) }},
	{Name: "network", Title: "Subnet", Kind: Text, Doc: "IPv4 range", Get: func(r *NetworkRow) Cell { return value(r.Network.Network) }},
	{Name: "gateway", Title: "Gateway", Kind: Other, Doc: "IPv4 gateway", Get: func(r *NetworkRow) Cell { return optional(r.Network.Gateway) }},
	{Name: "network6", Title: "IPv6Subnet", Kind: Other, Doc: "IPv6 range", Get: func(r *NetworkRow) Cell { return optional(r.Network.Network6) }},
	{Name: "gateway6", Title: "IPv6Gateway", Kind: Other, Doc: "IPv6 gateway", Get: func(r *NetworkRow) Cell { return optional(r.Network.Gateway6) }},
	{Name: "mac_prefix", Title: "MacPrefix", Kind: Other, Doc: "Prefix of the MAC addresses made for it", Get: func(r *NetworkRow) Cell { return optional(r.Network.MACPrefix) }},
	{Name: "free_count", Title: "FreeCount", Kind: Number, Doc: "Number of free addresses", Get: func(r *NetworkRow) Cell { return value(int64(r.Network.FreeCount())) }},
	{Name: "reserved_count", Title: "ReservedCount", Kind: Number, Doc: "Number of addresses in use", Get: func(r *NetworkRow) Cell { return value(int64(r.Network.ReservedCount())) }},
	{Name: "map", Title: "Map", Kind: Text, Doc: "Its addresses in order, X for one in use", Get: func(r *NetworkRow) Cell { return value(r.Network.Map()) }},
	{Name: "external_reservations", Title: "ExternalReservations", Kind: Text, Doc: "Addresses set aside by hand",
		Get: func(r *NetworkRow) Cell { return value(strings.Join(r.Network.External(), ", ")) }},
	{Name: "group_list", Title: "GroupList", Kind: Other, Doc: "Node groups it is connected to: name, mode, link, VLAN",
		Get: func(r *NetworkRow) Cell { return value(r.groups()) }},
	{Name: "group_cnt", Title: "NodeGroups", Kind: Number, Doc: "Number of those node groups", Get: func(r *NetworkRow) Cell { return value(int64(len(r.groups()))) }},
	{Name: "inst_list", Title: "InstanceList", Kind: Other, Doc: "Instances that use it", Get: func(r *NetworkRow) Cell { return value(instanceNames(r.instances())) }},
	{Name: "inst_cnt", Title: "Instances", Kind: Number, Doc: "Number of those instances", Get: func(r *NetworkRow) Cell { return value(int64(len(r.instances()))) }},
}

// groups lists the connections as [group, mode, link, vlan].
func (r *NetworkRow) groups() []any {
	list := []any{}
	for _, g := range r.Config.NodeGroups {
		if p, ok := g.Networks[r.Network.UUID]; ok {
			list = append(list, []any{g.Name, p.String("mode"), p.String("link"), p.String("vlan")})
		}
	}
	return list
}

func (r *NetworkRow) instances() []*config.Instance {
	var list []*config.Instance
	for _, inst := range r.Config.Instances {
		for _, nic := range inst.NICs {
			if nic.Network == r.Network.UUID {
				list = append(list, inst)
				break
			}
		}
	}
	return list
}

// Connections prints the group_list of a network: "default (bridged, br0, )".
func Connections(v any) string {
	list, _ := v.([]any)
	parts := make([]string, len(list))
	for i, item := range list {
		c, _ := item.([]any)
		parts[i] = c[0].(string) + " (" + Join(", ")(c[1:]) + ")"
	}
	return strings.Join(parts, ", ")
}
