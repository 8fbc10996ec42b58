package instance

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
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
