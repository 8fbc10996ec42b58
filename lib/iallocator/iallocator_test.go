package iallocator

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// here runs the real scripts on this machine, with allocators in a directory of the test's own.
type here struct {
	t   *testing.T
	dir string
}

func (h here) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	argv := slices.Clone(c.Argv)
	for i := range argv {
		argv[i] = strings.NewReplacer("/usr/local/lib/ganeti/iallocators /usr/lib/ganeti/iallocators", h.dir, "command -v hail", "false",
			"/var/run/ganeti", h.dir).Replace(argv[i])
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(string(c.Stdin))
	out, err := cmd.Output()
	res := remote.Result{Stdout: out}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if res.Status = exit.ExitCode(); slices.Contains(c.OK, res.Status) {
			return res, nil
		}
		return res, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: res.Status, Stderr: exit.Stderr}
	}
	return res, err
}

// allocator makes the program of that name.
func (h here) allocator(name, script string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func cfg() *config.Config {
	return &config.Config{
		Cluster:    config.Cluster{ClusterName: "cluster", MasterNode: "n1", EnabledHypervisors: []string{"fake"}},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred"}},
		Nodes: []*config.Node{{UUID: "n1", Name: "node1", Group: "g", VMCapable: true, MasterCapable: true},
			{UUID: "n2", Name: "node2", Group: "g", Offline: true}},
		Instances: []*config.Instance{{UUID: "i", Name: "web", PrimaryNode: "n1", Hypervisor: "fake", AdminState: config.AdminUp,
			BEParams: config.Params{"maxmem": int64(512)}, NICs: []config.NIC{{MAC: "aa:00:00:00:00:01"}}}},
		Reservations: []*config.Reservation{{Job: 1, Node: "n1", Memory: 100}},
	}
}

func TestPlace(t *testing.T) {
	h := here{t, t.TempDir()}
	h.allocator("first", `cp "$1" `+h.dir+`/input; echo '{"success": true, "info": "fine", "result": ["node1"]}'`)
	nodes, err := Place(t.Context(), h, cfg(), "first", Allocate{Name: "db", DiskTemplate: config.DTDiskless, Nodes: 1, Hypervisor: "fake", Tags: []string{}})
	if err != nil || !slices.Equal(nodes, []string{"node1"}) {
		t.Fatal(nodes, err)
	}
	data, err := os.ReadFile(h.dir + "/input")
	if err != nil {
		t.Fatal(err)
	}
	var input struct {
		Version   int
		Nodes     map[string]map[string]any
		Instances map[string]map[string]any
		Request   map[string]any
	}
	if err := json.Unmarshal(data, &input); err != nil {
		t.Fatal(err)
	}
	node, instance := input.Nodes["node1"], input.Instances["web"]
	total, _ := node["total_memory"].(float64)
	free, _ := node["free_memory"].(float64)
	switch {
	case input.Version != 2 || input.Request["type"] != "allocate" || input.Request["name"] != "db":
		t.Errorf("version %d, request %v", input.Version, input.Request)
	case total == 0 || free > total-612 || node["i_pri_memory"] != 512.0 || node["i_pri_up_memory"] != 512.0 || node["group"] != "g":
		t.Errorf("node1 is %v: 512 MiB of its instance, which uses none yet, and 100 of a job are not set aside", node)
	case input.Nodes["node2"]["offline"] != true || input.Nodes["node2"]["total_memory"] != nil:
		t.Errorf("the offline node is %v", input.Nodes["node2"])
	case instance["memory"] != 512.0 || instance["disk_template"] != "diskless" || instance["nodes"].([]any)[0] != "node1":
		t.Errorf("the instance is %v", instance)
	}
}

func TestPlaceThatFails(t *testing.T) {
	h := here{t, t.TempDir()}
	h.allocator("refuses", `echo '{"success": false, "info": "Request failed: no room", "result": []}'`)
	h.allocator("fails", "echo it is broken; exit 3")
	h.allocator("babbles", "echo hello")
	h.allocator("twice", `echo '{"success": true, "info": "", "result": ["node1", "node2"]}'`)
	for program, want := range map[string]string{
		"refuses":   "Can't compute nodes using iallocator 'refuses': Request failed: no room",
		"fails":     "Failure while running the iallocator script: iallocator module 'fails' failed: exited with exit code 3, output 'it is broken\n'",
		"babbles":   "Can't parse iallocator results: hello\n",
		"twice":     `Can't parse iallocator results: expected 1 node names, got ["node1", "node2"]`,
		"nosuch":    "Failure while running the iallocator script: iallocator module 'nosuch' not found in the search path",
		"../escape": "Failure while running the iallocator script: iallocator module '../escape' not found in the search path",
	} {
		_, err := Place(t.Context(), h, cfg(), program, Allocate{Name: "db", DiskTemplate: config.DTDiskless, Nodes: 1})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", program, err, want)
		}
	}
}
