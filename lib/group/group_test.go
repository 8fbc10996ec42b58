package group_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/group"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
	"gantry/lib/unit"
)

// cluster has three nodes in "default", where "web" is mirrored between node1 and node2, and an empty group "east".
func cluster() *config.Config {
	cfg := &config.Config{
		Cluster: config.Cluster{
			ClusterName: "cluster", MasterNode: "n1", EnabledDiskTemplates: []string{config.DTDRBD, config.DTDiskless},
			IPolicy:    config.IPolicy{DiskTemplates: []string{config.DTDRBD, config.DTDiskless}},
			DiskParams: map[string]config.Params{config.DTDRBD: config.DiskTable(config.DTDRBD).Defaults()},
			BEParams:   map[string]config.Params{config.Default: config.BEParams.Defaults()},
		},
		NodeGroups: []*config.NodeGroup{{UUID: "g1", Name: "default", AllocPolicy: "preferred"}, {UUID: "g2", Name: "east", AllocPolicy: "preferred"}},
		Disks:      []*config.Disk{{UUID: "d1", DevType: config.DTDRBD, Size: 1024, LogicalID: config.LogicalID{"n1", "n2", int64(11000), int64(0), int64(0), "secret"}}},
		Instances:  []*config.Instance{{UUID: "i1", Name: "web", PrimaryNode: "n1", Disks: []string{"d1"}}},
	}
	for _, name := range []string{"1", "2", "3"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: "n" + name, Name: "node" + name, Group: "g1", MasterCandidate: true, VMCapable: true})
	}
	return cfg
}

func run(t *testing.T, cfg *config.Config, op job.Operation, options ...jobtest.Option) jobtest.Ended {
	t.Helper()
	create := map[string]func() job.Operation{
		"OP_GROUP_ADD": func() job.Operation { return new(group.Add) }, "OP_GROUP_SET_PARAMS": func() job.Operation { return new(group.Modify) },
		"OP_GROUP_REMOVE": func() job.Operation { return new(group.Remove) }, "OP_GROUP_RENAME": func() job.Operation { return new(group.Rename) },
		"OP_GROUP_ASSIGN_NODES": func() job.Operation { return new(group.AssignNodes) },
	}[op.OpID()]
	return jobtest.Run(t, remotetest.New(t), cfg, op, create, options...)
}

func addition(t *testing.T, name string, o group.Options) group.Add {
	t.Helper()
	op, err := o.Add(name)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func change(t *testing.T, name string, o group.Options) group.Modify {
	t.Helper()
	op, err := o.Modify(name)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestAGroupKeepsOnlyWhatWasSaidOfIt(t *testing.T) {
	last := "last_resort"
	e := run(t, cluster(), addition(t, "west", group.Options{
		AllocPolicy: &last, NDParams: unit.Params{"spindle_count": "3"},
		DiskParams: []unit.Ident{{Name: "drbd", Params: unit.Params{"resync-rate": "99"}}},
		DiskState:  []unit.Ident{{Name: "plain/vg", Params: unit.Params{"disk_reserved": "4"}}},
		Policy:     config.PolicyOptions{VCPURatio: 2.5},
	}))
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	g := e.Config.GroupByName("west")
	if g.AllocPolicy != last || unit.Repr(g.NDParams) != "{'spindle_count': 3}" || unit.Repr(g.DiskParams) != "{'drbd': {'resync-rate': 99}}" ||
		*g.IPolicy.VCPURatio != 2.5 || g.DiskStateStatic["plain"]["vg"].Int("disk_reserved") != 4 {
		t.Errorf("%+v", g)
	}
	var hooks []string
	for _, h := range e.Hooks {
		hooks = append(hooks, h.Node+" "+h.Dir+" "+h.Env["GANETI_GROUP_NAME"])
	}
	if want := []string{"node1 group-add-pre.d west", "node1 group-add-post.d west", "node1 config-update-post.d west"}; !slices.Equal(hooks, want) {
		t.Errorf("hooks %q, want %q", hooks, want)
	}
}

func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		op   job.Operation
		want string
	}{
		"add twice":         {addition(t, "east", group.Options{}), "Desired group name 'east' already exists as a node group (UUID: g2)"},
		"unknown parameter": {addition(t, "x", group.Options{NDParams: unit.Params{"nosuch": "1"}}), "Unknown parameter 'nosuch'"},
		"default of a new group": {addition(t, "x", group.Options{NDParams: unit.Params{"spindle_count": "default"}}),
			"'spindle_count' (value default) is not a valid integer"},
		"unknown template": {addition(t, "x", group.Options{Policy: config.PolicyOptions{DiskTemplates: []string{"nosuch"}}}), "Invalid instance policy: Invalid disk template(s) nosuch"},
		"template off": {addition(t, "x", group.Options{Policy: config.PolicyOptions{DiskTemplates: []string{"plain"}}}),
			"The following disk templates are allowed by the ipolicy, but not enabled on the cluster: plain"},
		"parameter of another template": {change(t, "east", group.Options{DiskParams: []unit.Ident{{Name: "plain", Params: unit.Params{"resync-rate": "4"}}}}),
			"While verify diskparams options: ('Provided option keys not supported: plain/resync-rate', 'wrong_input')"},
		"access": {change(t, "east", group.Options{DiskParams: []unit.Ident{{Name: "rbd", Params: unit.Params{"access": "foo"}}}}),
			"Invalid value of 'rbd:access': 'foo' (expected one of kernelspace, userspace)"},
		"hypervisor state": {change(t, "east", group.Options{HVState: []unit.Ident{{Name: "nosuch"}}}), "Invalid hypervisor(s) in hypervisor state: nosuch"},
		"disk state":       {change(t, "east", group.Options{DiskState: []unit.Ident{{Name: "drbd/vg"}}}), "Invalid storage type(s) in disk state: drbd"},
		"modify nothing":   {group.Modify{Name: "nosuch"}, "Node group 'nosuch' not found"},
		"remove nothing":   {group.Remove{Name: "nosuch"}, "Node group 'nosuch' not found"},
		"remove with nodes": {group.Remove{Name: "default"},
			"Group 'default' not empty, has the following nodes: n1, n2, n3"},
		"rename to another's": {group.Rename{Name: "east", NewName: "default"}, "Desired new name 'default' clashes with existing node group (UUID: g1)"},
		"assign to nothing":   {group.AssignNodes{Name: "nosuch", Nodes: []string{"node1"}}, "Node group 'nosuch' not found"},
		"assign nothing":      {group.AssignNodes{Name: "east", Nodes: []string{"nosuch"}}, "Node 'nosuch' not known"},
		"split":               {group.AssignNodes{Name: "east", Nodes: []string{"node2"}}, "The following instances get split by this change and --force was not given: web"},
	} {
		t.Run(name, func(t *testing.T) {
			e := run(t, cluster(), tt.op)
			if e.Err == nil || e.Err.Error() != tt.want || e.Commits != 0 {
				t.Errorf("%v, want %s; %d commits", e.Err, tt.want, e.Commits)
			}
		})
	}
}

func TestTheLastGroupStays(t *testing.T) {
	cfg := cluster()
	cfg.NodeGroups = cfg.NodeGroups[1:]
	e := run(t, cfg, group.Remove{Name: "east"})
	if want := "Group 'east' is the only group, cannot be removed"; e.Err == nil || e.Err.Error() != want {
		t.Errorf("%v, want %s", e.Err, want)
	}
}

func TestDefaultGivesAValueBackToTheCluster(t *testing.T) {
	cfg := cluster()
	own := 3.0
	cfg.NodeGroups[1].NDParams = config.Params{"ssh_port": int64(222), "spindle_count": int64(4)}
	cfg.NodeGroups[1].IPolicy = config.IPolicy{VCPURatio: &own, DiskTemplates: []string{config.DTDiskless}}
	e := run(t, cfg, change(t, "east", group.Options{
		NDParams: unit.Params{"spindle_count": "default"},
		Policy:   config.PolicyOptions{VCPURatio: config.Default, DiskTemplates: []string{config.Default}},
	}))
	g := e.Config.GroupByName("east")
	if e.Err != nil || g.IPolicy.VCPURatio != nil || g.IPolicy.DiskTemplates != nil || unit.Repr(g.NDParams) != "{'ssh_port': 222}" {
		t.Errorf("%v: %+v", e.Err, g)
	}
	if want := `[["ndparams","{'ssh_port': 222}"]]`; string(e.Result) != want {
		t.Errorf("result %s, want %s", e.Result, want)
	}
}

func TestANarrowerPolicyWarnsOfInstancesOutsideIt(t *testing.T) {
	spec := func(memory string) unit.Params {
		return unit.Params{"memory-size": memory, "cpu-count": "1", "disk-count": "1", "disk-size": "1024", "nic-count": "0", "spindle-use": "1"}
	}
	narrow := group.Options{Policy: config.PolicyOptions{Bounds: []map[string]unit.Params{{"min": spec("16"), "max": spec("64")}}}}
	cfg := cluster()
	wide := config.ISpec{"memory-size": 1024, "cpu-count": 4, "disk-count": 4, "disk-size": 4096, "nic-count": 4, "spindle-use": 4}
	none := config.ISpec{"memory-size": 0, "cpu-count": 0, "disk-count": 0, "disk-size": 0, "nic-count": 0, "spindle-use": 0}
	cfg.Cluster.IPolicy.MinMax = []config.MinMax{{Min: none, Max: wide}}
	e := run(t, cfg, change(t, "default", narrow))
	want := []string{" - WARNING: After the ipolicy change the following instances violate them: web"}
	if e.Err != nil || !slices.Equal(e.Messages, want) {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	e = run(t, e.Config, change(t, "default", narrow))
	if e.Err != nil || e.Messages != nil {
		t.Errorf("the second time: %v, %q", e.Err, e.Messages)
	}
}

func TestRename(t *testing.T) {
	e := run(t, cluster(), group.Rename{Name: "east", NewName: "orient"})
	if e.Err != nil || e.Config.Group("g2").Name != "orient" || string(e.Result) != `"orient"` {
		t.Errorf("%v, %s: %+v", e.Err, e.Result, e.Config.Group("g2"))
	}
}

func TestAssign(t *testing.T) {
	for name, tt := range map[string]struct {
		op    group.AssignNodes
		moved string
	}{
		"one":   {group.AssignNodes{Name: "east", Nodes: []string{"node3"}}, "node3"},
		"all":   {group.AssignNodes{Name: "east"}, "node1 node2 node3"},
		"split": {group.AssignNodes{Name: "east", Nodes: []string{"node1"}, Force: true}, "node1"},
		"none":  {group.AssignNodes{Name: "default", Nodes: []string{"node1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := run(t, cluster(), tt.op)
			var moved []string
			for _, n := range e.Config.GroupNodes("g2") {
				moved = append(moved, n.Name)
			}
			if e.Err != nil || strings.Join(moved, " ") != tt.moved {
				t.Errorf("%v: %q, want %s", e.Err, moved, tt.moved)
			}
		})
	}
}

func TestNothingIsChangedWhenSavingFails(t *testing.T) {
	full := errors.New("no space left on device")
	e := run(t, cluster(), group.AssignNodes{Name: "east"}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if e.Err == nil || e.Err.Error() != full.Error() || len(e.Config.GroupNodes("g2")) != 0 {
		t.Errorf("%v: %v", e.Err, e.Config.GroupNodes("g2"))
	}
}

func TestWordsThatNoJobHas(t *testing.T) {
	nosuch := "nosuch"
	for name, tt := range map[string]struct {
		name string
		o    group.Options
		want string
	}{
		"no templates": {"x", group.Options{Policy: config.PolicyOptions{DiskTemplates: []string{}}},
			"Invalid instance policy: Instance policy must contain at least one disk template"},
		"no name":    {"", group.Options{}, "A node group needs a name"},
		"policy":     {"x", group.Options{AllocPolicy: &nosuch}, "There is no allocation policy 'nosuch', only preferred, last_resort, unallocable"},
		"template":   {"x", group.Options{DiskParams: []unit.Ident{{Name: nosuch}}}, "There is no disk template 'nosuch'"},
		"storage":    {"x", group.Options{DiskState: []unit.Ident{{Name: "file"}}}, "Invalid storage type(s) in disk state: file"},
		"disk state": {"x", group.Options{DiskState: []unit.Ident{{Name: "plain"}}}, "The disk state 'plain' is not of the form template/name"},
		"ratio": {"x", group.Options{Policy: config.PolicyOptions{VCPURatio: config.Default}},
			"Invalid instance policy: Invalid value for key 'vcpu-ratio': 'default', error: could not convert string to float: 'default'"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tt.o.Add(tt.name); err == nil || err.Error() != tt.want {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// Without the candidates nothing could be changed any more.
func TestAPortWhereNobodyAnswersIsRefused(t *testing.T) {
	cfg := cluster()
	for i, n := range cfg.Nodes {
		n.PrimaryIP = []string{"192.0.2.11", "192.0.2.12", "192.0.2.13"}[i]
	}
	cfg.Nodes[2].Group = "g2"
	op := change(t, "east", group.Options{NDParams: unit.Params{"ssh_port": "2222"}})
	end := jobtest.Run(t, remotetest.New(t).Fail("node1: ssh-keyscan -T 5 -p 2222 192.0.2.13", 1, ""), cfg, op, func() job.Operation { return new(group.Modify) })
	want := "Node node3 (192.0.2.13) does not answer SSH on port 2222, and will not be reached before it does; 'gnt-node modify --force' sets it for one node all the same"
	if end.Err == nil || end.Err.Error() != want || end.Commits != 0 {
		t.Errorf("%v after %d commits", end.Err, end.Commits)
	}
}

func TestWhatWasThereBeforeIsShownFirst(t *testing.T) {
	cfg := cluster()
	cfg.NodeGroups[1].NDParams = config.Params{"spindle_count": int64(4), "cpu_speed": 2.0, "ovs": true}
	e := run(t, cfg, change(t, "east", group.Options{NDParams: unit.Params{"oob_program": "/x", "spindle_count": "7", "ovs": "default"}}))
	if want := `[["ndparams","{'spindle_count': 7, 'cpu_speed': 2.0, 'oob_program': '/x'}"]]`; e.Err != nil || string(e.Result) != want {
		t.Errorf("%v, result %s, want %s", e.Err, e.Result, want)
	}
}

func TestNewParametersAreShownAsTyped(t *testing.T) {
	e := run(t, cluster(), change(t, "east", group.Options{NDParams: unit.Params{"spindle_count": "7", "cpu_speed": "2", "ovs": "true", "oob_program": "/bin/true"},
		DiskParams: []unit.Ident{{Name: "drbd", Params: unit.Params{"resync-rate": "5", "metavg": "x"}}},
		Order:      []string{"spindle_count", "cpu_speed", "ovs", "oob_program", "resync-rate", "metavg"}}))
	want := `[["ndparams","{'spindle_count': 7, 'cpu_speed': 2.0, 'ovs': True, 'oob_program': '/bin/true'}"],["diskparams","{'drbd': {'resync-rate': 5, 'metavg': 'x'}}"]]`
	if e.Err != nil || string(e.Result) != want {
		t.Errorf("%v, result %s, want %s", e.Err, e.Result, want)
	}
}

// Of several mistakes Ganeti finds that in a parameter of the group's first, then the others as they were typed.
func TestTheFirstMistakeIsRefused(t *testing.T) {
	cfg := cluster()
	cfg.NodeGroups[1].NDParams = config.Params{"spindle_count": int64(4)}
	o := group.Options{NDParams: unit.Params{"zz": "1", "spindle_count": "x"}, Order: []string{"zz", "spindle_count"}}
	if e := run(t, cfg, change(t, "east", o)); e.Err == nil || e.Err.Error() != "'spindle_count' (value x) is not a valid integer" {
		t.Errorf("%v", e.Err)
	}
	if e := run(t, cluster(), change(t, "east", o)); e.Err == nil || e.Err.Error() != "Unknown parameter 'zz'" {
		t.Errorf("%v", e.Err)
	}
}

func TestTemplatesThatWereThereBeforeAreShownFirst(t *testing.T) {
	cfg := cluster()
	cfg.NodeGroups[1].DiskParams = map[string]config.Params{config.DTRBD: {"access": "kernelspace"}}
	e := run(t, cfg, change(t, "east", group.Options{DiskParams: []unit.Ident{{Name: "plain", Params: unit.Params{"stripes": "2"}}, {Name: "rbd", Params: unit.Params{"pool": "fast"}}}}))
	want := `[["diskparams","{'rbd': {'access': 'kernelspace', 'pool': 'fast'}, 'plain': {'stripes': 2}}"]]`
	if e.Err != nil || string(e.Result) != want {
		t.Errorf("%v, result %s, want %s", e.Err, e.Result, want)
	}
}
