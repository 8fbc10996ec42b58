package iallocator

import (
	"context"
	"testing"

	"gantry/lib/remote"
)

// FuzzAnswer: whatever a program prints, the caller gets names of as many nodes as it asked for, or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"success":true,"info":"Request successful","result":["node1"]}`))
	f.Add([]byte(`{"success":true,"info":"","result":[[["web","default",["node2"]]],[["db","no room"]],[[{"OP_ID":"OP_INSTANCE_MIGRATE"}]]]}`))
	f.Add([]byte(`{"success":false,"info":"no room","result":[]}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		if nodes, err := (&Facts{}).Place(t.Context(), says(out), cfg(), "x", Allocate{Name: "web", Nodes: 1, DiskTemplate: "diskless", Hypervisor: "fake"}); err == nil && len(nodes) != 1 {
			t.Errorf("a place is %q", nodes)
		}
		if answer, err := parse(out); err == nil {
			parsePlan(answer.Result, func(m moved) string { return m.group })
		}
	})
}

// says answers everything with the same.
type says []byte

func (s says) Run(context.Context, string, remote.Cmd) (remote.Result, error) {
	return remote.Result{Stdout: s}, nil
}
