package instance

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
)

func adopting(vg, volume string) Create {
	return newInstance("db", func(op *Create) {
		op.PNode, op.DiskTemplate, op.Start, op.NoInstall = "node3", config.DTPlain, false, true
		op.Disks = []map[string]any{{"size": 0, "adopt": volume, "vg": vg}}
	})
}

func TestAVolumeIsAdoptedWithItsData(t *testing.T) {
	w := mirroredWorld(t)
	w.store.lvs["node3"]["vg/old"] = &lv{mib: 96, data: "kept"}
	e := w.run(adopting("vg", "old"))
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	d := w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0]
	if v := w.store.lvs["node3"][volumeOf(d).String()]; v == nil || v.data != "kept" || d.Size != 96 || w.store.lvs["node3"]["vg/old"] != nil {
		t.Errorf("%+v of %d MiB, there are %q", v, d.Size, w.store.names("node3"))
	}
}

// Nodes that share a SAN see the volumes of each other's instances.
func TestAVolumeOfAnInstanceOnAnotherNodeIsNotAdopted(t *testing.T) {
	w := mirroredWorld(t)
	own := volumeOf(w.disk().Children[0])
	w.store.lvs["node3"][own.String()] = &lv{mib: 64, data: "precious"}
	e := w.run(adopting(own.VG, own.Name))
	if e.Err == nil || !strings.Contains(e.Err.Error(), "LV named "+own.String()+" used by another instance") || w.store.lvs["node3"][own.String()] == nil {
		t.Errorf("%v, there are %q", e.Err, w.store.names("node3"))
	}
}

func TestDisksGoWithAnInstanceThatIsSaidToBeElsewhere(t *testing.T) {
	w := mirroredWorld(t)
	w.store.lvs["node3"]["vg/old"] = &lv{mib: 96}
	w.store.lvs["node2"]["vg/old"] = &lv{mib: 96}
	if e := w.run(adopting("vg", "old")); e.Err != nil {
		t.Fatal(e.Err)
	}
	mirror := slices.Clone(w.disk().Nodes)
	for _, name := range []string{"db", "web"} {
		if e := w.run(Modify{Name: name, PNode: "node2", IgnoreIPolicy: true}); e.Err != nil {
			t.Fatal(e.Err)
		}
	}
	node2 := w.cfg.NodeByName("node2").UUID
	if d := w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0]; !slices.Equal(d.Nodes, []string{node2}) {
		t.Errorf("the plain disk is on %q", d.Nodes)
	}
	if d := w.disk(); !slices.Equal(d.Nodes, mirror) || w.web().PrimaryNode != node2 {
		t.Errorf("the mirrored one is on %q", d.Nodes)
	}
}

// onDevice is an instance that adopts a block device.
func onDevice(name, device string) Create {
	return newInstance(name, func(op *Create) {
		op.DiskTemplate, op.Start, op.NoInstall = config.DTBlock, false, true
		op.Disks = []map[string]any{{"size": 0, "adopt": device}}
	})
}

func adoptedToo(devices ...string) Modify {
	op := Modify{Name: "web", WaitForSync: true}
	for _, device := range devices {
		op.Disks = append(op.Disks, DeviceChange{"add", "-1", map[string]any{"size": 1024, "adopt": device}})
	}
	return op
}

// deviceWorld is a world that wipes new disks, in which web has adopted the device a.
func deviceWorld(t *testing.T) *world {
	w := newWorld(t).withOS("exit 0").lax()
	w.store = newVolumes()
	w.store.devices = map[string]string{"/dev/disk/by-id/a": "8:10", "/dev/disk/by-path/a": "8:10", "/dev/disk/by-id/b": "8:20", "/dev/disk/by-path/b": "8:20"}
	w.cfg.Cluster.EnabledDiskTemplates, w.cfg.Cluster.PreallocWipeDisks, w.cfg.Instances = []string{config.DTBlock}, true, nil
	if e := w.run(onDevice("web", "/dev/disk/by-id/a")); e.Err != nil {
		t.Fatal(e.Err)
	}
	return w
}

func TestAnAdoptedDeviceIsNeverWiped(t *testing.T) {
	w := deviceWorld(t)
	added := w.run(adoptedToo("/dev/disk/by-id/b"))
	if disks := w.cfg.InstanceDisks(w.web()); added.Err != nil || len(disks) != 2 || disks[1].Path() != "/dev/disk/by-id/b" || disks[1].Size != deviceMiB {
		t.Fatalf("%v: %+v", added.Err, disks)
	}
	if got := said(t, added); !slices.Equal(got, []string{"disk/1 add:size=64,mode=rw"}) {
		t.Errorf("said %q", got)
	}
	begun := w.begun
	anew := w.run(RecreateDisks{Name: "web"})
	want := "Block device /dev/disk/by-id/a of disk/0 is on node node1 already; it has been adopted and is not made anew"
	if anew.Err == nil || anew.Err.Error() != want || anew.Commits > 0 {
		t.Errorf("%v after %d commits", anew.Err, anew.Commits)
	}
	if all := strings.Join(append(append(added.Messages, anew.Messages...), append(begun, w.begun...)...), "|"); strings.Contains(strings.ToLower(all), "wip") {
		t.Errorf("said and done: %q", all)
	}
}

func TestDevicesThatAreNotAdopted(t *testing.T) {
	for name, tt := range map[string]struct {
		op   job.Operation
		want string
	}{
		"added twice":            {adoptedToo("/dev/disk/by-id/b", "/dev/disk/by-id//b"), "Duplicate disk names given for adoption"},
		"added by two names":     {adoptedToo("/dev/disk/by-id/b", "/dev/disk/by-path/b"), "Duplicate disk names given for adoption"},
		"added from elsewhere":   {adoptedToo("/dev/vda"), "Device node(s) /dev/vda lie outside /dev/disk/ and cannot be adopted"},
		"added and not there":    {adoptedToo("/dev/disk/by-id/c"), "Missing block device(s): /dev/disk/by-id/c"},
		"added and not adopted":  {Modify{Name: "web", WaitForSync: true, Disks: add(8)}, "Disk template blockdev requires disk adoption, but no 'adopt' parameter given"},
		"for a new one, missing": {onDevice("db", "/dev/disk/by-id/c"), "Missing block device(s): /dev/disk/by-id/c"},
	} {
		w := deviceWorld(t)
		if e := w.run(tt.op); e.Err == nil || e.Err.Error() != tt.want || len(w.cfg.Disks) != 1 {
			t.Errorf("%s: %v, there are %d disks", name, e.Err, len(w.cfg.Disks))
		}
	}
}

// A cluster of guests may share a device.
func TestADeviceMayBelongToSeveralInstances(t *testing.T) {
	w := deviceWorld(t)
	if e := w.run(onDevice("db", "/dev/disk/by-id/a")); e.Err != nil || len(w.cfg.Disks) != 2 || w.cfg.Disks[1].Size != deviceMiB {
		t.Errorf("%v, there are %d disks", e.Err, len(w.cfg.Disks))
	}
}
