package cluster

import (
	"errors"
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

func sized() *config.Config {
	lv := func(uuid string, size int64) *config.Disk {
		return &config.Disk{UUID: uuid, DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", uuid}, Size: size, IVName: "disk/0", Mode: "rw"}
	}
	id := config.DRBDID{NodeA: "n1", NodeB: "n2", Port: 11000, MinorA: 3, MinorB: 4, Secret: "s"}
	return &config.Config{
		Cluster:    config.Cluster{ClusterName: "cluster", MasterNode: "n1"},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default"}},
		Nodes:      []*config.Node{{UUID: "n1", Name: "node1", Group: "g"}, {UUID: "n2", Name: "node2", Group: "g"}},
		Instances: []*config.Instance{{UUID: "i1", Name: "web", PrimaryNode: "n1", Disks: []string{"d"}, Hypervisor: "fake"},
			{UUID: "i2", Name: "db", PrimaryNode: "n1", Disks: []string{"p"}, Hypervisor: "fake"}},
		Disks: []*config.Disk{lv("p", 100), {UUID: "d", DevType: config.DTDRBD, LogicalID: id.LogicalID(), Size: 200, IVName: "disk/0", Mode: "rw",
			Children: []*config.Disk{lv("data", 200), lv("meta", 128)}}},
	}
}

func repaired(t *testing.T, fake *remotetest.Fake, op RepairDiskSizes, options ...jobtest.Option) jobtest.Ended {
	t.Helper()
	return jobtest.Run(t, fake, sized(), op, func() job.Operation { return &RepairDiskSizes{} }, options...)
}

const both = "node1: dimensions.sh /dev/drbd3 /dev/xenvg/p"

func TestRepairDiskSizes(t *testing.T) {
	end := repaired(t, remotetest.New(t).Answer(both, "268435456\n104857600\n"), RepairDiskSizes{})
	want := []string{" - INFO: Disk 0 of instance web has mismatched size, correcting: recorded 200, actual 256", " - INFO: Child disk has size 200, parent 256, fixing"}
	if end.Err != nil || !slices.Equal(end.Messages, want) || string(end.Result) != `[["web",0,"size",256],["web",0,"size",256]]` {
		t.Errorf("%v, %q, %s", end.Err, end.Messages, end.Result)
	}
	if d := end.Config.Disk("d"); d.Size != 256 || d.Children[0].Size != 256 || d.Children[1].Size != 128 || end.Config.Disk("p").Size != 100 {
		t.Errorf("%+v", d)
	}
}

func TestDiskSizesThatAreNotKnownStay(t *testing.T) {
	end := repaired(t, remotetest.New(t).Answer(both, "0\n-\n"), RepairDiskSizes{})
	want := []string{" - WARNING: Disk 0 of instance web did not return size information, ignoring", " - WARNING: Disk 0 of instance db did not return size information, ignoring"}
	if end.Err != nil || !slices.Equal(end.Messages, want) || end.Commits != 0 {
		t.Errorf("%v, %q, %d commits", end.Err, end.Messages, end.Commits)
	}
	end = repaired(t, remotetest.New(t).Fail(both, 1, "no"), RepairDiskSizes{})
	if end.Err != nil || end.Messages[0] != " - WARNING: Failure in blockdev_getdimensions call to node node1, ignoring" || end.Commits != 0 {
		t.Errorf("%v, %q", end.Err, end.Messages)
	}
}

func TestRepairDiskSizesRefusesUnknownInstances(t *testing.T) {
	if end := repaired(t, remotetest.New(t), RepairDiskSizes{Instances: []string{"nosuch"}}); end.Err == nil || end.Err.Error() != "Instance 'nosuch' not known" {
		t.Error(end.Err)
	}
	full := errors.New("no space left on device")
	end := repaired(t, remotetest.New(t).Answer("node1: dimensions.sh /dev/xenvg/p", "209715200\n"), RepairDiskSizes{Instances: []string{"db"}},
		jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || end.Config.Disk("p").Size != 100 {
		t.Error(end.Err)
	}
}
