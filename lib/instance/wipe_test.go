package instance

import (
	"slices"
	"testing"
)

func TestWipingTellsWhatPartOfADiskItWipes(t *testing.T) {
	w := newWorld(t).withFile() // of 4 MiB
	w.cfg.Cluster.PreallocWipeDisks = true
	e := w.run(GrowDisk{Name: "web", Amount: 4})
	if e.Err != nil || !slices.Contains(e.Messages, " - INFO: * Wiping disk 0 (from 4M to 8M)") {
		t.Errorf("%v; said %q", e.Err, e.Messages)
	}
	e = w.run(Modify{Name: "web", Disks: add(8), WaitForSync: true})
	if e.Err != nil || !slices.Contains(e.Messages, " - INFO: * Wiping disk 1") {
		t.Errorf("%v; said %q", e.Err, e.Messages)
	}
}
