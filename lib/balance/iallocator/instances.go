package iallocator

import (
	"errors"
	"fmt"
	"slices"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// readBase reads what an existing instance and one to be allocated have in common.
func readBase(name string, record jsondata.Record) (i balance.Instance, err error) {
	f := &fields{record: record, what: fmt.Sprintf("invalid data for instance '%s'", name)}
	i = balance.Instance{Name: name, AutoBalance: true, Primary: balance.None, Secondary: balance.None}
	i.Disk = get(f, "disk_space_total", jsondata.AsInt)
	disks := get(f, "disks", anything)
	if f.err == nil {
		i.Disks, f.err = readDisks(disks, f.what)
	}
	i.Mem = get(f, "memory", jsondata.AsInt)
	i.VCPUs = get(f, "vcpus", jsondata.AsInt)
	i.Tags = get(f, "tags", strings)
	i.Template = get(f, "disk_template", jsondata.AsTemplate)
	i.SpindleUse = get(f, "spindle_use", jsondata.AsInt)
	nics := get(f, "nics", anything)
	if f.err == nil {
		i.Networks, f.err = readNICs(nics, name)
	}
	i.Status = readStatus(record)
	forthcoming, _ := record.Find("forthcoming")
	i.Forthcoming = forthcoming.Yes // anything but true is no
	if f.err == nil {
		i.Needs, f.err = readNeeds(disks, f.what)
	}
	return i, f.err
}

func readStatus(record jsondata.Record) balance.Status {
	state, _ := record.Find("admin_state")
	switch state.Text {
	case "down":
		return balance.AdminDown
	case "offline":
		return balance.AdminOffline
	}
	return balance.Running
}

// records takes a list of objects.
func records(v jsondata.Value) ([]jsondata.Record, error) {
	if v.Kind != jsondata.Array {
		return nil, fmt.Errorf("Invalid input, expected array but got %s", v.Show())
	}
	list := make([]jsondata.Record, len(v.Items))
	for k, item := range v.Items {
		var err error
		if list[k], err = item.ToRecord(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func readDisks(v jsondata.Value, what string) ([]balance.Disk, error) {
	list, err := records(v)
	if err != nil {
		return nil, err
	}
	var disks []balance.Disk
	for _, record := range list {
		f := &fields{record: record, what: what}
		d := balance.Disk{
			Size:     get(f, "size", jsondata.AsInt),
			Spindles: maybe(f, "spindles", jsondata.AsInt, balance.NoSpindles),
		}
		if f.err != nil {
			return nil, f.err
		}
		disks = append(disks, d)
	}
	return disks, nil
}

var nicModes = []string{"bridged", "routed", "openvswitch"}

// readNICs returns the networks of the interfaces; the rest is only checked.
func readNICs(v jsondata.Value, instance string) ([]string, error) {
	list, err := records(v)
	if err != nil {
		return nil, err
	}
	var networks []string
	for _, record := range list {
		values := map[string]string{}
		for _, name := range []string{"mac", "ip", "mode", "link", "bridge", "network"} {
			value, err := jsondata.Maybe(record, name, jsondata.AsString, "")
			if err != nil {
				return nil, err
			}
			values[name] = value
			if name == "mode" && record.Has(name) && !slices.Contains(nicModes, value) {
				return nil, fmt.Errorf("invalid NIC mode in instance %s", instance)
			}
		}
		if record.Has("network") {
			networks = append(networks, values["network"])
		}
	}
	return networks, nil
}

func readInstance(m jsondata.Member, nodes map[string]int) (*balance.Instance, error) {
	record, err := m.Value.ToRecord()
	if err != nil {
		return nil, err
	}
	i, err := readBase(m.Name, record)
	if err != nil {
		return nil, err
	}
	places, err := jsondata.Get(record, "nodes", jsondata.AsList(anything))
	if err != nil {
		return nil, err
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("empty node list for instance %s", m.Name)
	}
	for k, p := range []*int{&i.Primary, &i.Secondary} {
		if k < len(places) {
			if *p, err = lookup(places[k], m.Name, nodes); err != nil {
				return nil, err
			}
		}
	}
	return balance.NewInstance(i), nil
}

func lookup(v jsondata.Value, instance string, nodes map[string]int) (int, error) {
	if v.Kind != jsondata.String {
		return 0, errors.New("Wrong JSON type")
	}
	index, ok := nodes[v.Text]
	if !ok {
		return 0, fmt.Errorf("Unknown node '%s' for instance %s", v.Text, instance)
	}
	return index, nil
}
