package instance

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/job/jobtest"
)

// withHelper is a world where the running instance db is exported after a helper has overwritten its free space.
func withHelper(t *testing.T) *world {
	w := newWorld(t).withExports("the data")
	w.store = newVolumes()
	w.cfg.Cluster.VolumeGroupName, w.cfg.Cluster.ZeroingImage = "vg", w.imageFile("a helper")
	if e := w.run(Startup{Name: "db"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	return w
}

func zeroed(change func(op *Export)) Export {
	return exportTo("node2", func(op *Export) {
		op.ZeroFreeSpace, op.LongSleep = true, true
		if change != nil {
			change(op)
		}
	})
}

// powersOff ends the helper some time after it has started, as what is in the image does. What it saw is sent: the devices that are linked for it.
func (w *world) powersOff() <-chan []string {
	saw := make(chan []string, 1)
	w.forget() // the instance was started before
	go func() {
		guest := filepath.Join(w.dir, "node1", "fake-hypervisor", "db")
		for range 1000 {
			time.Sleep(5 * time.Millisecond)
			w.mu.Lock()
			started := slices.ContainsFunc(w.begun, func(line string) bool { return strings.HasPrefix(line, "node1: starts instance db") })
			if _, err := os.Stat(guest); err == nil && started {
				var links []string
				found, _ := filepath.Glob(filepath.Join(w.dir, "node1", "instance-disks", "db:*"))
				for _, l := range found {
					to, _ := os.Readlink(l)
					links = append(links, to)
				}
				os.Remove(guest)
				w.mu.Unlock()
				saw <- links
				return
			}
			w.mu.Unlock()
		}
		close(saw)
	}()
	return saw
}

// asBefore fails unless nothing of the helper is left and the instance runs.
func (w *world) asBefore(e jobtest.Ended) {
	w.t.Helper()
	inst := w.cfg.InstanceByName("db")
	s, err := stateOf(w.t.Context(), w, inst, "node1")
	if err != nil || !s.Running || !inst.DisksActive || inst.AdminState != config.AdminUp {
		w.t.Errorf("running %v (%v), disks active %v, %s", s.Running, err, inst.DisksActive, inst.AdminState)
	}
	if disks := w.cfg.InstanceDisks(inst); len(disks) != 2 || disks[0].DevType != config.DTFile || disks[0].IVName != "disk/0" || len(w.cfg.Disks) != 2 {
		w.t.Errorf("disks %+v of %d", disks, len(w.cfg.Disks))
	}
	if left := w.store.names("node1"); len(left) > 0 {
		w.t.Errorf("left are %q; said was %q", left, e.Messages)
	}
}

func TestAHelperOverwritesFreeSpaceBeforeTheExport(t *testing.T) {
	w := withHelper(t)
	saw := w.powersOff()
	e := w.run(zeroed(nil))
	if e.Err != nil {
		t.Fatalf("%v, said %q", e.Err, e.Messages)
	}
	if links := <-saw; len(links) != 3 || !strings.HasPrefix(links[0], "/dev/vg/") || !strings.HasPrefix(links[1], w.dir) {
		t.Errorf("the helper had %q", links)
	}
	var said []string
	for _, m := range e.Messages {
		if text, ok := strings.CutPrefix(m, "Zeroing free disk space: "); ok {
			said = append(said, text)
		}
	}
	image := w.cfg.Cluster.ZeroingImage
	if want := []string{"Shutting down instance", "Deactivating disks", "Attempting to create temporary disk", "Temporary disk created", "Activating helper VM's temporary disks",
		"Imaging temporary disks with image " + image, "Starting helper VM", "Helper VM is up", "Waiting for helper VM to finish", "Regular cleanup of temporary disk",
		"Shutting down instance", "Deactivating disks", "Temporary disk removed", "Helper VM execution completed"}; !slices.Equal(said, want) {
		t.Errorf("said %q\nwant %q", said, want)
	}
	if len(w.exports("node2")) != 3 {
		t.Errorf("exported was %q", w.exports("node2"))
	}
	w.asBefore(e)
}

func TestAHelperThatDoesNotEndIsEnded(t *testing.T) {
	w := withHelper(t)
	e := w.run(zeroed(func(op *Export) { op.ZeroingFixed, op.ZeroingPerMiB = new(0), new(0.0) }))
	if e.Err == nil || !strings.Contains(e.Err.Error(), "Error running helper VM with image "+w.cfg.Cluster.ZeroingImage) ||
		!slices.Contains(e.Messages, " - WARNING: Zeroing free disk space: Helper VM has not finished within the timeout; shutting it down forcibly") {
		t.Errorf("%v, said %q", e.Err, e.Messages)
	}
	if len(w.exports("node2")) != 0 {
		t.Errorf("exported was %q", w.exports("node2"))
	}
	w.asBefore(e)
}

func TestAHelperThatDoesNotStartLeavesNothing(t *testing.T) {
	for mends, want := range map[string]string{
		"node1: starts instance db": "Could not start helper VM with image",
		"node1: creates volume vg/": "Can't create block device",
	} {
		w := withHelper(t)
		w.mends[mends] = refused
		if e := w.run(zeroed(nil)); e.Err == nil || !strings.Contains(e.Err.Error(), want) {
			t.Errorf("%v, said %q", e.Err, e.Messages)
		} else {
			w.asBefore(e)
		}
	}
}
