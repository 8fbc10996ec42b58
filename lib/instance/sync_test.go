package instance

import (
	"testing"
	"time"

	"gantry/lib/job"
	"gantry/lib/remote/remotetest"
)

// What DRBD estimates in the first moments is far too much.
func TestDisksAreWaitedForNoLongerThanTheyTake(t *testing.T) {
	defer func(before time.Duration) { syncLook = before }(syncLook)
	syncLook = time.Millisecond
	w := mirroredWorld(t)
	const (
		read    = "node1: sh -c '[ ! -e /proc/drbd ] || cat /proc/drbd' sh"
		begun   = " 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n    ns:0 nr:0\n\t[>....................] sync'ed:  1.0% (16/16)M\n\tfinish: 0:00:40 speed: 400 (400) K/sec\n"
		further = " 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n    ns:0 nr:0\n\t[=========>..........] sync'ed: 50.0% (8/16)M\n\tfinish: 0:00:20 speed: 400 (400) K/sec\n"
		whole   = " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n    ns:0 nr:0\n"
	)
	f := remotetest.New(t).InOrder()
	for _, answer := range []string{begun, further, whole} {
		f.Answer(read, "version: 8.4.11 (api:1/proto:86-101)\n"+answer)
	}
	env := &job.Env{Nodes: f, Config: w.cfg}
	began := time.Now()
	err := (&syncing{env: env, node: "node1", disks: w.cfg.InstanceDisks(w.web())}).rest(t.Context(), 40*time.Second)
	if err != nil || time.Since(began) > 20*time.Second || len(f.Sent()) != 3 {
		t.Errorf("%v after %v: %v", err, time.Since(began), f.Sent())
	}
}
