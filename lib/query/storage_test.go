package query

import (
	"fmt"
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

// mirrored is two nodes with a plain and a DRBD instance, and a third that is offline.
func mirrored() *config.Config {
	lv := func(name string) *config.Disk {
		return &config.Disk{UUID: name, DevType: config.DTPlain, LogicalID: config.LogicalID{"xenvg", name}, IVName: "disk/0"}
	}
	id := config.DRBDID{NodeA: "n2", NodeB: "n1", Port: 11000, MinorA: 4, MinorB: 0, Secret: "s"}
	return &config.Config{
		Cluster: config.Cluster{VolumeGroupName: "xenvg", EnabledDiskTemplates: []string{config.DTDRBD, config.DTPlain}, FileStorageDir: "/srv"},
		Nodes:   []*config.Node{{UUID: "n1", Name: "node1"}, {UUID: "n2", Name: "node2"}, {UUID: "n3", Name: "node3", Offline: true}},
		Instances: []*config.Instance{{UUID: "i1", Name: "web", PrimaryNode: "n1", Disks: []string{"d"}},
			{UUID: "i2", Name: "db", PrimaryNode: "n2", Disks: []string{"p.disk0"}}},
		Disks: []*config.Disk{lv("p.disk0"), {UUID: "d", DevType: config.DTDRBD, IVName: "disk/0", LogicalID: id.LogicalID(), Nodes: []string{"n2", "n1"},
			Children: []*config.Disk{lv("d.disk0_data"), lv("d.disk0_meta")}}},
	}
}

const lvs = "lvs --noheadings --units=m --nosuffix '--separator=|' --options=lv_name,lv_size,devices,vg_name"

func TestVolumesAreListedByDeviceWithTheirInstances(t *testing.T) {
	cfg := mirrored()
	fake := remotetest.New(t).
		Answer("node1: "+lvs, "  root|1024.00|/dev/vdb(0),/dev/vda(0)|sys\n  d.disk0_data|64.50|/dev/vda(9)|xenvg\n").
		Fail("node2: "+lvs, 5, "no such thing")
	rows, warnings := AskVolumes(t.Context(), fake, cfg, cfg.Nodes)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.Node.Name, " ", r.Volume.Device, " ", r.Volume.Volume, " ", r.Volume.MiB, " ", r.Instance))
	}
	want := []string{"node1 /dev/vda sys/root 1024 -", "node1 /dev/vda xenvg/d.disk0_data 64.5 web", "node1 /dev/vdb sys/root 1024 -"}
	if !slices.Equal(got, want) || len(warnings) != 1 {
		t.Errorf("got %q, %q", got, warnings)
	}
}

func TestWithoutLVMInTheClusterANodeNeedsNoTools(t *testing.T) {
	cfg := mirrored()
	cfg.Cluster.VolumeGroupName = ""
	fake := remotetest.New(t).Fail("node1: "+lvs, 127, "lvs: not found")
	if rows, warnings := AskVolumes(t.Context(), fake, cfg, cfg.Nodes[:1]); len(rows) > 0 || len(warnings) > 0 {
		t.Errorf("%v, %q", rows, warnings)
	}
}

func TestStorageOfGroupsAndPhysicalVolumes(t *testing.T) {
	cfg := mirrored()
	const vgs = "vgs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -ovg_name,vg_free,vg_attr,vg_size"
	const pvs = "pvs --noheadings --nosuffix --units=m --unbuffered '--separator=|' -opv_name,vg_name,pv_free,pv_attr,pv_size,pv_name"
	fake := remotetest.New(t).
		Answer("node1: "+vgs, "  xenvg|24256.00|wz--n-|24576.00\n  hdd|100.40|wz--n-|200.60\n").
		Fail("node2: "+vgs, 127, "vgs: not found").
		Answer("node1: "+pvs, "  /dev/vdb|xenvg|1.00|a--|24576.00|/dev/vdb\n  /dev/vdc|xenvg|0|u--|10.00|/dev/vdc\n")
	show := func(rows []*StorageRow) (out []string) {
		for _, r := range rows {
			out = append(out, fmt.Sprint(r.Node.Name, " ", r.Type, " ", r.Name, " ", r.Size, " ", r.Used, " ", r.Free, " ", r.Allocatable))
		}
		return out
	}
	rows, warnings := AskStorage(t.Context(), fake, cfg, cfg.Nodes, config.StorageLVMVG)
	if got := show(rows); !slices.Equal(got, []string{"node1 lvm-vg hdd 201 101 100 true", "node1 lvm-vg xenvg 24576 320 24256 true"}) || len(warnings) != 1 {
		t.Errorf("%q, %q", got, warnings)
	}
	rows, _ = AskStorage(t.Context(), fake, cfg, cfg.Nodes[:1], config.StorageLVMPV)
	if got := show(rows); !slices.Equal(got, []string{"node1 lvm-pv /dev/vdb 24576 24575 1 true", "node1 lvm-pv /dev/vdc 10 10 0 false"}) {
		t.Errorf("%q", got)
	}
}

func TestUnderExclusiveStorageOnlyEmptyPhysicalVolumesAreRoom(t *testing.T) {
	live := NodeLive{DiskTotal: 3000, DiskFree: 2900}
	const pvs = "  /dev/vdb|xenvg|1030|a--|1030|/dev/vdb\n  /dev/vdc|xenvg|930|a--|1031|/dev/vdc\n  /dev/vdd|xenvg|1031|u--|1031|/dev/vdd\n  /dev/vde|hdd|1030|a--|1030|/dev/vde\n"
	spindles(&live, []byte(pvs), "xenvg")
	if live.DiskTotal != 3000 || live.DiskFree != 1000 || live.SpindlesTotal != 2 || live.SpindlesFree != 1 {
		t.Errorf("%+v", live)
	}
	live = NodeLive{DiskTotal: -1, DiskFree: -1, SpindlesTotal: -1, SpindlesFree: -1}
	if spindles(&live, []byte(pvs), "xenvg"); live.SpindlesTotal != -1 || live.DiskFree != -1 {
		t.Errorf("a node without the group: %+v", live)
	}
}

func TestMinorsOfANode(t *testing.T) {
	cfg := mirrored()
	for node, want := range map[string]string{"n1": "0 web disk/0 primary node2", "n2": "4 web disk/0 secondary node1", "n3": ""} {
		got := ""
		for _, r := range Minors(cfg, cfg.Node(node)) {
			got += fmt.Sprint(r.Minor, " ", r.Instance, " ", r.Disk, " ", r.Role, " ", r.Peer.Name)
		}
		if got != want {
			t.Errorf("%s: %q", node, got)
		}
	}
}

func TestNodesNamedAreInTheirOrder(t *testing.T) {
	cfg := mirrored()
	nodes, err := NodesNamed(cfg, []string{"node2", "node1", "node2"})
	if err != nil || len(nodes) != 2 || nodes[0].Name != "node1" {
		t.Error(nodes, err)
	}
	if _, err := NodesNamed(cfg, []string{"nosuch"}); err == nil || err.Error() != "Node 'nosuch' not known" {
		t.Error(err)
	}
}
