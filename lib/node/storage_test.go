package node

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

func lvmNodes() *config.Config {
	cfg := fourNodes()
	cfg.Cluster.EnabledDiskTemplates = []string{config.DTDRBD, config.DTPlain}
	id := config.DRBDID{NodeA: "n2", NodeB: "n3", Port: 11000, MinorA: 4, MinorB: 5, Secret: "s"}
	lv := func(name string) *config.Disk {
		return &config.Disk{UUID: name, DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", name}}
	}
	cfg.Instances = []*config.Instance{{UUID: "i", Name: "web", PrimaryNode: "n2", Hypervisor: config.HVFake, DisksActive: true, Disks: []string{"d"},
		AdminState: config.AdminUp, AdminStateSource: config.AdminSource}}
	cfg.Disks = []*config.Disk{{UUID: "d", DevType: config.DTDRBD, IVName: "disk/0", Size: 10, Mode: "rw", LogicalID: id.LogicalID(), Nodes: []string{"n2", "n3"},
		Children: []*config.Disk{lv("data"), lv("meta")}}}
	return cfg
}

func modifies(t *testing.T, fake *remotetest.Fake, op ModifyStorage) jobtest.Ended {
	return jobtest.Run(t, fake, lvmNodes(), op, func() job.Operation { return &ModifyStorage{} })
}

func TestModifyStorage(t *testing.T) {
	op := ModifyStorage{Name: "node2", Type: "lvm-pv", Unit: "/dev/sdb", Changes: map[string]any{Allocatable: false}}
	if end := modifies(t, remotetest.New(t).Answer("node2.example.com: pvchange --allocatable n -- /dev/sdb", ""), op); end.Err != nil {
		t.Error(end.Err)
	}
	end := modifies(t, remotetest.New(t).Fail("node2.example.com: pvchange --allocatable n -- /dev/sdb", 5, "  Cannot use it"), op)
	if end.Err == nil || end.Err.Error() != "Failed to modify storage unit '/dev/sdb' on node2.example.com: Failed to modify physical volume, pvchange output:   Cannot use it" {
		t.Error(end.Err)
	}
}

func TestModifyStorageRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		op   ModifyStorage
		want string
	}{
		"files":   {ModifyStorage{Name: "node2", Type: "file", Unit: "/srv"}, "Storage units of type 'file' can not be modified"},
		"field":   {ModifyStorage{Name: "node2", Type: "lvm-pv", Changes: map[string]any{"size": 1}}, "The following fields can not be modified for storage units of type 'lvm-pv': ['size']"},
		"unknown": {ModifyStorage{Name: "nosuch", Type: "lvm-pv"}, "Node 'nosuch' not known"},
	} {
		if end := modifies(t, remotetest.New(t), tt.op); end.Err == nil || end.Err.Error() != tt.want {
			t.Errorf("%s: %v", name, end.Err)
		}
	}
}

const procDRBD = `sh -c '[ ! -e /proc/drbd ] || cat /proc/drbd' sh`

func repairs(t *testing.T, fake *remotetest.Fake, op RepairStorage) jobtest.Ended {
	op.Name, op.Type, op.Unit = "node2", "lvm-vg", "xenvg"
	return jobtest.Run(t, fake, lvmNodes(), op, func() job.Operation { return &RepairStorage{} })
}

func TestRepairStorage(t *testing.T) {
	const sound = "version: 8.4.11\n 5: cs:WFConnection ro:Secondary/Unknown ds:UpToDate/DUnknown C r-----\n"
	const broken = "version: 8.4.11\n 5: cs:Connected ro:Secondary/Primary ds:Diskless/UpToDate C r-----\n"
	const reduce, look = "node2.example.com: vgreduce --removemissing -- xenvg", "node2.example.com: vgs --noheadings --nosuffix -- xenvg"
	const force, wrote = "node2.example.com: vgreduce --removemissing --force -- xenvg", "  Wrote out consistent volume group xenvg.\n"
	end := repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, sound).Answer(reduce, wrote).Answer(look, ""), RepairStorage{})
	if end.Err != nil || len(end.Messages) != 1 || end.Messages[0] != "Repairing storage unit 'xenvg' on node2.example.com ..." {
		t.Error(end.Err, end.Messages)
	}
	end = repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, broken), RepairStorage{})
	if end.Err == nil || end.Err.Error() != "Instance 'web' has faulty disks on node 'node3.example.com'" {
		t.Error(end.Err)
	}
	end = repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, "version: 8.4.11\n 5: cs:StandAlone ro:Secondary/Unknown ds:Inconsistent/DUnknown   r-----\n"), RepairStorage{})
	if end.Err == nil || end.Err.Error() != "Instance 'web' has faulty disks on node 'node3.example.com'" {
		t.Error(end.Err)
	}
	end = repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, "version: 8.4.11\n"), RepairStorage{})
	if want := "Error while getting disk status from node node3.example.com: Can't find device <DRBD8("; end.Err == nil || !strings.HasPrefix(end.Err.Error(), want) {
		t.Error(end.Err)
	}
	end = repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, broken).Answer(reduce, wrote).Answer(look, ""), RepairStorage{IgnoreConsistency: true})
	if end.Err != nil || end.Messages[0] != " - WARNING: Instance 'web' has faulty disks on node 'node3.example.com'" {
		t.Error(end.Err, end.Messages)
	}
	end = repairs(t, remotetest.New(t).Answer("node3.example.com: "+procDRBD, sound).Fail(reduce, 5, "no").Fail(force, 5, "busy").Fail(look, 5, "gone"), RepairStorage{})
	want := `Failed to repair storage unit 'xenvg' on node2.example.com: Volume group 'xenvg' still not consistent, 'vgreduce' output: 'no\nbusy', 'vgs' output: 'gone'`
	if end.Err == nil || end.Err.Error() != want {
		t.Error(end.Err)
	}
}
