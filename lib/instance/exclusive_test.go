package instance

import (
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
)

// Under exclusive storage only physical volumes that are empty are room: those here have something on them.
func TestUnderExclusiveStorageOnlyEmptyPhysicalVolumesAreRoom(t *testing.T) {
	w := mirroredWorld(t)
	if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.cfg.Node(w.web().PrimaryNode).NDParams = config.Params{"exclusive_storage": true}
	e := w.run(Modify{Name: "web", Disks: []DeviceChange{{"add", "-1", map[string]any{"size": 64, "spindles": 1}}}, WaitForSync: true, IgnoreIPolicy: true})
	if e.Err == nil || !strings.Contains(e.Err.Error(), "vg vg: required 64 MiB, available 0 MiB") || len(w.begun) > 0 {
		t.Errorf("%v after %q", e.Err, w.begun)
	}
}

func TestDisksOfNodesWithExclusiveStorageHaveSpindles(t *testing.T) {
	exclusive := config.Params{"exclusive_storage": true}
	for want, tt := range map[string]struct {
		op     job.Operation
		change func(w *world)
	}{
		"Unspecified number of spindles: ": {RecreateDisks{Name: "web"}, func(w *world) { w.cfg.Nodes[0].NDParams = exclusive }},
		"on node node3: Unspecified number of spindles: ": {moveTo("node3", func(op *Move) { op.IgnoreIPolicy = true }),
			func(w *world) { w.cfg.Nodes[2].NDParams = exclusive }},
		"Spindles in instance disks cannot be specified when exclusive storage is not active": {
			RecreateDisks{Name: "web", Disks: []RecreateDisk{{Index: 0, Params: map[string]any{"spindles": 2}}}}, func(*world) {}},
	} {
		w := mirroredWorld(t)
		if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}); e.Err != nil {
			t.Fatal(e.Err)
		}
		tt.change(w)
		if e := w.run(tt.op); e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
			t.Errorf("%v, want %s; begun %q", e.Err, want, w.begun)
		}
	}
	w := mirroredWorld(t)
	if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.disk().Spindles = new(int64(2))
	clear(w.store.lvs["node1"])
	if e := w.run(RecreateDisks{Name: "web"}); e.Err != nil || len(w.store.names("node1")) != 1 {
		t.Errorf("a disk that has spindles recorded, on a node without them: %v", e.Err)
	}
}

func TestAMirrorUnderExclusiveStorageIsRefused(t *testing.T) {
	w := mirroredWorld(t)
	if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.cfg.NodeByName("node3").NDParams = config.Params{"exclusive_storage": true}
	e := w.run(Modify{Name: "web", DiskTemplate: config.DTDRBD, RemoteNode: "node3", WaitForSync: true, IgnoreIPolicy: true})
	if e.Err == nil || !strings.Contains(e.Err.Error(), "Cannot convert disk template from plain to drbd when exclusive storage is enabled") || len(w.begun) > 0 {
		t.Errorf("%v after %q", e.Err, w.begun)
	}
}
