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
	"gantry/lib/lvm"
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

func place(t *testing.T, h here, program string, a Allocate) ([]string, error) {
	facts, err := Look(t.Context(), h, cfg(), a.DiskTemplate, a.Hypervisor)
	if err != nil {
		return nil, err
	}
	return facts.Place(t.Context(), h, cfg(), program, a)
}

func TestPlace(t *testing.T) {
	h := here{t, t.TempDir()}
	h.allocator("first", `cp "$1" `+h.dir+`/input; echo '{"success": true, "info": "fine", "result": ["node1"]}'`)
	nodes, err := place(t, h, "first", Allocate{Name: "db", DiskTemplate: config.DTDiskless, Nodes: 1, Hypervisor: "fake", Tags: []string{}})
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
		_, err := place(t, h, program, Allocate{Name: "db", DiskTemplate: config.DTDiskless, Nodes: 1})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", program, err, want)
		}
	}
}

func TestStateOfANodeChangesWithWhatIsOnIt(t *testing.T) {
	facts, err := Look(t.Context(), here{t, t.TempDir()}, cfg(), config.DTDiskless, "fake")
	if err != nil {
		t.Fatal(err)
	}
	before := cfg()
	for name, c := range map[string]struct {
		change func(c *config.Config)
		same   bool
	}{
		"nothing": {func(*config.Config) {}, true},
		"other node": {func(c *config.Config) {
			c.Reservations = append(c.Reservations, &config.Reservation{Node: "n2", Memory: 5})
		}, true},
		"tags of a group": {func(c *config.Config) { c.NodeGroups[0].Tags = []string{"x"} }, true},
		"memory": {func(c *config.Config) {
			c.Reservations = append(c.Reservations, &config.Reservation{Node: "n1", Memory: 5})
		}, false},
		"instance": {func(c *config.Config) {
			c.Instances = append(c.Instances, &config.Instance{Name: "db", PrimaryNode: "n1"})
		}, false},
		"offline": {func(c *config.Config) { c.Nodes[0].Offline = true }, false},
	} {
		now := cfg()
		c.change(now)
		if same := facts.State(now, []string{"node1"}) == facts.State(before, []string{"node1"}); same != c.same {
			t.Errorf("%s: the same is %t", name, same)
		}
	}
}

func TestDisksThatHaveComeSinceAreSetAside(t *testing.T) {
	now := cfg()
	now.Cluster.VolumeGroupName = "xenvg"
	old := &config.Disk{UUID: "d1", DevType: config.DTPlain, Size: 100, LogicalID: config.LogicalID{"xenvg", "a"}, Nodes: []string{"n1"}}
	now.Disks, now.Instances[0].Disks = []*config.Disk{old}, []string{"d1"}
	f := &Facts{template: config.DTPlain, disks: map[string]bool{"d1": true}, nodes: map[string]*said{
		"node1": {vgs: []lvm.VG{{Name: "other", Free: 7000, Size: 8000}, {Name: "xenvg", Free: 1000, Size: 2000}}}}}
	free := func() int64 { return f.describe(now).Nodes["node1"].FreeDisk }
	if got := free(); got != 1000 {
		t.Errorf("free are %d", got)
	}
	data := &config.Disk{DevType: config.DTPlain, Size: 64, LogicalID: config.LogicalID{"xenvg", "b"}}
	meta := &config.Disk{DevType: config.DTPlain, Size: 128, LogicalID: config.LogicalID{"other", "c"}}
	now.Disks = append(now.Disks, &config.Disk{UUID: "d2", DevType: config.DTDRBD, Size: 64, Nodes: []string{"n2", "n1"}, Children: []*config.Disk{data, meta}})
	now.Instances = append(now.Instances, &config.Instance{UUID: "j", Name: "db", PrimaryNode: "n2", Disks: []string{"d2"}})
	now.Reservations = append(now.Reservations, &config.Reservation{Node: "n1", VG: "xenvg", MiB: 200}, &config.Reservation{Node: "n1", VG: "other", MiB: 9})
	if got := free(); got != 1000-64-200 {
		t.Errorf("free are %d, with a new mirror's half of 64 and 200 reserved", got)
	}
}

func TestPlan(t *testing.T) {
	jobs, going, err := parsePlan(json.RawMessage(`[[["web", "default", ["node2", "node3"]], ["db", "default", ["node3"]]], [],
		[[{"OP_ID": "OP_INSTANCE_REPLACE_DISKS", "early_release": false}], [{"OP_ID": "OP_INSTANCE_MIGRATE"}]]]`),
		func(m moved) string { return m.group + " " + strings.Join(m.nodes, "+") })
	if err == nil {
		err = jobs.ReleaseEarly()
	}
	if err != nil {
		t.Fatal(err)
	}
	if going != "web (to default node2+node3), db (to default node3)" {
		t.Errorf("they go %s", going)
	}
	if len(jobs) != 2 || !strings.Contains(string(jobs[0][0]), `"early_release":true`) || strings.Contains(string(jobs[1][0]), "early") {
		t.Errorf("the jobs are %s", jobs)
	}
}

func TestPlanThatIsNone(t *testing.T) {
	for answer, want := range map[string]string{
		`[[], [["web", "no room"], ["db", "nor here"]], []]`: "Unable to evacuate instances web (no room), db (nor here)",
		`[[], []]`:            "Can't parse iallocator results: expected a list of 3, got [[], []]",
		`[[["web"]], [], []]`: "Can't parse iallocator results: expected a list of 3, got [\"web\"]",
	} {
		if _, _, err := parsePlan(json.RawMessage(answer), func(moved) string { return "" }); err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", answer, err, want)
		}
	}
}
