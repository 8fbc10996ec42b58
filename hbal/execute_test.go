package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func TestEachMoveHasItsOperations(t *testing.T) {
	const (
		migrate = `OP_INSTANCE_MIGRATE `
		replace = `OP_INSTANCE_REPLACE_DISKS node3 `
	)
	for kind, want := range map[balance.MoveKind]string{
		balance.Failover:           migrate,
		balance.FailoverToAny:      `OP_INSTANCE_MIGRATE node3 `,
		balance.ReplacePrimary:     migrate + replace + migrate,
		balance.ReplaceSecondary:   replace,
		balance.ReplaceAndFailover: replace + migrate,
		balance.FailoverAndReplace: migrate + replace,
	} {
		h := &hbal{Options: &htools.Options{Reason: "why", Priority: "low"}}
		h.Env = &cli.Env{Out: io.Discard, Err: io.Discard, Now: time.Now}
		nodes := balance.NodeList{{Name: "node1"}, {Name: "node2"}, {Name: "node3"}}
		r := h.request(balance.Placed{Instance: &balance.Instance{Name: "web"}, Move: balance.Move{Kind: kind, Target: 2}}, nodes)
		var got strings.Builder
		for _, op := range r.Ops {
			data, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			var fields struct {
				Instance string `json:"instance_name"`
				Target   string `json:"target_node"`
				Remote   string `json:"remote_node"`
			}
			if err := json.Unmarshal(data, &fields); err != nil || fields.Instance != "web" {
				t.Errorf("%s: %v", data, err)
			}
			got.WriteString(strings.TrimSuffix(op.OpID()+" "+fields.Target+fields.Remote, " ") + " ")
		}
		if got.String() != want || r.Reason[0].Text != "why" {
			t.Errorf("move %d: got %q because %q, want %q", kind, got.String(), r.Reason[0].Text, want)
		}
	}
}
