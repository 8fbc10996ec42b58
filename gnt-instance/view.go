package main

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/instance"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

// firstVNC is the port of display 0.
const firstVNC = 5900

// view is one instance as info shows it.
type view struct {
	cfg   *config.Config
	inst  *config.Instance
	seen  instance.Seen
	asked bool // its node was
}

func (v view) pairs() table.Pairs {
	inst := v.inst
	state := "configured to be " + inst.AdminState
	if v.asked {
		state += ", actual state is " + v.seen.State
	}
	hv, be := v.hypervisorParameters(), v.cfg.FilledBE(inst)
	be["memory"] = be["maxmem"]
	out := table.Pairs{
		{Key: "Instance name", Value: inst.Name}, {Key: "UUID", Value: inst.UUID}, {Key: "Serial number", Value: inst.SerialNo},
		{Key: "Creation time", Value: unit.FormatTime(query.Time(inst.CTime))},
		{Key: "Modification time", Value: unit.FormatTime(query.Time(inst.MTime))},
		{Key: "State", Value: state}, {Key: "Nodes", Value: v.nodes()}, {Key: "Operating system", Value: inst.OS},
		{Key: "Operating system parameters", Value: overDefaults(inst.OSParams, v.cfg.FilledOS(inst))},
		{Key: "Allocated network port", Value: orNone(inst.NetworkPort)}, {Key: "Hypervisor", Value: inst.Hypervisor},
	}
	if display := v.display(hv); display != "" {
		out = append(out, table.Pair{Key: "console connection", Value: display})
	}
	return append(out, table.Pairs{
		{Key: "Hypervisor parameters", Value: overDefaults(inst.HVParams, hv)}, {Key: "Back-end parameters", Value: overDefaults(inst.BEParams, be)},
		{Key: "NICs", Value: v.nics()}, {Key: "Disk template", Value: v.cfg.DiskTemplate(inst)}, {Key: "Disks", Value: v.disks()},
	}...)
}

// hypervisorParameters are those that an instance can have of its own.
func (v view) hypervisorParameters() config.Params {
	p := v.cfg.FilledHV(v.inst)
	for _, param := range config.HVTable(v.inst.Hypervisor) {
		if param.ClusterOnly {
			delete(p, param.Name)
		}
	}
	return p
}

// overDefaults shows values of the instance's own as they are, all others as "default (1)".
func overDefaults(own, filled config.Params) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(filled)) {
		text := "default (" + unit.Str(filled[name]) + ")"
		if value, set := own[name]; set {
			text = unit.Str(value)
		}
		out = append(out, table.Pair{Key: name, Value: text})
	}
	return out
}

func orNone[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

func (v view) nodes() []any {
	group := func(uuid string) (name, id string) {
		if g := v.cfg.Group(v.cfg.Node(uuid).Group); g != nil {
			return g.Name, g.UUID
		}
		return "", ""
	}
	name, id := group(v.inst.PrimaryNode)
	var secondaries []string
	for _, uuid := range v.cfg.SecondaryNodes(v.inst) {
		name, id := group(uuid)
		secondaries = append(secondaries, fmt.Sprintf("%s (group %s, group UUID %s)", v.cfg.NodeName(uuid), name, id))
	}
	return []any{
		table.Pairs{{Key: "primary", Value: v.cfg.NodeName(v.inst.PrimaryNode)}, {Key: "group", Value: fmt.Sprintf("%s (UUID %s)", name, id)}},
		table.Pairs{{Key: "secondaries", Value: strings.Join(secondaries, ", ")}},
	}
}

// display says where the instance's screen can be reached by VNC.
func (v view) display(hv config.Params) string {
	bound, node, port := hv.String("vnc_bind_address"), v.cfg.NodeName(v.inst.PrimaryNode), v.inst.NetworkPort
	if bound == "" {
		return ""
	}
	address, err := netip.ParseAddr(bound)
	switch number := port - firstVNC; {
	case number > 0 && bound == "0.0.0.0":
		return fmt.Sprintf("vnc to %s:%d (display %d)", node, port, number)
	case number > 0 && err == nil && address.Is4():
		return fmt.Sprintf("vnc to %s:%d (node %s) (display %d)", bound, port, node, number)
	}
	return fmt.Sprintf("vnc to %s:%s", node, bound)
}

func (v view) nics() []any {
	var out []any
	for i, nic := range v.inst.NICs {
		params := v.cfg.FilledNIC(&nic)
		network := ""
		if n := v.cfg.Network(nic.Network); n != nil {
			network = n.Name
		}
		out = append(out, table.Pairs{
			{Key: fmt.Sprintf("nic/%d", i), Value: ""}, {Key: "MAC", Value: nic.MAC}, {Key: "IP", Value: orNone(nic.IP)},
			{Key: "mode", Value: params.String("mode")}, {Key: "link", Value: params.String("link")}, {Key: "vlan", Value: params.String("vlan")},
			{Key: "network", Value: orNone(network)}, {Key: "UUID", Value: nic.UUID}, {Key: "name", Value: orNone(nic.Name)},
		})
	}
	return out
}

func (v view) disks() []any {
	var out []any
	for i, d := range v.cfg.InstanceDisks(v.inst) {
		title := d.IVName
		if title == "" {
			title = fmt.Sprintf("disk %d", i)
		}
		out = append(out, v.disk(title, d, true))
	}
	return out
}

func (v view) disk(title string, d *config.Disk, top bool) table.Pairs {
	out := table.Pairs{{Key: title, Value: fmt.Sprintf("%s, size %s", d.DevType, unit.FormatSize(float64(d.Size), "h"))}}
	if top && d.Spindles != nil {
		out = append(out, table.Pair{Key: "spindles", Value: *d.Spindles})
	}
	if top {
		out = append(out, table.Pair{Key: "access mode", Value: d.Mode})
	}
	out = append(out, v.place(d)...)
	for _, side := range []struct {
		title string
		disks map[string]instance.Device
	}{{"on primary", v.seen.Disks}, {"on secondary", v.seen.Secondary}} {
		if dev, there := side.disks[d.UUID]; there {
			out = append(out, table.Pair{Key: side.title, Value: device(dev)})
		}
	}
	out = append(out, table.Pair{Key: "name", Value: orNone(d.Name)}, table.Pair{Key: "UUID", Value: d.UUID})
	var children []any
	for i, child := range d.Children {
		children = append(children, v.disk(fmt.Sprintf("child %d", i), child, false))
	}
	if children != nil {
		out = append(out, table.Pair{Key: "child devices", Value: children})
	}
	return out
}

// device shows a disk as a node has it.
func device(dev instance.Device) string {
	numbers := "N/A:N/A"
	if dev.Block {
		numbers = fmt.Sprintf("%d:%d", dev.Major, dev.Minor)
	}
	text := fmt.Sprintf("%s (%s)", dev.Path, numbers)
	if dev.Mirror != nil {
		text += " " + mirrorState(*dev.Mirror)
	}
	return text
}

func mirrorState(s drbd.Status) string {
	text := "in sync"
	if percent := s.Percent(); percent != nil {
		text = fmt.Sprintf("*RECOVERING* %5.2f%%, ETA unknown", *percent)
		if s.Left != nil {
			text = fmt.Sprintf("*RECOVERING* %5.2f%%, ETA %s", *percent, unit.FormatSeconds(float64(*s.Left)))
		}
	}
	if text += ", status ok"; s.Degraded() {
		text = strings.TrimSuffix(text, "ok") + "*DEGRADED*"
	}
	return text + map[string]string{drbd.Faulty: " *MISSING DISK*", drbd.Unknown: " *UNCERTAIN STATE*"}[s.LocalStatus()]
}

// place says where the data of a disk is.
func (v view) place(d *config.Disk) table.Pairs {
	if id, ok := d.DRBD(); ok {
		other := id.NodeA
		if other == v.inst.PrimaryNode {
			other = id.NodeB
		}
		side := func(node string) string { return fmt.Sprintf("%s, minor=%d", v.cfg.NodeName(node), id.Minor(node)) }
		return table.Pairs{{Key: "nodeA", Value: side(v.inst.PrimaryNode)}, {Key: "nodeB", Value: side(other)}, {Key: "port", Value: id.Port}}
	}
	if vg, lv, ok := d.LV(); ok {
		return table.Pairs{{Key: "logical_id", Value: vg + "/" + lv}}
	}
	return table.Pairs{{Key: "logical_id", Value: unit.Str([]any(d.LogicalID))}}
}
