package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/iallocator"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
)

// mirrored is a world in which web has a mirrored disk of 64 MiB on node1 and node2, with data on it.
func mirroredWorld(t *testing.T) *world {
	greetLimit, swapLimit, syncedAgain, syncedAlone = 0, 0, time.Millisecond, 2*time.Millisecond
	w := newWorld(t)
	w.withOS("exit 0").store = newVolumes()
	w.cfg.Cluster.VolumeGroupName = "vg"
	w.cfg.Cluster.EnabledDiskTemplates = []string{config.DTDRBD, config.DTPlain, config.DTDiskless, config.DTSharedFile}
	w.cfg.Cluster.SharedFileStorageDir = filepath.Join(w.dir, "shared")
	for _, n := range w.cfg.Nodes {
		w.write(filepath.Join(n.Name, "etc", "file-storage-paths"), w.cfg.Cluster.SharedFileStorageDir+"\n", 0o644)
	}
	w.cfg.Instances = nil
	op := NewCreate()
	op.Name, op.OSType, op.NoInstall, op.Start, op.NameCheck, op.IPCheck, op.IgnoreIPolicy = "web", "noop", true, false, false, false, true
	op.PNode, op.SNode, op.DiskTemplate, op.Hypervisor = "node1", "node2", config.DTDRBD, config.HVFake
	op.Disks = []map[string]any{{"size": 64}}
	if e := w.run(op); e.Err != nil {
		t.Fatal(e.Err)
	}
	d := w.disk()
	w.store.lvs["node1"][volumeOf(d.Children[0]).String()].data = "precious"
	w.store.lvs["node2"][volumeOf(d.Children[0]).String()].data = "precious"
	return w
}

func (w *world) disk() *config.Disk { return w.cfg.InstanceDisks(w.web())[0] }

// whole fails unless the disks' data is where the configuration says, nothing else is left, and at most one side of each is writable.
func (w *world) whole(what string) {
	w.t.Helper()
	d, disks := w.disk(), w.cfg.InstanceDisks(w.web())
	for _, n := range w.cfg.Nodes {
		var want []string
		for _, d := range disks {
			parts := d.Children
			if d.DevType == config.DTPlain {
				parts = []*config.Disk{d}
			}
			for _, p := range parts {
				if slices.Contains(d.Nodes, n.UUID) {
					want = append(want, volumeOf(p).String())
				}
			}
		}
		slices.Sort(want)
		if first := append(d.Children, d)[0]; slices.Contains(d.Nodes, n.UUID) {
			if data := w.store.lvs[n.Name][volumeOf(first).String()]; data == nil || data.data != "precious" {
				w.t.Errorf("%s: the data on %s is %+v", what, n.Name, data)
			}
		}
		if got := w.store.names(n.Name); !slices.Equal(got, want) {
			w.t.Errorf("%s: volumes of %s are %q, want %q", what, n.Name, got, want)
		}
		minors := w.cfg.Minors(n.UUID)
		for m := range w.store.minors[n.Name] {
			if _, known := minors[m]; !known {
				w.t.Errorf("%s: minor %d of %s is nobody's", what, m, n.Name)
			}
		}
	}
	var files []string
	if d.DevType == config.DTSharedFile {
		files = []string{d.Path()}
		if data := readFile(d.Path()); !strings.HasPrefix(data, "precious\x00") {
			w.t.Errorf("%s: the data is %.20q", what, data)
		}
	}
	if got, _ := filepath.Glob(w.dir + "/shared/*/*"); !slices.Equal(got, files) {
		w.t.Errorf("%s: files %q, want %q", what, got, files)
	}
	for i, d := range disks {
		id, _ := d.DRBD()
		writers := 0
		for _, n := range w.cfg.Nodes {
			if m := w.store.minors[n.Name][id.Minor(n.UUID)]; slices.Contains(d.Nodes, n.UUID) && m != nil && m.primary {
				writers++
			}
		}
		if writers > 1 {
			w.t.Errorf("%s: %d sides of disk %d are writable", what, writers, i)
		}
	}
	if len(w.cfg.Reservations) > 0 {
		w.t.Errorf("%s: reserved %+v", what, w.cfg.Reservations[0])
	}
}

// upAndRunning starts web.
func (w *world) upAndRunning() *world {
	w.t.Helper()
	if e := w.run(Startup{Name: "web"}); e.Err != nil {
		w.t.Fatal(e.Err)
	}
	return w
}

func TestMirroredInstance(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.whole("created and started")
	serial := w.web().SerialNo
	counted := func(what string, by int64) {
		if got := w.web().SerialNo - serial; got != by {
			t.Errorf("%s: the serial number is %d more, in Ganeti %d", what, got, by)
		}
		serial = w.web().SerialNo
	}
	w.moving = true
	w.expect(w.run(Migrate{Name: "web"}), "", []string{"node2"}, "node2 up disks=true")
	w.whole("migrated")
	counted("migrated", 0)
	w.moving = false
	w.expect(w.run(Failover{Name: "web"}), "", []string{"node1"}, "node1 up disks=true")
	w.whole("failed over")
	counted("failed over", 2)
	for _, step := range []struct {
		op job.Operation
		by int64
	}{
		{GrowDisk{Name: "web", Amount: 32, WaitForSync: true, IgnoreIPolicy: true}, 1},
		{ReplaceDisks{Name: "web", Mode: ReplaceSecondary}, 0},
		{ReplaceDisks{Name: "web", Mode: ReplacePrimary}, 0},
		{ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"}, 1},
		{ReplaceDisks{Name: "web", Mode: ReplaceAuto}, 0},
		{Shutdown{Name: "web"}, 2},
		{Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}, 3},
		{Modify{Name: "web", DiskTemplate: config.DTDRBD, RemoteNode: "node2", WaitForSync: true, IgnoreIPolicy: true}, 3},
		{ActivateDisks{Name: "web"}, 1},
		{DeactivateDisks{Name: "web"}, 1},
	} {
		if e := w.run(step.op); e.Err != nil {
			t.Fatalf("%s: %v", step.op.OpID(), e.Err)
		}
		w.whole(step.op.OpID())
		counted(step.op.OpID(), step.by)
	}
	if w.disk().Size != 96 || w.cfg.NodeName(w.cfg.SecondaryNodes(w.web())[0]) != "node2" {
		t.Errorf("the disk is %+v", w.disk())
	}
	if e := w.run(Remove{Name: "web"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	for _, node := range []string{"node1", "node2", "node3"} {
		if left := len(w.store.lvs[node]) + len(w.store.minors[node]); left > 0 {
			t.Errorf("%d volumes and devices are left on %s", left, node)
		}
	}
}

// The guest runs on disks that are there: a hard reboot needs nobody else, and stops nothing that it could not start again.
func TestHardRebootLeavesMirrorsAlone(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.off["node2"] = true
	w.expect(w.run(Reboot{Name: "web", Type: RebootHard}), "", []string{"node1"}, "node1 up disks=true")
	if slices.ContainsFunc(w.begun, func(s string) bool { return strings.HasPrefix(s, "node2: ") }) {
		t.Errorf("changed: %q", w.begun)
	}
	w.whole("rebooted")
	clear(w.store.minors["node1"])
	w.expect(w.run(Reboot{Name: "web", Type: RebootHard}), "Could not reboot instance: Block device error", []string{"node1"}, "node1 up disks=true")
	if slices.Contains(w.begun, "node1: stops instance web") {
		t.Errorf("stopped: %q", w.begun)
	}
}

// allocator makes one that answers every request so, and keeps the request.
func (w *world) allocator(name, answer string) (asked func() string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "iallocators")
	script := "#!/bin/sh\ncp \"$1\" " + dir + "/asked\ncat <<'END'\n" + answer + "\nEND\n"
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755)); err != nil {
		w.t.Fatal(err)
	}
	return func() string {
		data, err := os.ReadFile(filepath.Join(dir, "asked"))
		if err != nil {
			w.t.Fatal(err)
		}
		return string(data)
	}
}

func TestAnAllocatorChoosesWhereTheMirrorGoes(t *testing.T) {
	toPlain := Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}
	for name, tt := range map[string]struct{ named, standard, answer, failure string }{
		"by name":      {"wise", "", `{"success":true,"info":"","result":"node3"}`, ""},
		"the default":  {".", "wise", `{"success":true,"info":"","result":"node3"}`, ""},
		"none named":   {"", "wise", `{"success":true,"info":"","result":"node3"}`, ""},
		"no default":   {".", "", "", "No iallocator or node given and no cluster-wide default iallocator found"},
		"no room":      {"wise", "", `{"success":false,"info":"no room","result":""}`, "Can't compute nodes using iallocator 'wise': no room"},
		"unknown node": {"wise", "", `{"success":true,"info":"","result":"nosuch"}`, "Can't parse iallocator results"},
		"the same":     {"wise", "", `{"success":true,"info":"","result":"node1"}`, "Given new secondary node node1 is the same as the primary node of the instance"},
	} {
		t.Run(name, func(t *testing.T) {
			w := mirroredWorld(t)
			if e := w.run(toPlain); e.Err != nil {
				t.Fatal(e.Err)
			}
			w.cfg.Cluster.DefaultIAllocator = tt.standard
			asked := w.allocator("wise", tt.answer)
			e := w.run(Modify{Name: "web", DiskTemplate: config.DTDRBD, IAllocator: tt.named, WaitForSync: true, IgnoreIPolicy: true})
			w.whole("afterwards")
			if tt.failure != "" {
				if e.Err == nil || !strings.Contains(e.Err.Error(), tt.failure) || len(w.begun) > 0 || w.disk().DevType != config.DTPlain {
					t.Errorf("%v after %q", e.Err, w.begun)
				}
				return
			}
			if e.Err != nil || w.disk().DevType != config.DTDRBD || w.cfg.NodeName(w.cfg.SecondaryNodes(w.web())[0]) != "node3" {
				t.Errorf("%v, the disk is %+v", e.Err, w.disk())
			}
			if input := asked(); !strings.Contains(input, `"type":"allocate-secondary"`) {
				t.Errorf("asked %s", input)
			}
		})
	}
}

func TestATargetWithoutTheVolumeGroupIsRefusedAtOnce(t *testing.T) {
	w := mirroredWorld(t)
	w.disk().Children[0].LogicalID[0] = "hdd"
	e := w.run(ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"})
	want := "Can't compute free disk space on node node3 for vg hdd, result was 'None'; required 64 MiB"
	if e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
		t.Errorf("%v after %q", e.Err, w.begun)
	}
}

// Several instances leave a node at the same time: their jobs must not have the nodes to themselves while volumes are made and filled.
func TestNodesAreFreeWhileAMirrorMoves(t *testing.T) {
	for _, tt := range []struct {
		op   ReplaceDisks
		at   string // what is about to be changed
		free bool
	}{
		{ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"}, "node3: creates volume", true},
		{ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"}, "node2: removes volume", true},
		{ReplaceDisks{Name: "web", Mode: ReplaceSecondary}, "node2: formats", false}, // with a minor that is free at that moment
		{ReplaceDisks{Name: "web", Mode: ReplaceSecondary}, "node2: removes volume", true},
	} {
		w, seen := mirroredWorld(t).running("node1"), 0
		e := w.run(tt.op, jobtest.Queue(func(q *job.Queue) {
			w.watch = func(line string) {
				if !strings.HasPrefix(line, tt.at) {
					return
				}
				seen++
				table, err := q.Locks()
				if err != nil || len(table.Tickets) != 1 {
					t.Fatalf("%v: %v", err, table)
				}
				held := slices.ContainsFunc(table.Tickets[0].Locks, func(l job.Lock) bool { return l.Level == job.LevelNode || l.Level == job.LevelNodeRes })
				if held == tt.free {
					t.Errorf("%s, %s: the locks are %v", tt.op.Mode, line, table.Tickets[0].Locks)
				}
			}
		}))
		if e.Err != nil || seen == 0 {
			t.Errorf("%s: %v, of %q", tt.op.Mode, e.Err, w.begun)
		}
	}
}

// The next disk that got the port could not be connected.
func TestThePortOfADeviceThatGoesOnIsKept(t *testing.T) {
	for refusing, want := range map[string]int{"node1: ends drbd0": 0, "node1: nothing": 1} {
		w := mirroredWorld(t)
		w.mends[refusing] = refused
		e := w.run(Modify{Name: "web", Disks: []DeviceChange{{Action: "remove", Which: "0"}}, IgnoreIPolicy: true})
		if got := w.cfg.Cluster.TCPUDPPortPool; e.Err != nil || len(got) != want || len(w.web().Disks) > 0 {
			t.Errorf("%s: %v, the pool is %d", refusing, e.Err, got)
		}
	}
}

// What a conversion removes may be the only good copy.
func TestMirrorsThatAreNotWholeOnThePrimaryAreNotConverted(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(w *world, data string)
		want  string
	}{
		"partial":              {func(w *world, data string) { w.deactivate(); w.store.lvs["node1"][data].data = "" }, "Disk 0 of instance web is Inconsistent on its primary node node1"},
		"partial, attached":    {func(w *world, _ string) { w.minor("node1").valid = false }, "is Inconsistent on its primary node node1"},
		"detached from volume": {func(w *world, _ string) { w.minor("node1").data = "" }, "is Diskless on its primary node node1"},
		"no volume":            {func(w *world, data string) { w.deactivate(); delete(w.store.lvs["node1"], data) }, "Can't find out whether the disks of instance web are whole on node node1"},
		"node is offline":      {func(w *world, _ string) { w.cfg.Nodes[0].Offline = true }, "Can't use offline node: node1"},
	} {
		for _, template := range []string{config.DTPlain, config.DTSharedFile} {
			w := mirroredWorld(t)
			data := volumeOf(w.disk().Children[0]).String()
			tt.spoil(w, data)
			w.begun = nil
			e := w.run(Modify{Name: "web", DiskTemplate: template, WaitForSync: true, IgnoreIPolicy: true})
			if e.Err == nil || !strings.Contains(e.Err.Error(), tt.want) || len(w.begun) > 0 || w.disk().DevType != config.DTDRBD || w.store.lvs["node2"][data].data != "precious" {
				t.Errorf("%s, to %s: %v, begun %q", name, template, e.Err, w.begun)
			}
		}
	}
}

// deactivate takes the disks of web down.
func (w *world) deactivate() {
	w.t.Helper()
	if e := w.run(DeactivateDisks{Name: "web"}); e.Err != nil {
		w.t.Fatal(e.Err)
	}
}

// minor is the side that a node has of the disk of web.
func (w *world) minor(node string) *minor {
	id, _ := w.disk().DRBD()
	return w.store.minors[node][id.Minor(w.cfg.NodeByName(node).UUID)]
}

// The volumes below a device that goes on could not be removed, and the next disk that got its port could not be connected.
func TestMirrorsThatCannotBeTakenDownAreNotConverted(t *testing.T) {
	for _, template := range []string{config.DTPlain, config.DTSharedFile} {
		for _, node := range []string{"node1", "node2"} {
			w := mirroredWorld(t)
			w.mends[node+": ends drbd0"] = refused
			e := w.run(Modify{Name: "web", DiskTemplate: template, WaitForSync: true, IgnoreIPolicy: true})
			if want := "Cannot shutdown instance disks, unable to proceed with disk template conversion"; e.Err == nil || !strings.Contains(e.Err.Error(), want) {
				t.Errorf("%v", e.Err)
			}
			w.whole("not converted to " + template)
			if pool := w.cfg.Cluster.TCPUDPPortPool; len(pool) > 0 || w.disk().DevType != config.DTDRBD {
				t.Errorf("the pool is %d, the disk %+v", pool, w.disk())
			}
		}
	}
	w := mirroredWorld(t)
	w.cfg.Nodes[1].Offline = true
	if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}); e.Err != nil || w.disk().DevType != config.DTPlain {
		t.Errorf("with a secondary that is offline: %v", e.Err)
	}
}

func TestAConversionIsHeldAgainstThePolicy(t *testing.T) {
	for name, tt := range map[string]struct {
		op            Modify
		first, second []string // the templates that the groups of node1 and node3 allow
		want, warning string
	}{
		"to what is allowed alone": {Modify{DiskTemplate: config.DTPlain}, []string{config.DTPlain}, nil, "", ""},
		"to what is not allowed": {Modify{DiskTemplate: config.DTPlain}, []string{config.DTDRBD, config.DTFile}, nil,
			"Disk template 'plain' in not allowed (allowed templates: drbd, file)", ""},
		"to another group": {Modify{DiskTemplate: config.DTDRBD, RemoteNode: "node3"}, []string{config.DTDRBD}, []string{config.DTPlain}, "",
			"The primary and secondary nodes are in two different node groups; the disk parameters from the first disk's node group will be used"},
		"to a group with another policy": {Modify{DiskTemplate: config.DTDRBD, RemoteNode: "node3"}, []string{config.DTDRBD}, []string{config.DTFile},
			"Instance does not meet target node group's (h) instance policy: Disk template plain is not allowed (allowed templates: file)", ""},
		"nevertheless": {Modify{DiskTemplate: config.DTDRBD, RemoteNode: "node3", IgnoreIPolicy: true}, []string{config.DTDRBD}, []string{config.DTFile}, "",
			"Instance does not meet target node group's (h) instance policy: Disk template plain is not allowed (allowed templates: file)"},
	} {
		w := mirroredWorld(t).lax()
		if tt.op.DiskTemplate == config.DTDRBD {
			if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true}); e.Err != nil {
				t.Fatal(e.Err)
			}
		}
		second := *w.cfg.NodeGroups[0]
		second.UUID, second.Name, w.cfg.Nodes[2].Group = "h", "second", "h"
		w.cfg.NodeGroups = append(w.cfg.NodeGroups, &second)
		w.cfg.NodeGroups[0].IPolicy.DiskTemplates, second.IPolicy.DiskTemplates = tt.first, tt.second
		tt.op.Name, tt.op.WaitForSync = "web", true
		e := w.run(tt.op)
		if tt.want == "" && (e.Err != nil || w.disk().DevType != tt.op.DiskTemplate) || tt.want != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, e.Err)
		}
		if lines := strings.Join(e.Messages, "|"); !strings.Contains(lines, tt.warning) {
			t.Errorf("%s: said %s", name, lines)
		}
	}
}

func TestDisksThatAreThereAreNotMadeAnew(t *testing.T) {
	w := mirroredWorld(t)
	d := w.disk()
	e := w.run(RecreateDisks{Name: "web"})
	if want := "Volume " + volumeOf(d.Children[0]).String() + " of disk/0 is on node node1 already"; e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
		t.Errorf("%v after %q", e.Err, w.begun)
	}
	for _, node := range []string{"node1", "node2"} {
		clear(w.store.minors[node])
		clear(w.store.lvs[node])
	}
	if e := w.run(RecreateDisks{Name: "web"}); e.Err != nil || len(w.store.names("node1")) != 2 || len(w.store.names("node2")) != 2 {
		t.Errorf("%v; there are %q and %q", e.Err, w.store.names("node1"), w.store.names("node2"))
	}
}

// An allocator must choose nodes that have the volume groups, and room in each.
func TestAnAllocatorIsToldWhereDisksMadeAnewWillLie(t *testing.T) {
	w := mirroredWorld(t)
	w.disk().Children[0].LogicalID[0] = "hdd"
	asked := w.allocator("wise", `{"success":false,"info":"no room","result":[]}`)
	e := w.run(RecreateDisks{Name: "web", IAllocator: "wise"})
	if want := "Can't compute nodes using iallocator 'wise': no room"; e.Err == nil || e.Err.Error() != want {
		t.Error(e.Err)
	}
	var input struct {
		Request struct{ Disks []iallocator.AllocateDisk }
	}
	if err := json.Unmarshal([]byte(asked()), &input); err != nil || len(input.Request.Disks) != 1 {
		t.Fatalf("%v: asked %s", err, asked())
	}
	d := input.Request.Disks[0]
	if want := map[string]int64{"lvm-vg/hdd": 64, "lvm-vg/vg": 128}; !maps.Equal(d.Storage, want) || d.VG == nil || *d.VG != "hdd" || d.Size != 64 || d.DevType != config.DTDRBD {
		t.Errorf("asked for %+v", d)
	}
}

func TestAMirrorThatHasLostItsVolumesIsRepaired(t *testing.T) {
	for _, tt := range []struct {
		mode, node string
		running    bool
	}{
		{ReplaceSecondary, "node2", true}, {ReplaceAuto, "node2", true}, {ReplaceSecondary, "node2", false},
		{ReplacePrimary, "node1", true}, {ReplaceAuto, "node1", true},
	} {
		t.Run(tt.mode+" on "+tt.node, func(t *testing.T) {
			w := mirroredWorld(t)
			w.store.minors["node1"], w.store.minors["node2"] = map[int]*minor{}, map[int]*minor{}
			clear(w.store.lvs[tt.node])
			if tt.running {
				if e := w.run(ActivateDisks{Name: "web"}); e.Err != nil {
					t.Fatal(e.Err)
				}
				w.upAndRunning()
			}
			if e := w.run(ReplaceDisks{Name: "web", Mode: tt.mode}); e.Err != nil {
				t.Fatal(e.Err)
			}
			w.whole("repaired")
		})
	}
}

func TestSizesAreHeldAgainstTheConfigurationUnlessTheyAreToBeIgnored(t *testing.T) {
	for _, ignore := range []bool{false, true} {
		w := mirroredWorld(t)
		w.store.minors["node1"], w.store.minors["node2"] = map[int]*minor{}, map[int]*minor{}
		if e := w.run(ActivateDisks{Name: "web", IgnoreSize: ignore}); e.Err != nil {
			t.Fatal(e.Err)
		}
		for _, node := range []string{"node1", "node2"} {
			if got := w.store.minors[node][0].sized; got == ignore {
				t.Errorf("ignored %v: a size was given on %s: %v", ignore, node, got)
			}
		}
	}
}

func TestMirrorsThatCannotAllBeHadAreGivenUp(t *testing.T) {
	for _, tt := range []struct {
		op      job.Operation
		running bool
	}{{Startup{Name: "web"}, false}, {Reboot{Name: "web", Type: RebootFull}, true}, {Reboot{Name: "web", Type: RebootFull}, false}, {Reinstall{Name: "web"}, false}} {
		w := mirroredWorld(t)
		if tt.running {
			w.upAndRunning()
		} else {
			w.store.minors["node1"], w.store.minors["node2"] = map[int]*minor{}, map[int]*minor{}
		}
		w.mends["node1: promotes drbd0"] = refused
		e := w.run(tt.op)
		if up := len(w.store.minors["node1"]) + len(w.store.minors["node2"]); e.Err == nil || up > 0 || w.web().DisksActive {
			t.Errorf("%s: %v; %d sides are up, marked so %v", tt.op.OpID(), e.Err, up, w.web().DisksActive)
		}
	}
}

func TestADiskThatIsNamedTwiceIsReplacedOnce(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	e := w.run(ReplaceDisks{Name: "web", Mode: ReplaceSecondary, Disks: []int{0, 0}})
	made := 0
	for _, line := range w.begun {
		if strings.Contains(line, "creates volume") {
			made++
		}
	}
	if e.Err != nil || made != 2 {
		t.Errorf("%v; %d volumes were made", e.Err, made)
	}
	w.whole("replaced")
}

// Whoever makes disks anew on other nodes is told that what is on the older ones is left.
func TestOldDisksStayWhenTheMakingOfNewOnesElsewhereIsCutOff(t *testing.T) {
	w := mirroredWorld(t)
	clear(w.store.minors["node1"])
	clear(w.store.lvs["node1"])
	if e := w.run(RecreateDisks{Name: "web", Nodes: []string{"node3", "node1"}}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.web().DisksActive = true
	if err := w.resolve(append(slices.Clone(w.begun), "node1: leaves OP_INSTANCE_RECREATE_DISKS unfinished")...); err != nil {
		t.Fatal(err)
	}
	if got := w.store.names("node2"); len(got) != 2 {
		t.Errorf("left on node2 are %q", got)
	}
}

// A job that is cut off leaves something that the next job puts in order, whether its last command was done or not: the data is where the
// configuration says, and nothing is left over.
func TestMirrorsSurviveTheDeathOfAJob(t *testing.T) {
	secondary, next := ReplaceDisks{Name: "web", Mode: ReplaceSecondary}, ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"}
	plain := Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}
	for name, tt := range map[string]struct {
		op      job.Operation
		running bool
		at      string
		by      mishap
	}{
		"new volumes made":          {secondary, true, "node2: creates volume vg/", unheard},
		"detached":                  {secondary, true, "node2: detaches drbd0", unheard},
		"old volume set aside":      {secondary, true, "node2: renames volume vg/", unheard},
		"new volumes not formatted": {secondary, true, "node2: formats drbd0", vanished},
		"new volumes not attached":  {secondary, true, "node2: attaches drbd0", vanished},
		"new volumes attached":      {secondary, true, "node2: tunes drbd0", unheard},
		"old volume not removed":    {secondary, true, "node2: removes volume", vanished},
		"new node's volume made":    {next, true, "node3: creates volume", unheard},
		"new node's side attached":  {next, true, "node3: tunes drbd0", unheard},
		"old node's side ended":     {next, true, "node2: ends drbd0", unheard},
		"old node's side not ended": {next, true, "node2: ends drbd0", vanished},
		"old node's volume is left": {next, true, "node2: removes volume", vanished},
		"plain: one side is down":   {plain, false, "node1: ends drbd0", unheard},
		"plain: a volume is left":   {plain, false, "node2: removes volume", vanished},
		"plain: metadata is left":   {plain, false, "node1: removes volume", vanished},
		"grown on one node":         {GrowDisk{Name: "web", Amount: 32, WaitForSync: true, IgnoreIPolicy: true}, true, "node1: grows volume", unheard},
	} {
		t.Run(name, func(t *testing.T) {
			w := mirroredWorld(t)
			if tt.running {
				w.upAndRunning()
			}
			w.mends[tt.at] = tt.by
			if e := w.run(tt.op); e.Err == nil {
				t.Fatalf("nothing happened at %q", tt.at)
			}
			begun := slices.Clone(w.begun)
			if err := w.resolve(begun...); err != nil {
				t.Fatalf("resolving: %v\n%q", err, begun)
			}
			w.cfg.Reservations = nil // they go when the resolution is recorded
			w.whole("then")
			if e := w.run(tt.op); tt.op.OpID() == secondary.OpID() && e.Err != nil && !strings.Contains(e.Err.Error(), "already the secondary") {
				t.Errorf("once more: %v", e.Err)
			}
		})
	}
}

// A job that is cut off at any of its changes, whether that one was done or not, leaves something that the next job puts in order.
func TestMirrorsSurviveTheDeathOfAJobAtEveryChange(t *testing.T) {
	toPlain := Modify{Name: "web", DiskTemplate: config.DTPlain, WaitForSync: true, IgnoreIPolicy: true}
	toFile := Modify{Name: "web", DiskTemplate: config.DTSharedFile, WaitForSync: true, IgnoreIPolicy: true}
	every := 15 // a sample, unless the long tests of faults are run
	if os.Getenv("GANTRY_FAULTS") == "all" {
		every = 1
	}
	for name, tt := range map[string]struct {
		op      job.Operation
		running bool
		before  job.Operation
	}{
		"replace on the secondary": {ReplaceDisks{Name: "web", Mode: ReplaceSecondary}, true, nil},
		"replace on the primary":   {ReplaceDisks{Name: "web", Mode: ReplacePrimary}, true, nil},
		"replace the secondary":    {ReplaceDisks{Name: "web", Mode: ReplaceNode, RemoteNode: "node3"}, true, nil},
		"to plain":                 {toPlain, false, nil},
		"to drbd":                  {Modify{Name: "web", DiskTemplate: config.DTDRBD, RemoteNode: "node3", WaitForSync: true, IgnoreIPolicy: true}, false, toPlain},
		"to a file":                {toFile, false, nil},
		"from a file to drbd":      {Modify{Name: "web", DiskTemplate: config.DTDRBD, RemoteNode: "node3", WaitForSync: true, IgnoreIPolicy: true}, false, toFile},
		"from a file to plain":     {toPlain, false, toFile},
		"grow":                     {GrowDisk{Name: "web", Amount: 32, WaitForSync: true, IgnoreIPolicy: true}, true, nil},
		"a disk more":              {Modify{Name: "web", Disks: []DeviceChange{{Action: "add", Which: "-1", Params: map[string]any{"size": 64}}}, WaitForSync: true, IgnoreIPolicy: true}, true, nil},
		"migrate":                  {Migrate{Name: "web"}, true, nil},
		"failover":                 {Failover{Name: "web"}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for i := 0; ; i += every {
				w := mirroredWorld(t)
				if tt.before != nil {
					if e := w.run(tt.before); e.Err != nil {
						t.Fatal(e.Err)
					}
				}
				if tt.running {
					w.upAndRunning()
				}
				w.moving = tt.op.OpID() == Migrate{}.OpID()
				if w.cutOff(tt.op, i/2+1, []mishap{unheard, vanished}[i%2]) {
					return
				}
			}
		})
	}
}

// cutOff runs an operation that is cut off at a change, and what puts that in order. It is done when there are no so many changes.
func (w *world) cutOff(op job.Operation, cut int, by mishap) (done bool) {
	w.t.Helper()
	w.cut, w.cutBy = cut, by
	e := w.run(op)
	begun := slices.Clone(w.begun)
	w.cut, w.dead = 0, false
	if len(begun) < cut {
		if e.Err != nil {
			w.t.Errorf("not cut off: %v", e.Err)
		}
		w.whole("not cut off")
		return true
	}
	for _, r := range w.cfg.Reservations {
		r.Job = deadJob
	}
	what := fmt.Sprintf("change %d, %s (%d)", cut, begun[cut-1], by)
	if err := w.resolve(begun[:cut]...); err != nil {
		w.t.Errorf("%s: resolving: %v", what, err)
		return false
	}
	w.cfg.Reservations = nil // they go when the resolution is recorded
	w.whole(what)
	if w.twice {
		w.t.Errorf("%s: it ran twice", what)
	}
	return false
}
