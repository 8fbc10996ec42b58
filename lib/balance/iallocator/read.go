// Package iallocator reads the requests of the iallocator protocol and writes the answers.
package iallocator

import (
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/jsondata"
)

// Request is one question and the cluster it is about. Only the fields of its kind are set.
type Request struct {
	Cluster *balance.Cluster // raw: balance.Merge has to be applied to it
	Kind    string           // the word of the protocol

	Allocations []Allocation // allocate, multi-allocate
	Restrict    []string     // allocate: the nodes to consider; nil means all
	Group       *string      // the group to allocate in; nil means any
	Single      string       // relocate, allocate-secondary: name of the instance
	Required    int          // relocate: number of new nodes
	From        []string     // relocate: nodes to leave
	Instances   []string     // node-evacuate, change-group
	Mode        balance.EvacMode
	Targets     []string // change-group: groups to move to
	late        error    // what is wrong with the members behind the names of instances; a wrong name comes first
}

// Allocation is one instance to find nodes for.
type Allocation struct {
	Instance *balance.Instance
	Nodes    int // how many nodes it needs
}

// The kinds of requests.
const (
	Allocate          = "allocate"
	MultiAllocate     = "multi-allocate"
	AllocateSecondary = "allocate-secondary"
	Relocate          = "relocate"
	Evacuate          = "node-evacuate"
	ChangeGroup       = "change-group"
)

// Read makes a request of its JSON text. Names in the request are looked up by Resolve, once the cluster is merged.
func Read(text string) (*Request, error) {
	v, err := jsondata.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("Parsing input IAllocator message: %w", err)
	}
	top, err := jsondata.AsRecord(v)
	if err != nil {
		return nil, fmt.Errorf("Parsing input IAllocator message: %w", err)
	}
	request, err := message(top, "request")
	if err != nil {
		return nil, err
	}
	r := &Request{Cluster: &balance.Cluster{Policy: balance.DefaultPolicy()}}
	if err := readCluster(top, r.Cluster); err != nil {
		return nil, err
	}
	return r, r.read(request)
}

func annotate(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func message(top jsondata.Record, name string) (jsondata.Record, error) {
	record, err := jsondata.Get(top, name, jsondata.AsRecord)
	return record, annotate("invalid iallocator message", err)
}

func readCluster(top jsondata.Record, c *balance.Cluster) error {
	groups, err := readGroups(top, c)
	if err != nil {
		return err
	}
	nodes, err := readNodes(top, c, groups)
	if err != nil {
		return err
	}
	instances, err := message(top, "instances")
	if err != nil {
		return err
	}
	for _, m := range instances {
		i, err := readInstance(m, nodes)
		if err != nil {
			return err
		}
		i.Index = len(c.Instances)
		c.Instances = append(c.Instances, i)
	}
	if c.Tags, err = jsondata.Get(top, "cluster_tags", strings); err != nil {
		return annotate("invalid iallocator message", err)
	}
	hypervisors, err := jsondata.Get(top, "enabled_hypervisors", jsondata.AsList(hypervisor))
	if err != nil {
		return annotate("invalid iallocator message", err)
	}
	if len(hypervisors) > 0 && hypervisors[0] == "kvm" {
		for _, n := range c.Nodes {
			n.KVM = true
		}
	}
	return nil
}

var strings = jsondata.AsList(jsondata.AsString)

// fields reads members of one record one after the other and keeps the first error, with what the record is about.
type fields struct {
	record jsondata.Record
	what   string
	err    error
}

func get[T any](f *fields, name string, read jsondata.Reader[T]) T {
	t, err := jsondata.Get(f.record, name, read)
	f.note(annotate(f.what, err))
	return t
}

func maybe[T any](f *fields, name string, read jsondata.Reader[T], instead T) T {
	t, err := jsondata.Maybe(f.record, name, read, instead)
	f.note(annotate(f.what, err))
	return t
}

func (f *fields) note(err error) {
	if f.err == nil {
		f.err = err
	}
}
