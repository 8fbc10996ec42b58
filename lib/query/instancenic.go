package query

import (
	"fmt"

	"gantry/lib/config"
)

func (r *InstanceRow) nics(part func(config.NIC) any) Cell {
	list := []any{}
	for _, n := range r.Instance.NICs {
		list = append(list, part(n))
	}
	return value(list)
}

func (r *InstanceRow) nic(n int, part func(config.NIC) any) Cell {
	if n >= len(r.Instance.NICs) {
		return unavailable
	}
	return orUnavailable(part(r.Instance.NICs[n]))
}

// nicParts are the values a NIC has, by the name its fields begin with. A plural that is "" has no list field.
var nicParts = []struct {
	name, plural, title, pluralTitle, doc string
	part                                  func(*InstanceRow, config.NIC) any
}{
	{"nic.mac", "nic.macs", "NicMAC", "NIC_MACs", "MAC address", func(_ *InstanceRow, n config.NIC) any { return n.MAC }},
	{"nic.ip", "nic.ips", "NicIP", "NIC_IPs", "IP address", func(_ *InstanceRow, n config.NIC) any { return orNone(n.IP) }},
	{"nic.name", "nic.names", "NicName", "NIC_Names", "Name", func(_ *InstanceRow, n config.NIC) any { return orNone(n.Name) }},
	{"nic.uuid", "nic.uuids", "NicUUID", "NIC_UUIDs", "UUID", func(_ *InstanceRow, n config.NIC) any { return n.UUID }},
	{"nic.network", "nic.networks", "NicNetwork", "NIC_networks", "UUID of the network", func(_ *InstanceRow, n config.NIC) any { return orNone(n.Network) }},
	{"nic.network.name", "nic.networks.names", "NicNetworkName", "NIC_networks_names", "Name of the network", nicNetworkName},
	{"nic.mode", "nic.modes", "NicMode", "NIC_modes", "Mode", nicParam("mode")},
	{"nic.link", "nic.links", "NicLink", "NIC_links", "Link", nicParam("link")},
	{"nic.vlan", "nic.vlans", "NicVLAN", "NIC_VLANs", "VLAN", nicVLAN},
	{"nic.bridge", "nic.bridges", "NicBridge", "NIC_bridges", "Bridge", nicBridge},
}

func nicParam(name string) func(*InstanceRow, config.NIC) any {
	return func(r *InstanceRow, n config.NIC) any { return r.Config.FilledNIC(&n).String(name) }
}

func nicNetworkName(r *InstanceRow, n config.NIC) any {
	if network := r.Config.Network(n.Network); network != nil {
		return network.Name
	}
	return nil
}

// nicVLAN is only of meaning behind Open vSwitch.
func nicVLAN(r *InstanceRow, n config.NIC) any {
	if p := r.Config.FilledNIC(&n); p.String("mode") == config.NICOpenvswitch {
		return orNone(p.String("vlan"))
	}
	return nil
}

func nicBridge(r *InstanceRow, n config.NIC) any {
	if p := r.Config.FilledNIC(&n); p.String("mode") == config.NICBridged {
		return p.String("link")
	}
	return nil
}

func instanceNICFields() []Field[*InstanceRow] {
	fields := []Field[*InstanceRow]{
		{Name: "nic.count", Title: "NICs", Kind: Number, Doc: "Number of network interfaces", Get: func(r *InstanceRow) Cell { return value(int64(len(r.Instance.NICs))) }},
	}
	old := map[string]string{"nic.mac": "mac", "nic.ip": "ip", "nic.bridge": "bridge", "nic.mode": "nic_mode", "nic.link": "nic_link", "nic.network": "nic_network"}
	for _, p := range nicParts {
		fields = append(fields, Field[*InstanceRow]{Name: p.plural, Title: p.pluralTitle, Kind: Other, Doc: p.doc + " of each network interface, a list",
			Get: func(r *InstanceRow) Cell { return r.nics(func(n config.NIC) any { return p.part(r, n) }) }})
		for i := range maxNICFields {
			f := Field[*InstanceRow]{Name: fmt.Sprintf("%s/%d", p.name, i), Title: fmt.Sprintf("%s/%d", p.title, i), Kind: Text,
				Doc: fmt.Sprintf("%s of the %s network interface", p.doc, ordinal(i)),
				Get: func(r *InstanceRow) Cell { return r.nic(i, func(n config.NIC) any { return p.part(r, n) }) }}
			fields = append(fields, f)
			if i == 0 && old[p.name] != "" {
				f.Name = old[p.name]
				fields = append(fields, f)
			}
		}
	}
	return fields
}
