package instance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imaged is an instance in a file of 4 MiB that is to have an OS image, and no OS.
func imaged(image string) Create {
	return newInstance("db", func(op *Create) {
		inFiles(4)(op)
		op.OSType, op.Start, op.OSParams = "", false, map[string]any{"os-image": image}
	})
}

func (w *world) imageFile(content string) string {
	w.t.Helper()
	w.write("image", content, 0o644)
	return filepath.Join(w.dir, "image")
}

func (w *world) wantDisk(instance, begin string) {
	w.t.Helper()
	content, err := os.ReadFile(w.disks(instance)[0])
	if err != nil || !strings.HasPrefix(string(content), begin) || len(content) != 4<<20 {
		w.t.Errorf("the disk begins with %q and has %d bytes, %v", content[:min(len(content), 20)], len(content), err)
	}
}

func TestCreateFromAnImage(t *testing.T) {
	w := newWorld(t).withFiles()
	e := w.run(imaged(w.imageFile("an image")))
	if e.Err != nil || !slices.Contains(e.Messages, "* imaging instance disks...") || !slices.Contains(e.Messages, " - INFO: Imaging disk '0' for instance 'db' on node 'node1'") {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	w.wantDisk("db", "an image\x00")
	if inst := w.cfg.InstanceByName("db"); inst.OS != "" || inst.OSParams["os-image"] == nil {
		t.Errorf("%+v", inst)
	}
}

// An OS besides the image is only noted: its script would write over the image.
func TestCreateFromAnImageDoesNotInstall(t *testing.T) {
	w := newWorld(t).withFiles()
	w.write("os/noop/parameters.list", "os-image Where it is\n", 0o644)
	op := imaged(w.imageFile("an image"))
	op.OSType = "noop"
	if e := w.run(op); e.Err != nil || slices.Contains(e.Messages, "* running the instance OS create scripts...") {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	w.wantDisk("db", "an image\x00")
}

func TestCreateRefusesImages(t *testing.T) {
	for image, want := range map[string]string{
		"":              "OS image must be an absolute path or a URL",
		"relative":      "OS image must be an absolute path or a URL",
		"file:///image": "OS image must be an absolute path or a URL",
		"/nonexistent":  "Image '/nonexistent' not found on node node1",
		"large":         "Disk image larger than the disk",
	} {
		w := newWorld(t).withFiles()
		if image == "large" {
			image = w.imageFile(strings.Repeat("x", 4<<20+1))
		}
		e := w.run(imaged(image))
		if e.Err == nil || e.Err.Error() != want || len(w.begun) > 0 || w.cfg.InstanceByName("db") != nil {
			t.Errorf("%q: %v, began %q", image, e.Err, w.begun)
		}
	}
}

func TestCreateTakesTheInstanceBackWhenTheImageCannotBeHad(t *testing.T) {
	w := newWorld(t).withFiles()
	e := w.run(imaged("http://127.0.0.1:1/image"))
	if e.Err == nil || e.Err.Error() != "There are some degraded disks for this instance" || w.cfg.InstanceByName("db") != nil || len(w.left()) > 0 {
		t.Errorf("%v, left %q", e.Err, w.left())
	}
	if !slices.ContainsFunc(e.Messages, func(s string) bool {
		return strings.HasPrefix(s, " - WARNING: Imaging instance disks failed (Could not image disk '0' for instance 'db' on node 'node1': ")
	}) {
		t.Errorf("said %q", e.Messages)
	}
}

func TestReinstallWritesTheImageAgain(t *testing.T) {
	w := newWorld(t).withFiles()
	if e := w.run(imaged(w.imageFile("an image"))); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.write("image", "another!", 0o644)
	if e := w.run(Reinstall{Name: "db"}); e.Err != nil || slices.Contains(e.Messages, " - INFO: Running instance OS create scripts...") {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	w.wantDisk("db", "another!\x00")
	w.write("second", "second!!", 0o644)
	second := filepath.Join(w.dir, "second")
	e := w.run(Reinstall{Name: "db", OSParams: map[string]any{"os-image": second}})
	if e.Err != nil || !slices.Contains(e.Messages, "Using OS image '"+second+"'") {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	w.wantDisk("db", "second!!\x00")
}

func TestReinstallOfNothing(t *testing.T) {
	w := newWorld(t).withFiles()
	if e := w.run(imaged(w.imageFile("an image"))); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.cfg.InstanceByName("db").OSParams = nil
	e := w.run(Reinstall{Name: "db"})
	want := " - INFO: No OS scripts or OS image specified or found in the instance's configuration, nothing to install"
	if e.Err != nil || !slices.Contains(e.Messages, want) {
		t.Errorf("%v, said %q", e.Err, e.Messages)
	}
}

// An instance without an OS has no scripts that know what is on its disks: they are copied whole.
func TestExportAndImportWithoutAnOS(t *testing.T) {
	w := newWorld(t).withFiles()
	w.copying()
	w.cfg.Cluster.CompressionTools = []string{"gzip"}
	if e := w.run(imaged(w.imageFile("an image"))); e.Err != nil {
		t.Fatal(e.Err)
	}
	if e := w.run(exportTo("node2", func(op *Export) { op.Compress = "gzip" })); e.Err != nil {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	if e := w.run(Remove{Name: "db"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	op := newInstance("db", nil)
	op.Mode, op.OSType, op.DiskTemplate, op.Disks, op.Start, op.SrcNode, op.Compress = "import", "", "file", nil, false, "node2", "gzip"
	if e := w.run(op); e.Err != nil || !slices.Contains(e.Messages, "disk/0 finished receiving data") || slices.Contains(e.Messages, "Running rename script for db") {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	w.wantDisk("db", "an image\x00")
}
