package rapi

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

func (r *reader) instance(record jsondata.Record) error {
	name, f := named(record, "instance", "Instance '%s', error while parsing data")
	be := &fields{record: get(f, "beparams", jsondata.AsRecord), what: f.what}
	i := balance.Instance{
		Name: name, Index: len(r.cluster.Instances), Disk: get(f, "disk_usage", jsondata.AsInt), Disks: r.disks(f),
		Secondary: balance.None, Tags: get(f, "tags", stringList), Template: get(f, "disk_template", jsondata.AsTemplate),
		Status: get(f, "status", asStatus),
	}
	forthcoming, _ := record.Find("forthcoming")
	i.Forthcoming = forthcoming.Yes
	i.Mem = memory(f, be)
	i.VCPUs = get(be, "vcpus", jsondata.AsInt)
	i.AutoBalance = get(be, "auto_balance", jsondata.AsBool)
	i.SpindleUse = get(be, "spindle_use", jsondata.AsInt)
	primary, secondaries := get(f, "pnode", jsondata.AsString), get(f, "snodes", stringList)
	if err := firstOf(f.err, be.err); err != nil {
		return err
	}
	var err error
	if i.Primary, err = r.lookup(primary, name); err != nil {
		return err
	}
	if len(secondaries) > 0 {
		if i.Secondary, err = r.lookup(secondaries[0], name); err != nil {
			return err
		}
	}
	r.cluster.Instances = append(r.cluster.Instances, balance.NewInstance(i))
	return nil
}

func (r *reader) lookup(node, instance string) (int, error) {
	index, ok := r.nodes[node]
	if !ok {
		return 0, fmt.Errorf("Unknown node '%s' for instance %s", node, instance)
	}
	return index, nil
}

func asStatus(v jsondata.Value) (balance.Status, error) {
	return jsondata.AsName(v, "InstanceStatus", balance.ParseStatus)
}

// memory is what the instance has while it runs, otherwise what it would get.
func memory(f, be *fields) int {
	if running, ok := f.record.Find("oper_ram"); ok && running.Kind == jsondata.Number {
		return get(f, "oper_ram", jsondata.AsInt)
	}
	if be.record.Has("memory") {
		return get(be, "memory", jsondata.AsInt)
	}
	return get(be, "maxmem", jsondata.AsInt)
}

// disks pairs sizes with spindles, which may be unknown.
func (r *reader) disks(f *fields) []balance.Disk {
	sizes := get(f, "disk.sizes", jsondata.AsList(jsondata.AsInt))
	spindles := get(f, "disk.spindles", jsondata.AsList(func(v jsondata.Value) (int, error) {
		if v.Kind == jsondata.Null {
			return balance.NoSpindles, nil
		}
		return jsondata.AsInt(v)
	}))
	var disks []balance.Disk
	for k := range min(len(sizes), len(spindles)) {
		disks = append(disks, balance.Disk{Size: sizes[k], Spindles: spindles[k]})
	}
	return disks
}
