package instance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
)

// withExports is withFiles where one node can reach the other, and where the OS's scripts copy the disk. There is the instance db with
// two disks; content is that of the first.
func (w *world) withExports(content string) *world {
	w.t.Helper()
	w.withFiles().copying()
	w.cfg.Cluster.CompressionTools = []string{"gzip"}
	if e := w.run(newInstance("db", func(op *Create) { inFiles(1, 1)(op); op.Start = false; op.Tags = []string{"a"} })); e.Err != nil {
		w.t.Fatal(e.Err)
	}
	if err := os.WriteFile(w.disks("db")[0], []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// copying writes the scripts, and what stands for ssh(1).
func (w *world) copying() {
	w.write("os/noop/export", "#!/bin/sh\n[ ! -e \"$EXPORT_DEVICE.bad\" ] || exit 3\nexec cat \"$EXPORT_DEVICE\"\n", 0o755)
	w.write("os/noop/import", "#!/bin/sh\n[ \"$IMPORT_INDEX\" != \"$OSP_WORD\" ] || exit 4\nexec cat >\"$IMPORT_DEVICE\"\n", 0o755)
	w.write("os/noop/rename", "#!/bin/sh\necho \"$OLD_INSTANCE_NAME\" >>\"$DISK_1_PATH.name\"\n", 0o755)
	// The other node's files are in its own directory.
	w.write("bin/ssh", "#!/bin/sh\nwhile case $1 in -*) ;; *) false ;; esac; do shift; done\nexec sh -c \"$(printf %s \"$2\" | sed \"s#"+w.dir+"/node[0-9]/#"+w.dir+"/node${1#192.0.2.1}/#g\")\"\n", 0o755)
	w.t.Setenv("PATH", filepath.Join(w.dir, "bin")+":"+os.Getenv("PATH"))
}

// disks are the files of an instance's disks.
func (w *world) disks(name string) []string {
	return devices(w.cfg.InstanceDisks(w.cfg.InstanceByName(name)), "n1")
}

// exports lists what is below the directory of exports of a node.
func (w *world) exports(node string) []string {
	found, _ := filepath.Glob(filepath.Join(w.dir, node, "lib", "export", "*", "*"))
	names := []string{}
	for _, f := range found {
		names = append(names, strings.TrimPrefix(f, filepath.Join(w.dir, node, "lib", "export")+"/"))
	}
	return names
}

func exportTo(node string, change func(op *Export)) Export {
	op := NewExport()
	op.Name, op.TargetNode = "db", node
	if change != nil {
		change(&op)
	}
	return op
}

func TestExportOfAStoppedInstance(t *testing.T) {
	for _, target := range []string{"node1", "node2"} {
		w := newWorld(t).withExports("the data")
		e := w.run(exportTo(target, func(op *Export) { op.Compress = "gzip" }))
		want := []string{"Shutting down instance db", "Activating disks for db", "Exporting disk/0 from node1 to " + target, "Exporting disk/1 from node1 to " + target,
			"disk/0 is now listening, starting export", "disk/1 is now listening, starting export", "disk/0 finished receiving data", "disk/1 finished receiving data",
			"disk/0 finished sending data", "disk/1 finished sending data", "Finalizing export on " + target, "Deactivating disks for db", "Removing old exports for instance db"}
		if e.Err != nil || !slices.Equal(e.Messages, want) || string(e.Result) != "[true,[true,true]]" {
			t.Fatalf("%v, %s, said %q", e.Err, e.Result, e.Messages)
		}
		disk := w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0]
		dump, err := os.ReadFile(filepath.Join(w.dir, target, "lib/export/db", disk.UUID))
		if string(dump) != "the data" || len(w.exports(target)) != 3 || w.cfg.InstanceByName("db").DisksActive {
			t.Errorf("%v: %q, there is %q", err, dump, w.exports(target))
		}
	}
}

func TestExportReplacesOlderOnesEverywhere(t *testing.T) {
	w := newWorld(t).withExports("old")
	w.write("node3/lib/export/db/config.ini", "", 0o600)
	for _, content := range []string{"old", "new"} {
		if err := os.WriteFile(w.disks("db")[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if e := w.run(exportTo("node2", nil)); e.Err != nil {
			t.Fatal(e.Err)
		}
	}
	disk := w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0]
	if dump, _ := os.ReadFile(filepath.Join(w.dir, "node2/lib/export/db", disk.UUID)); string(dump) != "new" || len(w.exports("node3")) > 0 {
		t.Errorf("%q, node3 has %q", dump, w.exports("node3"))
	}
}

func TestAFailedExportLeavesTheOneBefore(t *testing.T) {
	w := newWorld(t).withExports("old")
	if e := w.run(exportTo("node2", nil)); e.Err != nil {
		t.Fatal(e.Err)
	}
	before := w.exports("node2")
	if err := os.WriteFile(w.disks("db")[1]+".bad", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := w.run(exportTo("node2", func(op *Export) { op.RemoveInstance = true }))
	if e.Err == nil || e.Err.Error() != "Export failed, errors in disk export: disk(s) 1" || !slices.Equal(w.exports("node2"), before) {
		t.Errorf("%v, there is %q", e.Err, w.exports("node2"))
	}
	if !slices.Contains(e.Messages, "disk/1 failed to send data: exited with exit code 3 (recent output: )") || slices.Contains(e.Messages, "disk/1 finished receiving data") {
		t.Errorf("said %q", e.Messages)
	}
	if inst := w.cfg.InstanceByName("db"); inst == nil || inst.DisksActive {
		t.Errorf("%+v", inst)
	}
}

func TestExportOfARunningInstanceInFiles(t *testing.T) {
	run := func(change func(op *Export)) (*world, jobtest.Ended) {
		w := newWorld(t).withExports("the data")
		if e := w.run(Startup{Name: "db"}); e.Err != nil {
			t.Fatal(e.Err)
		}
		return w, w.run(exportTo("node2", change))
	}
	state := func(w *world) state {
		s, err := stateOf(t.Context(), w, w.cfg.InstanceByName("db"), "node1")
		if err != nil {
			t.Error(err)
		}
		return s
	}
	w, e := run(nil)
	if e.Err == nil || !strings.Contains(e.Err.Error(), "through the --long-sleep option; aborting") || !slices.Equal(e.Messages, []string{"Shutting down instance db"}) || !state(w).Running {
		t.Errorf("%v, %q: it was stopped for nothing", e.Err, e.Messages)
	}
	w, e = run(func(op *Export) { op.Shutdown = false })
	if e.Err == nil || e.Err.Error() != "Not all disks could be snapshotted, and you requested a live export; aborting" || !state(w).Running {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	w, e = run(func(op *Export) { op.LongSleep = true })
	if e.Err != nil || !state(w).Running || !slices.Contains(e.Messages, "Starting instance db") || slices.Contains(e.Messages, "Deactivating disks for db") {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	w, e = run(func(op *Export) { op.RemoveInstance = true })
	if e.Err != nil || w.cfg.InstanceByName("db") != nil || len(w.left()) > 0 || len(w.exports("node2")) != 3 {
		t.Errorf("%v, %q, left %q", e.Err, e.Messages, w.left())
	}
}

func TestExportOfARunningInstanceOnExternalStorage(t *testing.T) {
	w := newWorld(t).withFiles()
	w.copying()
	store := filepath.Join(w.dir, "store")
	for script, does := range map[string]string{"create": `truncate -s "${VOL_SIZE}M" "$VOL_NAME"`, "attach": `[ -f "$VOL_NAME" ] && echo "$PWD/$VOL_NAME"`, "remove": `rm "$VOL_NAME"`,
		"snapshot": `[ ! -e "$VOL_SNAPSHOT_NAME" ] && cp "$VOL_NAME" "$VOL_SNAPSHOT_NAME"`, "detach": "", "grow": "", "setinfo": "", "verify": ""} {
		w.write("extstorage/san/"+script, "#!/bin/sh\ncd "+store+"\n"+does+"\n", 0o755)
	}
	w.write("extstorage/san/parameters.list", "size of\n", 0o644)
	w.write("os/noop/export", "#!/bin/sh\nexec cat \""+w.dir+"/node1/${EXPORT_DEVICE#/var/run/ganeti/}\"\n", 0o755)
	w.write("store/before", "", 0o644)
	w.cfg.Cluster.EnabledDiskTemplates = append(w.cfg.Cluster.EnabledDiskTemplates, config.DTExt)
	op := newInstance("db", nil)
	op.DiskTemplate, op.Disks, op.NoInstall, op.Start = config.DTExt, []map[string]any{{"size": 1, "provider": "san"}}, true, false
	for _, op := range []job.Operation{op, Startup{Name: "db"}} {
		if e := w.run(op); e.Err != nil {
			t.Fatal(e.Err)
		}
	}
	_, name, _ := w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0].External()
	w.write("store/"+name, "the data", 0o644)
	w.write("store/"+name+".snap", "left of an export that was cut off", 0o644)
	e := w.run(exportTo("node2", func(op *Export) { op.Shutdown = false }))
	if e.Err != nil || !slices.Contains(e.Messages, "Creating a snapshot of disk/0 on node node1") {
		t.Fatalf("%v, %q", e.Err, e.Messages)
	}
	dump, err := os.ReadFile(filepath.Join(w.dir, "node2/lib/export/db", w.cfg.InstanceDisks(w.cfg.InstanceByName("db"))[0].UUID))
	if left, _ := filepath.Glob(store + "/*.snap"); string(dump) != "the data" || len(left) > 0 {
		t.Errorf("%v: %q, left %q", err, dump, left)
	}
	if err := os.Remove(filepath.Join(w.dir, "extstorage/san/snapshot")); err != nil {
		t.Fatal(err)
	}
	e = w.run(exportTo("node2", nil))
	if s, err := stateOf(t.Context(), w, w.cfg.InstanceByName("db"), "node1"); e.Err == nil || e.Err.Error() != "Not all disks could be snapshotted; aborting" || err != nil || !s.Running {
		t.Errorf("a provider without snapshots: %v, %+v", e.Err, s)
	}
	if e = w.run(exportTo("node2", func(op *Export) { op.LongSleep = true })); e.Err != nil {
		t.Errorf("with --long-sleep: %v", e.Err)
	}
}

func TestAnExportThatFailsStartsTheInstanceAgain(t *testing.T) {
	w := newWorld(t).withExports("the data")
	if e := w.run(Startup{Name: "db"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.mends["node2: creates export db.new"] = refused
	e := w.run(exportTo("node2", func(op *Export) { op.LongSleep = true }))
	if s, err := stateOf(t.Context(), w, w.cfg.InstanceByName("db"), "node1"); e.Err == nil || err != nil || !s.Running {
		t.Errorf("%v: %+v, %v", e.Err, s, err)
	}
}

func TestExportRefuses(t *testing.T) {
	w := newWorld(t).withExports("")
	before := w.cfg
	for want, change := range map[string]func(w *world, op *Export){
		"Instance 'nosuch' not known":                            func(_ *world, op *Export) { op.Name = "nosuch" },
		"Node 'nosuch' not known":                                func(_ *world, op *Export) { op.TargetNode = "nosuch" },
		"Can't use offline node: node2":                          func(w *world, _ *Export) { w.cfg.Nodes[1].Offline = true },
		"Can't use drained node node2":                           func(w *world, _ *Export) { w.cfg.Nodes[1].Drained = true },
		"Compression tool not allowed, tools allowed are [gzip]": func(_ *world, op *Export) { op.Compress = "rm" },
		"The long sleep option only makes sense":                 func(_ *world, op *Export) { op.LongSleep, op.Shutdown = true, false },
		"Zeroing timeout options can only be used":               func(_ *world, op *Export) { op.ZeroingFixed = new(3) },
		"Unless the instance is shut down, zeroing":              func(_ *world, op *Export) { op.ZeroFreeSpace, op.Shutdown = true, false },
		"A zeroing image must be set":                            func(_ *world, op *Export) { op.ZeroFreeSpace = true },
		"Zeroing needs a volume group": func(w *world, op *Export) {
			op.ZeroFreeSpace, w.cfg.Cluster.ZeroingImage, w.cfg.Cluster.VolumeGroupName = true, "/zero", ""
		},
		"Could not create temporary disk: Could not open file '/nosuch'": func(w *world, op *Export) {
			op.ZeroFreeSpace, w.cfg.Cluster.ZeroingImage, w.cfg.Cluster.VolumeGroupName = true, "/nosuch", "vg"
		},
		"Instance shutdown detection must be enabled for zeroing": func(w *world, op *Export) {
			op.ZeroFreeSpace, w.cfg.InstanceByName("db").Hypervisor = true, config.HVKVM
		},
		"Booting from disk must be set for zeroing": func(w *world, op *Export) {
			inst := w.cfg.InstanceByName("db")
			op.ZeroFreeSpace, inst.Hypervisor, inst.HVParams = true, config.HVKVM, config.Params{"user_shutdown": true, "boot_order": "cdrom"}
		},
		"Can not remove instance without shutting it down before": func(w *world, op *Export) {
			w.cfg.InstanceByName("db").AdminState = config.AdminUp
			op.RemoveInstance, op.Shutdown = true, false
		},
		"Node node1 cannot reach node node2": func(w *world, _ *Export) { w.write("bin/ssh", "#!/bin/sh\nexit 255\n", 0o755) },
		"File 'export' under path":           func(w *world, _ *Export) { os.Remove(filepath.Join(w.dir, "os/noop/export")) },
	} {
		w.cfg = before.Clone()
		w.copying()
		op := exportTo("node2", nil)
		change(w, &op)
		if e := w.run(op); e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 || len(w.exports("node2")) > 0 {
			t.Errorf("got %v, want %s; begun %q", e.Err, want, w.begun)
		}
	}
}

func TestTimeoutsBelowZeroAreRefused(t *testing.T) {
	type wellFormed interface{ WellFormed() error }
	const want = "Failed to parse request: SubmitJob: Can't parse value for 'shutdown_timeout': Invalid value for non-negative type '-1'"
	for _, op := range []wellFormed{exportTo("node2", func(op *Export) { op.ShutdownTimeout = -1 }), Move{TargetNode: "node2", ShutdownTimeout: -1}, Failover{ShutdownTimeout: -1},
		Reboot{ShutdownTimeout: -1}, Remove{ShutdownTimeout: -1}} {
		if err := op.WellFormed(); err == nil || err.Error() != want {
			t.Errorf("%T: %v", op, err)
		}
	}
	if err := (Shutdown{Timeout: -1}).WellFormed(); err == nil {
		t.Error("a shutdown may take less than no time")
	}
}

// imported is an operation that makes an instance out of the export of db.
func imported(name string, change func(op *Create)) Create {
	op := newInstance(name, change)
	op.Mode, op.OSType, op.Start, op.SrcPath, op.DiskTemplate, op.Hypervisor = "import", "", false, "db", config.DTFile, ""
	return op
}

func TestImportMakesTheInstanceAnew(t *testing.T) {
	w := newWorld(t).withExports("the data")
	if e := w.run(exportTo("node2", nil)); e.Err != nil {
		t.Fatal(e.Err)
	}
	e := w.run(imported("copy", func(op *Create) { op.BEParams, op.Compress = map[string]any{"memory": 64}, "gzip" }))
	want := []string{"* running the instance OS import scripts...", "Exporting disk/0 from node2 to node1", "Exporting disk/1 from node2 to node1",
		"disk/0 is now listening, starting export", "disk/1 is now listening, starting export", "disk/0 finished receiving data", "disk/1 finished receiving data",
		"disk/0 finished sending data", "disk/1 finished sending data", "Running rename script for copy"}
	if e.Err != nil || len(e.Messages) < len(want) || !slices.Equal(e.Messages[len(e.Messages)-len(want):], want) {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	inst := w.cfg.InstanceByName("copy")
	data, err := os.ReadFile(w.disks("copy")[0])
	if string(data) != "the data" || len(inst.Disks) != 2 || inst.OS != "noop" || inst.AdminState != config.AdminDown || !slices.Equal(inst.Tags, []string{"a"}) {
		t.Errorf("%q, %v, %+v", data, err, inst)
	}
	if be := w.cfg.FilledBE(inst); be.Int("maxmem") != 64 || be.Int("minmem") != 64 {
		t.Errorf("back end: %v", be)
	}
	if old, _ := os.ReadFile(w.disks("copy")[1] + ".name"); string(old) != "db\n" {
		t.Errorf("the rename script was told of %q", old)
	}
}

func TestAnImportIsNotMadeOfWhatTheExportWas(t *testing.T) {
	w := &create{Create: imported("copy", func(op *Create) { op.Disks = nil })}
	w.DiskTemplate = ""
	cfg := &config.Config{Cluster: config.Cluster{EnabledDiskTemplates: []string{"plain", "file"}}}
	if err := w.diskArguments(cfg); err != nil || w.DiskTemplate != "plain" {
		t.Errorf("%s, %v", w.DiskTemplate, err)
	}
}

func TestImportGoesOnWhenADiskFails(t *testing.T) {
	w := newWorld(t).withExports("the data")
	if e := w.run(exportTo("node2", nil)); e.Err != nil {
		t.Fatal(e.Err)
	}
	e := w.run(imported("copy", func(op *Create) { op.OSParams = map[string]any{"word": "1"} }))
	if e.Err != nil || !slices.Contains(e.Messages, "disk/1 failed to receive data: exited with exit code 4 (recent output: )") ||
		!slices.Contains(e.Messages, " - WARNING: Some disks for instance copy on node node1 were not imported successfully") {
		t.Errorf("%v, said %q", e.Err, e.Messages)
	}
}

func TestImportRefuses(t *testing.T) {
	w := newWorld(t).withExports("")
	if e := w.run(exportTo("node2", nil)); e.Err != nil {
		t.Fatal(e.Err)
	}
	before := w.cfg
	whole, err := os.ReadFile(filepath.Join(w.dir, "node2/lib/export/db/config.ini"))
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(w *world, op *Create){
		"No export found for relative path nosuch":                        func(_ *world, op *Create) { op.SrcPath = "nosuch" },
		"Importing an instance from a path requires a source node option": func(_ *world, op *Create) { op.SrcPath = "/x" },
		"No export or invalid export found in dir /x: Export info file":   func(_ *world, op *Create) { op.SrcPath, op.SrcNode = "/x", "node2" },
		"Can't use offline node: node2":                                   func(w *world, op *Create) { w.cfg.Nodes[1].Offline, op.SrcNode = true, "node2" },
		"Node 'nosuch' not known":                                         func(_ *world, op *Create) { op.SrcNode = "nosuch" },
		"Compression tool not allowed":                                    func(_ *world, op *Create) { op.Compress = "rm" },
		"Instance 'db' is already in the cluster":                         func(_ *world, op *Create) { op.Name = "db" },
		"Node node1 cannot reach node node2":                              func(w *world, _ *Create) { w.write("bin/ssh", "#!/bin/sh\nexit 255\n", 0o755) },
		"No disk info specified and the export is missing the disk inform": func(w *world, _ *Create) {
			w.write("node2/lib/export/db/config.ini", "[export]\nversion=0\n[instance]\n", 0o600)
		},
		"Wrong export version 7 (wanted 0)": func(w *world, _ *Create) {
			w.write("node2/lib/export/db/config.ini", "[export]\nversion=7\n[instance]\n", 0o600)
		},
	} {
		w.cfg = before.Clone()
		w.copying()
		w.write("node2/lib/export/db/config.ini", string(whole), 0o600)
		op := imported("copy", nil)
		change(w, &op)
		if e := w.run(op); e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
			t.Errorf("got %v, want %s; begun %q", e.Err, want, w.begun)
		}
	}
}

func TestExportsAreRemovedFromAllNodes(t *testing.T) {
	w := newWorld(t)
	for _, file := range []string{"node2/lib/export/web/disk", "node3/lib/export/web/disk", "node3/lib/export/other/disk"} {
		w.write(file, "", 0o600)
	}
	w.off["node1"] = true
	e := w.run(RemoveExport{Name: "web"})
	if e.Err != nil || len(e.Messages) != 1 || !strings.HasPrefix(e.Messages[0], " - WARNING: Failed to query node node1 (continuing): ") {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	if len(w.exports("node2")) > 0 || !slices.Equal(w.exports("node3"), []string{"other/disk"}) {
		t.Errorf("left %q and %q", w.exports("node2"), w.exports("node3"))
	}
	e = w.run(RemoveExport{Name: "gone.example.com"})
	if e.Err != nil || !strings.HasPrefix(e.Messages[len(e.Messages)-1], "Export not found.") {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
}
