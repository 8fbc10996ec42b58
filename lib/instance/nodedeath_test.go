package instance

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// lose takes the power from a node, which comes back at once: its volumes are there and nothing is set up.
func (w *world) lose(node string) {
	w.t.Helper()
	clear(w.store.minors[node])
	if err := os.RemoveAll(w.guest(node)); err != nil {
		w.t.Fatal(err)
	}
}

// united fails unless the sides of the disk are connected and only one may be primary.
func (w *world) united(what string) {
	w.t.Helper()
	w.whole(what)
	for _, node := range []string{"node1", "node2"} {
		m := w.store.minors[node][0]
		if m == nil {
			w.t.Errorf("%s: nothing is set up on %s", what, node)
			continue
		}
		if _, p := w.store.peer(m); p == nil || m.two || m.primary != (node == w.cfg.NodeName(w.web().PrimaryNode)) {
			w.t.Errorf("%s: %s has %+v, the other side %+v", what, node, m, p)
		}
	}
}

// Whichever node loses its power at whatever point of a migration: what the job has left does not stand in the way of later ones, and the
// mirror is as it was.
func TestMirrorsSurviveANodeThatDiesInAMigration(t *testing.T) {
	every := 6 // a sample, unless the long tests of faults are run
	if os.Getenv("GANTRY_FAULTS") == "all" {
		every = 1
	}
	for i, node := range []string{"node1", "node2"} {
		for cut := 2 + 3*i; ; cut += every { // the first change is none of a mirror
			w := mirroredWorld(t).upAndRunning()
			w.moving, w.cut, w.cutBy = true, cut, unheard
			w.run(Migrate{Name: "web"})
			begun := slices.Clone(w.begun)
			w.cut, w.dead = 0, false
			if len(begun) < cut {
				break
			}
			w.lose(node)
			what := fmt.Sprintf("%s loses its power after %s", node, begun[cut-1])
			if err := w.resolve(begun[:cut]...); err != nil {
				t.Errorf("%s: resolving: %v", what, err)
				continue
			}
			w.united(what)
		}
	}
}

// The job that was cut off is forgotten with the master: the ordinary command does as well.
func TestActivateDisksMendsWhatAMigrationHasLeft(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.moving, w.mends["node2: promotes"] = true, unheard
	if e := w.run(Migrate{Name: "web"}); e.Err == nil || !w.store.minors["node1"][0].two {
		t.Fatalf("%v, %+v", e.Err, w.store.minors["node1"][0])
	}
	w.lose("node2")
	if e := w.run(ActivateDisks{Name: "web"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.united("activated")
}

// The same for what looks where the guest is.
func TestCleanupMendsMirrorsOfANodeThatLostItsPower(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.moving, w.mends["node2: promotes"] = true, unheard
	if e := w.run(Migrate{Name: "web"}); e.Err == nil {
		t.Fatal("nothing happened")
	}
	w.lose("node2")
	if e := w.run(Migrate{Name: "web", Cleanup: true}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.united("cleaned up")
}
