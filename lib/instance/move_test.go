package instance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// movable is a world in which web has a file of disk 0 and one of disk 1 on node1, each node with files of its own.
func movable(t *testing.T) *world {
	w := newWorld(t).withFiles()
	w.copying()
	w.cfg.Cluster.FileStorageDir = "/var/lib/ganeti/files"
	for _, n := range w.cfg.Nodes {
		w.write(filepath.Join(n.Name, "etc", "file-storage-paths"), w.cfg.Cluster.FileStorageDir+"\n", 0o644)
	}
	w.cfg.Cluster.CompressionTools = []string{"gzip"}
	w.cfg.Instances = nil
	if e := w.run(newInstance("web", func(op *Create) { inFiles(1, 1)(op); op.Start, op.NoInstall = false, true })); e.Err != nil {
		t.Fatal(e.Err)
	}
	for i, content := range []string{"zero", "one"} {
		if err := os.WriteFile(w.file("node1", i), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// file is the file of a disk of web on a node.
func (w *world) file(node string, i int) string {
	return strings.Replace(w.disks("web")[i], "/var/lib/ganeti", filepath.Join(w.dir, node, "lib"), 1)
}

// onlyOn fails unless the data is on one node, which the configuration says, and nothing is left on the others.
func (w *world) onlyOn(node string) {
	w.t.Helper()
	for _, n := range w.cfg.Nodes {
		found, _ := filepath.Glob(filepath.Join(w.dir, n.Name, "lib", "files", "*", "*"))
		dirs, _ := filepath.Glob(filepath.Join(w.dir, n.Name, "lib", "files", "*"))
		if n.Name != node && len(found)+len(dirs) > 0 {
			w.t.Errorf("on %s %q is left in %q", n.Name, found, dirs)
		}
	}
	for i, want := range []string{"zero", "one"} {
		data, err := os.ReadFile(w.file(node, i))
		if got := strings.TrimRight(string(data), "\x00"); got != want {
			w.t.Errorf("disk %d on %s is %q, %v", i, node, got, err)
		}
	}
	for _, d := range w.cfg.InstanceDisks(w.web()) {
		if uuid := w.cfg.NodeByName(node).UUID; !slices.Equal(d.Nodes, []string{uuid}) || w.web().PrimaryNode != uuid {
			w.t.Errorf("disk on %v, instance on %s", d.Nodes, w.web().PrimaryNode)
		}
	}
}

func moveTo(node string, change func(op *Move)) Move {
	op := NewMove()
	op.Name, op.TargetNode = "web", node
	if change != nil {
		change(&op)
	}
	return op
}

func TestMoveOfAStoppedInstance(t *testing.T) {
	w := movable(t)
	e := w.run(moveTo("node2", func(op *Move) { op.Compress = "gzip" }))
	want := []string{" - INFO: Not checking memory on the secondary node as instance will not be started", " - INFO: Shutting down instance web on source node node1",
		"Exporting disk/0 from node1 to node2", "Exporting disk/1 from node1 to node2", "disk/0 is now listening, starting export", "disk/1 is now listening, starting export",
		"disk/0 finished receiving data", "disk/1 finished receiving data", "disk/0 finished sending data", "disk/1 finished sending data",
		" - INFO: Removing the disks on the original node"}
	if !slices.Equal(e.Messages, want) {
		t.Errorf("said %q", e.Messages)
	}
	w.expect(e, "", []string{}, "node2 down disks=false")
	w.onlyOn("node2")
}

func TestMoveOfARunningInstance(t *testing.T) {
	w := movable(t).upAndRunning()
	e := w.run(moveTo("node3", nil))
	w.expect(e, "", []string{"node3"}, "node3 up disks=true")
	if last := e.Messages[len(e.Messages)-1]; last != " - INFO: Starting instance web on node node3" {
		t.Errorf("said last %q", last)
	}
	w.onlyOn("node3")
	w.expect(w.run(moveTo("node1", nil)), "", []string{"node1"}, "node1 up disks=true")
	w.onlyOn("node1")
}

func TestMoveOfVolumes(t *testing.T) {
	w := mirroredWorld(t)
	w.copying()
	if e := w.run(Modify{Name: "web", DiskTemplate: config.DTPlain, IgnoreIPolicy: true}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.upAndRunning()
	w.mends["node1: copies device /dev/vg/"] = refused
	w.expect(w.run(moveTo("node3", nil)), "Errors during disk copy", []string{"node1"}, "node1 up disks=true")
	w.whole("not copied")
	w.expect(w.run(moveTo("node3", nil)), "", []string{"node3"}, "node3 up disks=true")
	w.whole("moved")
	w.mends["node3: removes volume"] = vanished
	if e := w.run(moveTo("node2", nil)); e.Err == nil {
		t.Fatal("nothing happened")
	}
	if err := w.resolve(slices.Clone(w.begun)...); err != nil {
		t.Fatal(err)
	}
	w.whole("moved and cut off")
	w.store.lvs["node1"][volumeOf(w.disk()).String()] = &lv{data: "kept"}
	if e := w.run(moveTo("node1", nil)); e.Err == nil || !strings.Contains(e.Err.Error(), "already, where disk 0 would be") || len(w.begun) > 0 {
		t.Errorf("%v after %q", e.Err, w.begun)
	}
}

func TestMoveRefuses(t *testing.T) {
	w := movable(t)
	before := w.cfg
	for want, change := range map[string]func(w *world, op *Move){
		"Instance 'nosuch' not known":                            func(_ *world, op *Move) { op.Name = "nosuch" },
		"Node 'nosuch' not known":                                func(_ *world, op *Move) { op.TargetNode = "nosuch" },
		"Instance web is already on the node node1":              func(_ *world, op *Move) { op.TargetNode = "node1" },
		"Can't use offline node: node2":                          func(w *world, _ *Move) { w.cfg.Nodes[1].Offline = true },
		"Can't use drained node node2":                           func(w *world, _ *Move) { w.cfg.Nodes[1].Drained = true },
		"Can't use non-vm_capable node node2":                    func(w *world, _ *Move) { w.cfg.Nodes[1].VMCapable = false },
		"Can't use offline node: node1":                          func(w *world, _ *Move) { w.cfg.Nodes[0].Offline = true },
		"Compression tool not allowed":                           func(_ *world, op *Move) { op.Compress = "rm" },
		"Node node1 cannot reach node node2":                     func(w *world, _ *Move) { w.write("bin/ssh", "#!/bin/sh\nexit 255\n", 0o755) },
		"already, where disk 1 would be":                         func(w *world, _ *Move) { w.write(strings.TrimPrefix(w.file("node2", 1), w.dir), "kept", 0o600) },
		"has disk type sharedfile and is not suitable":           func(w *world, _ *Move) { w.cfg.InstanceDisks(w.web())[1].DevType = config.DTSharedFile },
		"An instance of the name web runs on node node2 already": func(w *world, _ *Move) { w.put("node2") },
		"Can't get data from node node2":                         func(w *world, _ *Move) { w.off["node2"] = true },
	} {
		w.cfg = before.Clone()
		w.off = map[string]bool{}
		os.Remove(w.guest("node2"))
		w.copying()
		op := moveTo("node2", nil)
		change(w, &op)
		if e := w.run(op); e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
			t.Errorf("got %v, want %s; begun %q", e.Err, want, w.begun)
		}
		os.RemoveAll(filepath.Join(w.dir, "node2", "lib"))
	}
	if kept := moveTo("", nil).WellFormed(); kept == nil || kept.Error() != "Failed to parse request: SubmitJob: Can't parse value for 'target_node': Unable to read String" {
		t.Error(kept)
	}
}

// Whatever fails before the new primary node is recorded, the instance runs on where it was.
func TestAMoveThatFailsIsTakenBack(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(w *world)
		want  string
	}{
		"second disk not made": {func(w *world) { w.mends["node2: creates file "+w.disks("web")[1]] = refused }, "Can't create block device"},
		"not copied": {func(w *world) {
			w.write("bin/ssh", "#!/bin/sh\ncase $2 in true) exit ;; esac\nhead -c 2 >/dev/null\nexit 255\n", 0o755)
		}, "Errors during disk copy: Failed to transfer instance data"},
	} {
		t.Run(name, func(t *testing.T) {
			w := movable(t).upAndRunning()
			tt.spoil(w)
			w.expect(w.run(moveTo("node2", nil)), tt.want, []string{"node1"}, "node1 up disks=true")
			w.onlyOn("node1")
		})
	}
}

// content reads a file that write has written.
func (w *world) content(file string) string {
	data, err := os.ReadFile(filepath.Join(w.dir, file))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// keys lists what lets copies in, or could.
func (w *world) keys() (all []string) {
	for _, n := range w.cfg.Nodes {
		files, _ := filepath.Glob(filepath.Join(w.dir, n.Name, "gantry", "keys", "*"))
		text, _ := os.ReadFile(filepath.Join(w.dir, n.Name, "ssh", "authorized_keys"))
		all = append(all, files...)
		if len(text) > 0 {
			all = append(all, n.Name+": "+string(text))
		}
	}
	return all
}

// Where no agent is forwarded each disk is copied with a key of its own, of which nothing is left whatever becomes of the copy.
func TestMoveWithKeysOfItsOwn(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil   func(w *world)
		failure string
		end     string
	}{
		"done":                        {func(*world) {}, "", "node2"},
		"not admitted":                {func(w *world) { w.mends["node2: admits key os-transfer-1-1"] = refused }, "refused", "node1"},
		"not given":                   {func(w *world) { w.mends["node1: gives key"] = refused }, "refused", "node1"},
		"not copied":                  {func(w *world) { w.mends["node1: copies device"] = refused }, "Errors during disk copy", "node1"},
		"authorized_keys is not ours": {func(w *world) { w.cfg.Cluster.ModifySSHSetup = false }, "cannot reach node node2", "node1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := movable(t)
			w.alone, w.cfg.Cluster.ModifySSHSetup = true, true
			w.write("bin/ssh", "#!/bin/sh\ncase $1 in -oPreferredAuthentications=none) echo 'root@x: Permission denied (publickey).' >&2; exit 255 ;; esac\n"+
				w.content("bin/ssh"), 0o755)
			tt.spoil(w)
			w.expect(w.run(moveTo("node2", nil)), tt.failure, []string{}, tt.end+" down disks=false")
			w.onlyOn(tt.end)
			if left := w.keys(); left != nil {
				t.Errorf("left: %q", left)
			}
		})
	}
	for _, by := range []mishap{unheard, vanished} {
		for _, at := range []string{"node2: admits key", "node1: gives key", "node2: withdraws key", "node1: withdraws key"} {
			w := movable(t)
			w.alone, w.cfg.Cluster.ModifySSHSetup = true, true
			w.write("bin/ssh", "#!/bin/sh\ncase $1 in -oPreferredAuthentications=none) exit ;; esac\n"+w.content("bin/ssh"), 0o755)
			w.mends[at] = by
			w.run(moveTo("node2", nil))
			if len(w.mends) > 0 {
				t.Fatalf("nothing happened at %q", at)
			}
			if err := w.resolve(slices.Clone(w.begun)...); err != nil {
				t.Fatal(err)
			}
			if left := w.keys(); left != nil {
				t.Errorf("%s, %d: left: %q", at, by, left)
			}
		}
	}
}

func TestAMoveSurvivesTheDeathOfItsJob(t *testing.T) {
	for name, tt := range map[string]struct {
		at  string
		by  mishap
		end string // where the disks are then
	}{
		"a disk made":             {"node2: creates file", unheard, "node1"},
		"a disk not made":         {"node2: creates file", vanished, "node1"},
		"an old disk not removed": {"node1: removes file", vanished, "node2"},
		"an old disk removed":     {"node1: removes file", unheard, "node2"},
		"directory not removed":   {"node1: removes directory", vanished, "node2"},
		"links not removed":       {"node1: unlinks", vanished, "node2"},
	} {
		t.Run(name, func(t *testing.T) {
			w := movable(t).upAndRunning()
			w.mends[tt.at] = tt.by
			w.run(moveTo("node2", nil))
			if len(w.mends) > 0 {
				t.Fatalf("nothing happened at %q", tt.at)
			}
			begun := slices.Clone(w.begun)
			if err := w.resolve(begun...); err != nil {
				t.Fatalf("resolving: %v\n%q", err, begun)
			}
			w.onlyOn(tt.end)
			if where := w.where(); len(where) > 0 && where[0] != tt.end {
				t.Errorf("it runs on %v", where)
			}
		})
	}
}
