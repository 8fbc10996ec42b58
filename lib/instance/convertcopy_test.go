package instance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// convertible is a world in which the instance has a file with data in it, and files could be shared.
func convertible(t *testing.T) *world {
	w := newWorld(t).withFile()
	w.cfg.Cluster.EnabledDiskTemplates = append(w.cfg.Cluster.EnabledDiskTemplates, config.DTSharedFile)
	w.cfg.Cluster.SharedFileStorageDir = filepath.Join(w.dir, "shared")
	for _, n := range w.cfg.Nodes {
		w.write(filepath.Join(n.Name, "etc", "file-storage-paths"), w.cfg.Cluster.FileStorageDir+"\n"+w.cfg.Cluster.SharedFileStorageDir+"\n", 0o644)
	}
	if err := os.WriteFile(w.cfg.InstanceDisks(w.web())[0].Path(), append([]byte("data"), make([]byte, 4<<20-4)...), 0o600); err != nil {
		t.Fatal(err)
	}
	w.begun = nil
	return w
}

// oneDisk fails unless the instance has one disk of a template, with the data, and no other file is left.
func (w *world) oneDisk(what, template string) {
	w.t.Helper()
	disks := w.cfg.InstanceDisks(w.web())
	if len(disks) != 1 || len(w.cfg.Disks) != 1 || disks[0].DevType != template || disks[0].IVName != "disk/0" {
		w.t.Fatalf("%s: disks %+v", what, disks)
	}
	if data := readFile(disks[0].Path()); !strings.HasPrefix(data, "data") || len(data) != 4<<20 {
		w.t.Errorf("%s: the data is lost: %d bytes", what, len(data))
	}
	files, _ := filepath.Glob(w.dir + "/files/*/*")
	shared, _ := filepath.Glob(w.dir + "/shared/*/*")
	if all := append(files, shared...); !slices.Equal(all, []string{disks[0].Path()}) {
		w.t.Errorf("%s: left %q", what, all)
	}
}

func TestConversionCopiesTheDisks(t *testing.T) {
	w := convertible(t)
	e := w.run(Modify{Name: "web", DiskTemplate: config.DTSharedFile, WaitForSync: true})
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	if want := []string{"Converting disk template from 'file' to 'sharedfile'", "Generating new 'sharedfile' disk template...", "* disk 0, size 4M",
		"Creating new empty disks of type 'sharedfile'...",
		"Populating the new empty disks of type 'sharedfile'...", " - copying data from disk 0 (file), size 4M",
		"Detaching old disks (file) from the instance and removing them from cluster config",
		"Adding new disks (sharedfile) to cluster config and attaching them to the instance",
		" - INFO: Waiting for instance web to sync disks", " - INFO: Instance web's disks are in sync", "Removing old block devices of type 'file'..."}; !slices.Equal(e.Messages, want) {
		t.Errorf("said %q", e.Messages)
	}
	w.oneDisk("converted", config.DTSharedFile)
}

func TestConversionThatFailsIsTakenBack(t *testing.T) {
	for _, at := range []string{"node1: creates directory", "node1: creates file", "node1: converts device"} {
		w := convertible(t)
		w.mends[at] = refused
		if e := w.run(Modify{Name: "web", DiskTemplate: config.DTSharedFile, WaitForSync: true}); e.Err == nil || len(w.mends) > 0 {
			t.Errorf("%s: %v", at, e.Err)
		}
		w.oneDisk(at, config.DTFile)
	}
}

func TestConversionOfAFileThatIsGone(t *testing.T) {
	w := convertible(t)
	old := w.cfg.InstanceDisks(w.web())[0]
	if err := os.Remove(old.Path()); err != nil {
		t.Fatal(err)
	}
	e := w.run(Modify{Name: "web", DiskTemplate: config.DTSharedFile, WaitForSync: true})
	if want := "Error while converting the instance's template: Cannot copy from device '" + old.UUID + "': device not found"; e.Err == nil || e.Err.Error() != want {
		t.Errorf("got %v, want %s", e.Err, want)
	}
	if said := strings.Join(e.Messages, "|"); !strings.Contains(said, "| - INFO: The instance will not be affected, aborting operation| - INFO: Removing newly created disks of type "+
		"'sharedfile'...| - INFO: Newly created disks removed successfully") {
		t.Errorf("said %s", said)
	}
}

// A conversion that is cut off leaves the old disks or the new ones, whole.
func TestConversionThatIsCutOff(t *testing.T) {
	for _, by := range []mishap{unheard, vanished} {
		for at, want := range map[string]string{"node1: creates directory": config.DTFile, "node1: creates file": config.DTFile, "node1: converts device": config.DTFile,
			"node1: removes file": config.DTSharedFile, "node1: removes directory": config.DTSharedFile} {
			w := convertible(t)
			w.mends[at] = by
			w.run(Modify{Name: "web", DiskTemplate: config.DTSharedFile, WaitForSync: true})
			if len(w.mends) > 0 {
				t.Fatalf("nothing happened at %q", at)
			}
			if err := w.resolve(slices.Clone(w.begun)...); err != nil {
				t.Fatal(err)
			}
			w.oneDisk(at, want)
		}
	}
}

func TestConversionRefused(t *testing.T) {
	for want, change := range map[string]func(w *world, op *Modify){
		"Instance already has disk template file":                                                func(_ *world, op *Modify) { op.DiskTemplate = config.DTFile },
		"Disk template 'rbd' is not enabled for this cluster":                                    func(_ *world, op *Modify) { op.DiskTemplate = config.DTRBD },
		"Conversion to the 'blockdev' disk template is not supported":                            func(_ *world, op *Modify) { op.DiskTemplate = config.DTBlock },
		"cannot change disk template":                                                            func(w *world, _ *Modify) { w.running("node1") },
		"Cluster file storage dir for 'sharedfile' storage type not defined":                     func(w *world, _ *Modify) { w.cfg.Cluster.SharedFileStorageDir = "" },
		"Cannot convert disk template from file to sharedfile when exclusive storage is enabled": func(w *world, _ *Modify) { w.cfg.Nodes[0].NDParams = config.Params{"exclusive_storage": true} },
	} {
		w := convertible(t)
		op := Modify{Name: "web", DiskTemplate: config.DTSharedFile}
		change(w, &op)
		if e := w.run(op); e.Err == nil || !strings.Contains(e.Err.Error(), want) || len(w.begun) > 0 {
			t.Errorf("got %v, want %s; begun %q", e.Err, want, w.begun)
		}
	}
}
