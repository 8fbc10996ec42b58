package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
	"gantry/lib/unit"
)

func newModify() job.Operation { return &Modify{} }

// read is what the command makes of options.
func read(t *testing.T, o ModifyOptions) Modify {
	t.Helper()
	op, err := o.Read()
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// lab is a cluster of two nodes with an instance without disks.
func lab() *config.Config {
	cfg := &config.Config{
		Cluster: config.Cluster{UUID: "c", ClusterName: "cluster.example.com", MasterNode: "n1", MasterIP: "192.0.2.10", MasterNetmask: 32, MasterNetdev: "br0",
			PrimaryIPFamily: 2, CandidatePool: 10, MACPrefix: "aa:00:00", EnabledHypervisors: []string{"fake"}, EnabledDiskTemplates: []string{"file", "diskless"},
			HVParams:  map[string]config.Params{"fake": config.HVTable("fake").Defaults()},
			BEParams:  map[string]config.Params{config.Default: config.BEParams.Defaults()},
			NICParams: map[string]config.Params{config.Default: config.NICParams.Defaults()},
			IPolicy:   config.IPolicy{DiskTemplates: []string{"file", "diskless"}}},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred"}},
		Instances:  []*config.Instance{{UUID: "i", Name: "web.example.com", PrimaryNode: "n2", AdminState: "down", Hypervisor: "fake", OS: "noop"}},
	}
	for i, name := range []string{"node1", "node2"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: []string{"n1", "n2"}[i], Name: name, PrimaryIP: []string{"192.0.2.11", "192.0.2.12"}[i],
			SecondaryIP: []string{"192.0.2.11", "192.0.2.12"}[i], Group: "g", MasterCandidate: i == 0, MasterCapable: true, VMCapable: true})
	}
	return cfg
}

func ptr[T any](v T) *T { return &v }

func TestModifyChangesWhatWasGivenAndNothingElse(t *testing.T) {
	op := read(t, ModifyOptions{
		Modify:         Modify{MaintainNodeHealth: ptr(true), CandidatePoolSize: ptr(2), MaxRunningJobs: ptr(7)},
		BEOptions:      unit.Params{"memory": "256m"},
		Reserved:       ptr("vg_ganeti/root,vg_ganeti/swap"),
		UIDs:           ptr("4000-4019"),
		Policy:         config.PolicyOptions{VCPURatio: 8.0},
		HVStateOptions: []unit.Ident{{Name: "fake", Params: unit.Params{"mem_node": "64"}}},
	})
	end := jobtest.Run(t, remotetest.New(t), lab(), op, newModify)
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	c := &end.Config.Cluster
	if !c.MaintainHealth || c.PreallocWipeDisks || c.MaxRunningJobs != 7 || !slices.Equal(c.ReservedLVs, []string{"vg_ganeti/root", "vg_ganeti/swap"}) ||
		!slices.Equal(c.UIDPool, []config.UIDRange{{4000, 4019}}) || c.HVStateStatic["fake"].Int("mem_node") != 64 || c.EnabledDiskTemplates[0] != "file" {
		t.Errorf("got %+v", c)
	}
	if be := c.BEParams[config.Default]; be.Int("maxmem") != 256 || be.Int("minmem") != 256 || be.Int("vcpus") != 1 {
		t.Errorf("back-end parameters: %v", be)
	}
	if p := end.Config.ClusterPolicy(); *p.VCPURatio != 8 || *p.SpindleRatio != 32 || !slices.Equal(p.DiskTemplates, []string{"file", "diskless"}) {
		t.Errorf("policy: %+v", p)
	}
	if !end.Config.Nodes[1].MasterCandidate || !slices.Contains(end.Messages, " - INFO: Promoted nodes to master candidate role: node2") {
		t.Errorf("no candidate was promoted: %q", end.Messages)
	}
}

func TestModifyRefusesWhatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		o    ModifyOptions
		want string
	}{
		"a template in use":            {ModifyOptions{DiskTemplateList: "file"}, "Cannot disable disk template 'diskless', because there is at least one instance using it:\n * web.example.com"},
		"a template the policy allows": {ModifyOptions{DiskTemplateList: "diskless"}, "The following disk templates are allowed by the ipolicy, but not enabled on the cluster: file"},
		"LVM without a volume group":   {ModifyOptions{DiskTemplateList: "file,diskless,plain"}, "Please specify a volume group when enabling lvm-based disk-templates."},
		"a netmask that is none":       {ModifyOptions{Netmask: ptr("33")}, "CIDR netmask (33) not valid"},
		"a MAC prefix that is none":    {ModifyOptions{Modify: Modify{MACPrefix: ptr("zz")}}, "Invalid MAC address prefix 'zz'"},
		"user ids that are not there":  {ModifyOptions{LessUIDs: ptr("1")}, "User-id range to be removed is not found in the current user-id pool: [1, 1]"},
		"an allocator that is a path":  {ModifyOptions{Modify: Modify{DefaultIAllocator: ptr(".")}}, "Invalid default iallocator script '.' specified"},
		"tools with slashes":           {ModifyOptions{Tools: ptr("/bin/x")}, "The tools '/bin/x' contain illegal characters: only alphanumeric values, dashes, and underscores are allowed"},
		"no file storage":              {ModifyOptions{Modify: Modify{FileStorageDir: ptr("")}}, "Unsetting the 'file' storage directory while having 'file' storage enabled is not permitted."},
		"a policy without std":         {ModifyOptions{Policy: config.PolicyOptions{Std: unit.Params{"memory-size": "65536"}}}, "Invalid instance policy: Invalid std specifications"},
		"disk state of no template":    {ModifyOptions{DiskStateOptions: []unit.Ident{{Name: "lvm/vg", Params: unit.Params{"disk_total": "5"}}}}, "Invalid storage type(s) in disk state: lvm"},
		"state of no hypervisor":       {ModifyOptions{HVStateOptions: []unit.Ident{{Name: "nosuch", Params: unit.Params{"mem_node": "5"}}}}, "Invalid hypervisor(s) in hypervisor state: nosuch"},
		"tools without gzip":           {ModifyOptions{Tools: ptr("lzop")}, "For compatibility reasons, the gzip utility must be present among the compression tools"},
		"a NIC mode that is none":      {ModifyOptions{NICOptions: unit.Params{"mode": "nosuch"}}, "Invalid NIC mode 'nosuch'"},
	} {
		t.Run(name, func(t *testing.T) {
			end := jobtest.Run(t, remotetest.New(t), lab(), read(t, tt.o), newModify)
			if end.Err == nil || end.Err.Error() != tt.want || end.Commits != 0 {
				t.Errorf("got %v after %d commits", end.Err, end.Commits)
			}
		})
	}
}

func TestOptionsAreReadBeforeThereIsAJob(t *testing.T) {
	for name, tt := range map[string]struct {
		o    ModifyOptions
		want string
	}{
		"unknown parameter":    {ModifyOptions{HVOptions: []unit.Ident{{Name: "kvm", Params: unit.Params{"nosuch": "1"}}}}, "Unknown parameter 'nosuch'"},
		"unknown hypervisor":   {ModifyOptions{Hypervisors: "kvm,nosuch"}, "Enabled hypervisors contains invalid entries: {'nosuch'}"},
		"no candidates at all": {ModifyOptions{Modify: Modify{CandidatePoolSize: ptr(0)}}, "The --candidate-pool-size option expects a number above 0, not 0"},
		"no ordinary instance": {ModifyOptions{Policy: config.PolicyOptions{Std: unit.Params{}}}, "Can't unset ipolicy attribute 'std' on the cluster'"},
		"a policy taken away":  {ModifyOptions{Policy: config.PolicyOptions{VCPURatio: "default"}}, "Can't unset ipolicy attribute 'vcpu-ratio' on the cluster'"},
		"an interval of words": {ModifyOptions{CollectorIntervals: unit.Params{"lv": "x"}}, "Can't transform all values to integers: {'lv': 'x'}"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := tt.o.Read(); err == nil || err.Error() != tt.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTheAddressReturnsWhenTheNewInterfaceCannotBeRecorded(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer("node1: masterip.sh stop 192.0.2.10 32 br0", "").
		Answer("node1: masterip.sh start 192.0.2.10 32 br0", "")
	full := errors.New("no space left on device")
	end := jobtest.Run(t, nodes, lab(), Modify{MasterNetdev: ptr("br9")}, newModify, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || !strings.Contains(end.Err.Error(), full.Error()) || end.Config.Cluster.MasterNetdev != "br0" {
		t.Errorf("got %v, netdev %s", end.Err, end.Config.Cluster.MasterNetdev)
	}
}

func TestAnInterfaceThatIsNotThereIsRecordedAndWarnedOf(t *testing.T) {
	nodes := remotetest.New(t).InOrder().
		Answer("node1: masterip.sh stop 192.0.2.10 32 br0", "").
		Fail("node1: masterip.sh start 192.0.2.10 32 br9", 1, "Cannot find device \"br9\"\n")
	end := jobtest.Run(t, nodes, lab(), Modify{MasterNetdev: ptr("br9")}, newModify)
	want := `     - WARNING: Could not re-enable the master ip on the master, please restart manually: Failed to start the master IP. Script return value: 1, output: 'Cannot find device "br9"\n'`
	if end.Err != nil || end.Config.Cluster.MasterNetdev != "br9" || end.Messages[len(end.Messages)-1] != strings.TrimPrefix(want, "    ") {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
}

func TestMasterIPAsksTheFenceBeforeItStarts(t *testing.T) {
	fenced := errors.New("another master")
	end := jobtest.Run(t, remotetest.New(t), lab(), ActivateMasterIP{}, func() job.Operation { return &ActivateMasterIP{} }, jobtest.Fenced(fenced))
	if end.Err == nil || !strings.Contains(end.Err.Error(), fenced.Error()) {
		t.Errorf("got %v", end.Err)
	}
	nodes := remotetest.New(t).Fail("node1: masterip.sh stop 192.0.2.10 32 br0", 2, "no")
	end = jobtest.Run(t, nodes, lab(), DeactivateMasterIP{}, func() job.Operation { return &DeactivateMasterIP{} })
	if end.Err == nil || end.Err.Error() != "Could not deactivate the master IP: Failed to stop the master IP. Script return value: 2, output: 'no'" {
		t.Errorf("got %v", end.Err)
	}
}

func TestDestroyWantsAnEmptyCluster(t *testing.T) {
	newDestroy := func() job.Operation { return &Destroy{} }
	cfg := lab()
	if end := jobtest.Run(t, remotetest.New(t), cfg, Destroy{}, newDestroy); !errors.Is(end.Err, fault.Refuse(fault.WrongInput, "")) || end.Err.Error() != "There are still 1 node(s) in this cluster." {
		t.Errorf("got %v", end.Err)
	}
	cfg.Nodes, cfg.Instances[0].PrimaryNode = cfg.Nodes[:1], "n1"
	if end := jobtest.Run(t, remotetest.New(t), cfg, Destroy{}, newDestroy); end.Err == nil || end.Err.Error() != "There are still 1 instance(s) in this cluster." {
		t.Errorf("got %v", end.Err)
	}
	cfg.Instances = nil
	nodes := remotetest.New(t).Answer("node1: masterip.sh stop 192.0.2.10 32 br0", "")
	if end := jobtest.Run(t, nodes, cfg, Destroy{}, newDestroy); end.Err != nil || string(end.Result) != `"n1"` {
		t.Errorf("got %s, %v", end.Result, end.Err)
	}
}

func TestDelayWaitsOnTheNodesItNames(t *testing.T) {
	newDelay := func() job.Operation { return &Delay{} }
	nodes := remotetest.New(t).Answer("node2: sleep 0.001", "").Answer("node2: sleep 0.001", "")
	end := jobtest.Run(t, nodes, lab(), Delay{Duration: 0.001, OnNodes: []string{"node2"}, Repeat: 2}, newDelay)
	if end.Err != nil || !slices.Equal(end.Messages, []string{" - INFO: Test delay iteration 0/1", " - INFO: Test delay iteration 1/1"}) {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
	if end := jobtest.Run(t, remotetest.New(t), lab(), Delay{Duration: 1, OnNodes: []string{"nosuch"}}, newDelay); end.Err == nil || end.Err.Error() != "Node 'nosuch' not known" {
		t.Errorf("got %v", end.Err)
	}
}

func TestTheDRBDHelperIsLookedForOnTheNodes(t *testing.T) {
	const file = "/sys/module/drbd/parameters/usermode_helper"
	enable := ModifyOptions{Modify: Modify{DRBDHelper: ptr("/bin/true"), VGName: ptr("vg")}, DiskTemplateList: "file,diskless,drbd"}
	vgs := ": vgs --noheadings --nosuffix --units=m -o vg_size vg"
	fake := func() *remotetest.Fake {
		return remotetest.New(t).Answer("node1"+vgs, "30000").Answer("node2"+vgs, "30000")
	}
	for name, tt := range map[string]struct {
		nodes *remotetest.Fake
		want  string
	}{
		"all agree":        {fake().Answer("node1: cat "+file, "/bin/true\n").Answer("node2: cat "+file, "/bin/true\n"), ""},
		"one has another":  {fake().Answer("node1: cat "+file, "/bin/true\n").Answer("node2: cat "+file, "/sbin/drbdadm\n"), "Error on node 'node2': drbd helper is /sbin/drbdadm"},
		"no module on one": {fake().Fail("node1: cat "+file, 1, "").Answer("node2: cat "+file, "/bin/true\n"), "Error checking drbd helper on node 'node1': The file " + file + " cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			end := jobtest.Run(t, tt.nodes, lab(), read(t, enable), newModify)
			if tt.want == "" && end.Err != nil || tt.want != "" && (end.Err == nil || !strings.Contains(end.Err.Error(), tt.want)) {
				t.Errorf("%v", end.Err)
			}
		})
	}
}

// Without the candidates nothing could be changed any more; sshd may be about to move, though.
func TestAPortWhereNobodyAnswersIsRefusedWithoutForce(t *testing.T) {
	const asked, some = "node1: ssh-keyscan -T 5 -p 2222 192.0.2.11 192.0.2.12", "[192.0.2.11]:2222 ssh-rsa AA\n"
	const silent = "Node node2 (192.0.2.12) does not answer SSH on port 2222, and will not be reached before it does"
	op := ModifyOptions{NDOptions: unit.Params{"ssh_port": "2222"}}
	end := jobtest.Run(t, remotetest.New(t).Answer(asked, some), lab(), read(t, op), newModify)
	if end.Err == nil || end.Err.Error() != silent+"; --force sets it all the same" || end.Commits != 0 {
		t.Errorf("%v after %d commits", end.Err, end.Commits)
	}
	op.Force = true
	end = jobtest.Run(t, remotetest.New(t).Answer(asked, some), lab(), read(t, op), newModify)
	if want := " - WARNING: " + silent; end.Err != nil || !slices.Contains(end.Messages, want) || end.Config.SSHPort(end.Config.Node("n2")) != 2222 {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
}

// A template is in use by disks that are detached, too.
func TestDisksOfATemplate(t *testing.T) {
	cfg := lab()
	cfg.Disks = append(cfg.Disks, &config.Disk{UUID: "lost", DevType: "sharedfile", IVName: "disk/0", Size: 16, LogicalID: config.LogicalID{"loop", "/s/lost"}},
		&config.Disk{UUID: "kept", DevType: "sharedfile", IVName: "disk/0", Size: 8, LogicalID: config.LogicalID{"loop", "/s/kept"}})
	cfg.Instances[0].Disks = append(cfg.Instances[0].Disks, "kept")
	want := []string{"<Disk(type=sharedfile, logical_id=('loop', '/s/lost'), children=[], visible as /dev/disk/0, size=16m)> (detached)",
		"<Disk(type=sharedfile, logical_id=('loop', '/s/kept'), children=[], visible as /dev/disk/0, size=8m)> (on " + cfg.Instances[0].Name + ")"}
	if got := disksOf(cfg, "sharedfile"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
