// Package rapi reads a cluster from what Ganeti's remote API answers, saved in files of one directory.
package rapi

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// Read makes a raw cluster of the files groups.json, nodes.json, instances.json and info.json below a file:// address.
func Read(address string) (*balance.Cluster, error) {
	dir, ok := strings.CutPrefix(address, "file://")
	if !ok {
		return nil, fmt.Errorf("collecting data from the remote API at %s is not possible: there is no such API any more", address)
	}
	r := &reader{cluster: &balance.Cluster{}, groups: map[string]int{}, nodes: map[string]int{}}
	for _, part := range []struct {
		name string
		read func(jsondata.Record) error
	}{{"group", r.group}, {"node", r.node}, {"instance", r.instance}} {
		if err := each(dir, part.name, part.read); err != nil {
			return nil, err
		}
	}
	return r.cluster, r.info(filepath.Join(dir, "info.json"))
}

func parseFile(name, what string) (v jsondata.Value, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return v, err
	}
	if !utf8.Valid(data) {
		return v, fmt.Errorf("%s: invalid byte sequence (not UTF-8)", name)
	}
	if v, err = jsondata.Parse(string(data)); err != nil {
		return v, fmt.Errorf("Parsing %s: %w", what, err)
	}
	return v, nil
}

// each reads the objects of one kind.
func each(dir, kind string, read func(jsondata.Record) error) error {
	v, err := parseFile(filepath.Join(dir, kind+"s.json"), kind+" data")
	if err != nil {
		return err
	}
	list, err := jsondata.AsList(jsondata.AsRecord)(v)
	if err != nil {
		return fmt.Errorf("Parsing %s data: %w", kind, err)
	}
	for _, record := range list {
		if err := read(record); err != nil {
			return err
		}
	}
	return nil
}

var stringList = jsondata.AsList(jsondata.AsString)

// reader collects the objects and finds them again by name.
type reader struct {
	cluster *balance.Cluster
	groups  map[string]int
	nodes   map[string]int
}

// fields reads members of one record one after the other and keeps the first error.
type fields struct {
	record jsondata.Record
	what   string
	err    error
}

func get[T any](f *fields, name string, read jsondata.Reader[T]) T {
	t, err := jsondata.Get(f.record, name, read)
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", f.what, err)
	}
	return t
}

// name reads the name of a record and returns the reader of its other fields; format is how errors call it.
func named(record jsondata.Record, kind, format string) (string, *fields) {
	f := &fields{record: record, what: "Parsing new " + kind}
	name := get(f, "name", jsondata.AsString)
	f.what = fmt.Sprintf(format, name)
	return name, f
}

func (r *reader) group(record jsondata.Record) error {
	name, f := named(record, "group", "Group '%s'")
	g := &balance.Group{
		Name: name, Index: len(r.cluster.Groups), UUID: get(f, "uuid", jsondata.AsString),
		Alloc: get(f, "alloc_policy", func(v jsondata.Value) (balance.AllocPolicy, error) {
			return jsondata.AsName(v, "AllocPolicy", balance.ParseAllocPolicy)
		}),
		Policy: get(f, "ipolicy", jsondata.AsPolicy), Tags: get(f, "tags", stringList),
	}
	r.groups[g.UUID] = g.Index
	r.cluster.Groups = append(r.cluster.Groups, g)
	return f.err
}

func (r *reader) node(record jsondata.Record) error {
	name, f := named(record, "node", "Node '%s', error while parsing data")
	n := balance.Node{Name: name, CPUSpeed: 1}
	down := get(f, "offline", jsondata.AsBool)
	drained := get(f, "drained", jsondata.AsBool)
	if record.Has("vm_capable") && !get(f, "vm_capable", jsondata.AsBool) {
		down = true
	}
	n.Offline = down || drained
	params := &fields{record: get(f, "ndparams", jsondata.AsRecord), what: f.what, err: f.err}
	n.Exclusive = get(params, "exclusive_storage", jsondata.AsBool)
	group := get(f, "group.uuid", jsondata.AsString)
	if err := errors.Join(f.err, params.err); err != nil {
		return firstOf(f.err, params.err)
	}
	var ok bool
	if n.Group, ok = r.groups[group]; !ok {
		return fmt.Errorf("Unknown group '%s' for node %s", group, name)
	}
	freeDisk, freeSpindles := r.figures(f, params, &n, !down)
	n.Tags = get(f, "tags", stringList)
	n.Index = len(r.cluster.Nodes)
	r.nodes[name] = n.Index
	r.cluster.Nodes = append(r.cluster.Nodes, balance.NewNode(n, freeDisk, freeSpindles))
	return f.err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// figures reads what is known of a node only while it is up.
func (r *reader) figures(f, params *fields, n *balance.Node, live bool) (freeDisk, freeSpindles int) {
	if !n.Exclusive {
		n.Spindles = get(params, "spindle_count", jsondata.AsInt)
		f.err = firstOf(f.err, params.err)
	}
	if !live {
		return 0, 0
	}
	if n.Exclusive {
		n.Spindles = get(f, "sptotal", jsondata.AsInt)
	}
	optional := func(name string) int {
		if !f.record.Has(name) {
			return 0
		}
		return get(f, name, jsondata.AsInt)
	}
	freeSpindles = optional("spfree")
	n.TotalMem = get(f, "mtotal", jsondata.AsReal)
	n.NodeMem = get(f, "mnode", jsondata.AsInt)
	n.FreeMem = get(f, "mfree", jsondata.AsInt)
	if f.record.Has("dtotal") {
		n.TotalDisk = get(f, "dtotal", jsondata.AsReal)
	}
	freeDisk = optional("dfree")
	n.TotalCPU = get(f, "ctotal", jsondata.AsReal)
	n.NodeCPU = get(f, "cnos", jsondata.AsInt)
	return freeDisk, freeSpindles
}

func (r *reader) info(name string) error {
	v, err := parseFile(name, "cluster info")
	if err != nil {
		return err
	}
	record, err := jsondata.AsRecord(v)
	if err != nil {
		return fmt.Errorf("Parsing cluster info: %w", err)
	}
	f := &fields{record: record, what: "Parsing cluster data"}
	master := get(f, "master", jsondata.AsString)
	r.cluster.Tags = get(f, "tags", stringList)
	r.cluster.Policy = get(f, "ipolicy", jsondata.AsPolicy)
	hypervisor, _ := record.Find("default_hypervisor")
	for _, n := range r.cluster.Nodes {
		n.Master = n.Name == master
		n.KVM = hypervisor.Text == "kvm"
	}
	return f.err
}
