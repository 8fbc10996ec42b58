package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// knowing is nodes that have nothing to tell but which master they know.
type knowing map[string]string

func (k knowing) Run(_ context.Context, node string, c remote.Cmd) (remote.Result, error) {
	header, answers := k[node]
	if !answers {
		return remote.Result{}, errors.New("no answer")
	}
	end := "\n" + c.Argv[4] + " 0\n"
	return remote.Result{Stdout: []byte(header + strings.Repeat(end, strings.Count(strings.Join(c.Argv, "\n"), "\nsh\n-c\n")))}, nil
}

func TestAQueryStopsWhereANodeKnowsALaterMaster(t *testing.T) {
	known := func(epoch int, master string) string {
		return fmt.Sprintf("format = 1\nmin_reader = 1\nepoch = %d\nserial = 5\nparent = ''\nmaster = '%s'\n", epoch, master)
	}
	for name, tt := range map[string]struct {
		nodes knowing
		later bool
	}{
		"a later one":       {knowing{"node1.example.com": known(3, "node1.example.com"), "node2.example.com": known(4, "node2.example.com")}, true},
		"all know this one": {knowing{"node1.example.com": known(3, "node1.example.com"), "node2.example.com": known(3, "node1.example.com")}, false},
		"one is behind":     {knowing{"node1.example.com": known(3, "node1.example.com"), "node2.example.com": known(2, "node9.example.com")}, false},
		"damaged, silent":   {knowing{"node1.example.com": "format = 1\nmin_reader = one\nepoch = 9\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &config.Config{Epoch: 3}
			cfg.Cluster.EnabledHypervisors = []string{config.HVFake}
			for _, n := range []string{"node1", "node2"} {
				cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: n, Name: n + ".example.com", VMCapable: true})
			}
			cfg.Instances = []*config.Instance{{UUID: "i", Name: "inst", PrimaryNode: "node1"}}
			for what, err := range map[string]error{
				"instances": AskInstances(tt.nodes)(t.Context(), InstanceRows(cfg)),
				"nodes":     AskNodes(tt.nodes)(t.Context(), NodeRows(cfg)),
				"both":      AskCluster(t.Context(), tt.nodes, NodeRows(cfg), InstanceRows(cfg)),
			} {
				if (err != nil) != tt.later {
					t.Errorf("%s: %v", what, err)
				}
				if text, status := fault.Text(err); tt.later && (status != 1 || !strings.HasSuffix(text,
					"This is not the master node, please connect to node 'node2.example.com' and rerun the command")) {
					t.Errorf("%s: status %d, %q", what, status, text)
				}
			}
		})
	}
}
