package iallocator

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// read takes the question itself.
func (r *Request) read(record jsondata.Record) error {
	f := &fields{record: record, what: "invalid request dict"}
	r.Kind = get(f, "type", jsondata.AsString)
	if f.err != nil {
		return f.err
	}
	switch r.Kind {
	case Allocate:
		return r.readAllocate(f)
	case MultiAllocate:
		return r.readMultiAllocate(f)
	case AllocateSecondary:
		r.Single = get(f, "name", jsondata.AsString)
	case Relocate:
		r.Single = get(f, "name", jsondata.AsString)
		rest := f.rest()
		r.Required = get(rest, "required_nodes", jsondata.AsInt)
		r.From = get(rest, "relocate_from", strings)
		r.late = rest.err
	case ChangeGroup:
		r.Instances = get(f, "instances", strings)
		rest := f.rest()
		r.Targets = get(rest, "target_groups", strings)
		r.late = rest.err
	case Evacuate:
		r.Instances = get(f, "instances", strings)
		rest := f.rest()
		r.Mode = get(rest, "evac_mode", evacMode)
		r.late = rest.err
	default:
		return fmt.Errorf("Invalid request type '%s'", r.Kind)
	}
	return f.err
}

// rest is the same record, for what is read once the names of instances are known to be right.
func (f *fields) rest() *fields { return &fields{record: f.record, what: f.what} }

func evacMode(v jsondata.Value) (balance.EvacMode, error) {
	return jsondata.AsName(v, "EvacMode", balance.ParseEvacMode)
}

func (r *Request) readAllocate(f *fields) error {
	a, err := readAllocation(f)
	if err != nil {
		return err
	}
	r.Allocations = []Allocation{a}
	if r.Group, err = optional(f.record, "group_name"); err != nil {
		return err
	}
	r.Restrict, err = jsondata.Maybe(f.record, "restrict-to-nodes", strings, nil)
	return err
}

func (r *Request) readMultiAllocate(f *fields) (err error) {
	list := get(f, "instances", jsondata.AsList(jsondata.AsRecord))
	if f.err != nil {
		return f.err
	}
	for _, record := range list {
		a, err := readAllocation(&fields{record: record, what: f.what})
		if err != nil {
			return err
		}
		r.Allocations = append(r.Allocations, a)
	}
	r.Group, err = optional(f.record, "group_name")
	return err
}

// optional reads a string that may be missing.
func optional(record jsondata.Record, name string) (*string, error) {
	if !record.Has(name) {
		return nil, nil
	}
	s, err := jsondata.Get(record, name, jsondata.AsString)
	return &s, err
}

func readAllocation(f *fields) (a Allocation, err error) {
	name := get(f, "name", jsondata.AsString)
	a.Nodes = get(f, "required_nodes", jsondata.AsInt)
	if f.err != nil {
		return a, f.err
	}
	i, err := readBase(name, f.record)
	if err != nil {
		return a, err
	}
	a.Instance = balance.NewInstance(i)
	a.Instance.Index = balance.None
	return a, nil
}
