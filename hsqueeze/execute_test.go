package main

import (
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/job"
)

// shown are the operations of the jobs, set by set, as they are in job files.
func shown(t *testing.T, sets [][]job.Request) (lines []string) {
	t.Helper()
	for _, set := range sets {
		line := ""
		for _, r := range set {
			for _, op := range r.Ops {
				data, err := json.Marshal(op)
				if err != nil {
					t.Fatal(err)
				}
				var f struct {
					Instance string   `json:"instance_name"`
					Node     string   `json:"node_name"`
					Nodes    []string `json:"node_names"`
					Name     string   `json:"name"`
					Tags     []string `json:"tags"`
					Command  string   `json:"command"`
					Offline  *bool    `json:"offline"`
				}
				if err := json.Unmarshal(data, &f); err != nil {
					t.Fatal(err)
				}
				line += op.OpID() + " " + f.Instance + f.Node + f.Name
				for _, word := range slices.Concat(f.Nodes, f.Tags) {
					line += word
				}
				if line += f.Command; f.Offline != nil && *f.Offline {
					line += " offline"
				}
				line += "; "
			}
			line += *r.Comment + " | "
		}
		lines = append(lines, line)
	}
	return lines
}

func TestNodesAreEmptiedBeforeTheyAreSwitchedOffAndOnBeforeTheyAreFilled(t *testing.T) {
	h := &hsqueeze{Options: &htools.Options{}}
	h.Env = &cli.Env{Out: io.Discard, Err: io.Discard, Now: time.Now}
	nodes := balance.NodeList{{Name: "node1", Alias: "node1"}, {Name: "node2", Alias: "node2"}}
	h.Cluster = &balance.Cluster{Nodes: nodes}
	web := &balance.Instance{Name: "web", Primary: 1, Secondary: -1}
	r := &balance.Squeezed{Changed: nodes[1:], Moves: []balance.Placed{{Instance: web, Move: balance.Move{Kind: balance.FailoverToAny, Target: 0}}}}
	by := " by 1 nodes " + h.Env.Binary() + " (ganeti) version " + cli.Packaged + " | "
	off := []string{
		"OP_INSTANCE_MIGRATE web; condensing" + by,
		"OP_TAGS_SET node2" + balance.TagStandbyAuto + "; condensing" + by,
		"OP_NODE_SET_PARAMS node2 offline; OP_OOB_COMMAND node2power-off; condensing" + by,
	}
	if got := shown(t, h.condensation(r)); !slices.Equal(got, off) {
		t.Errorf("got %q, want %q", got, off)
	}
	on := []string{"OP_OOB_COMMAND node2power-on; OP_NODE_SET_PARAMS node2; expanding" + by, "OP_INSTANCE_MIGRATE web; expanding" + by}
	if got := shown(t, h.expansion(r)); !slices.Equal(got, on) {
		t.Errorf("got %q, want %q", got, on)
	}
}
