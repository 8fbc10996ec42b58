package instance

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/job"
)

// cutSwap has a job that exchanges the volumes of web on a node cut off, and what is written since comes only to the sides that are in use.
func cutSwap(t *testing.T, mode, at string, by mishap) (w *world, begun []string) {
	t.Helper()
	w = mirroredWorld(t).upAndRunning()
	w.mends[at] = by
	if e := w.run(ReplaceDisks{Name: "web", Mode: mode}); e.Err == nil {
		t.Fatalf("nothing happened at %q", at)
	}
	begun = slices.Clone(w.begun)
	for node, minors := range w.store.minors {
		if m := minors[0]; m != nil && m.data != "" && m.valid {
			w.store.lvs[node][m.data].data = "newer"
		}
	}
	return w, begun
}

// away takes a node off, as the operator has marked it.
func (w *world) away(node string, off bool) {
	w.off[node], w.cfg.NodeByName(node).Offline = off, off
}

// aside are the volumes of a node that were set aside.
func (w *world) aside(node string) (list []string) {
	for _, name := range w.store.names(node) {
		if strings.Contains(name, replaced) {
			list = append(list, name)
		}
	}
	return list
}

func (w *world) expectData(node, want string) {
	w.t.Helper()
	if got := w.store.lvs[node][volumeOf(w.disk().Children[0]).String()]; got == nil || got.data != want {
		w.t.Errorf("the data on %s is %+v, want %s", node, got, want)
	}
}

func TestNewVolumesThatAreFilledAreKeptWithoutThePeer(t *testing.T) {
	for name, tt := range map[string]struct {
		mode, node, peer string
		rebooted         bool
	}{
		"secondary":           {ReplaceSecondary, "node2", "node1", false},
		"secondary, rebooted": {ReplaceSecondary, "node2", "node1", true},
		"primary, in use":     {ReplacePrimary, "node1", "node2", false},
		"primary, rebooted":   {ReplacePrimary, "node1", "node2", true},
	} {
		t.Run(name, func(t *testing.T) {
			w, begun := cutSwap(t, tt.mode, tt.node+": removes volume", vanished)
			if len(w.aside(tt.node)) != 2 {
				t.Fatalf("aside are %q", w.aside(tt.node))
			}
			w.away(tt.peer, true)
			clear(w.store.minors[tt.peer])
			if tt.rebooted {
				clear(w.store.minors[tt.node])
			}
			if err := w.resolve(begun...); err != nil && !strings.Contains(err.Error(), job.ErrLater.Error()) {
				t.Fatal(err)
			}
			w.expectData(tt.node, "newer")
			if got := w.store.names(tt.node); len(got) != 2 || len(w.aside(tt.node)) > 0 {
				t.Errorf("volumes are %q", got)
			}
		})
	}
}

func TestNewVolumesThatAreNotFilledStayBesideTheOldOnes(t *testing.T) {
	w, begun := cutSwap(t, ReplaceSecondary, "node2: removes volume", vanished)
	w.store.minors["node2"][0].valid = false
	w.away("node1", true)
	clear(w.store.minors["node1"])
	before := w.store.names("node2")
	err := w.resolve(begun...)
	if err == nil || !strings.Contains(err.Error(), "the new volumes of disk/0 on node node2 are not filled yet") || !strings.Contains(err.Error(), job.ErrLater.Error()) {
		t.Errorf("resolving = %v", err)
	}
	if got := w.store.names("node2"); !slices.Equal(got, before) || w.store.minors["node2"][0].data == "" {
		t.Errorf("volumes are %q, were %q", got, before)
	}
}

func TestOldVolumesStayAsideWithoutThePeer(t *testing.T) {
	for _, at := range []string{"node2: renames volume vg/", "node2: formats drbd0"} {
		w, begun := cutSwap(t, ReplaceSecondary, at, unheard)
		w.away("node1", true)
		primary := w.store.minors["node1"][0]
		clear(w.store.minors["node1"])
		err := w.resolve(begun...)
		if err == nil || !strings.Contains(err.Error(), "stay aside until it is connected to its other node") || !strings.Contains(err.Error(), job.ErrLater.Error()) {
			t.Errorf("%s: resolving = %v", at, err)
		}
		if len(w.aside("node2")) == 0 || w.store.minors["node2"][0].data != "" {
			t.Errorf("%s: aside are %q", at, w.aside("node2"))
		}
		w.away("node1", false)
		w.store.minors["node1"][0] = primary
		clear(w.store.minors["node2"])
		if err := w.resolve(begun...); err != nil {
			t.Errorf("%s, once the peer is there: %v", at, err)
		}
		if got := w.store.names("node2"); len(got) != 2 || len(w.aside("node2")) > 0 || w.store.minors["node2"][0].data == "" {
			t.Errorf("%s: volumes are %q", at, got)
		}
	}
}

func TestADetachedSideIsOutdatedWithoutThePeer(t *testing.T) {
	w, begun := cutSwap(t, ReplaceSecondary, "node2: detaches drbd0", unheard)
	w.away("node1", true)
	primary := w.store.minors["node1"][0]
	clear(w.store.minors["node1"])
	if err := w.resolve(begun...); err != nil {
		t.Error(err)
	}
	if m := w.store.minors["node2"][0]; m.data == "" || m.valid {
		t.Errorf("the side is %+v", m)
	}
	w.away("node1", false)
	w.store.minors["node1"][0] = primary
	if e := w.run(ActivateDisks{Name: "web"}); e.Err != nil {
		t.Error(e.Err)
	}
}

// DRBD needs ten seconds to see that its peer is gone.
func TestADetachedSideIsOutdatedBeforeItMeetsThePeer(t *testing.T) {
	for _, at := range []string{"node2: detaches drbd0", "node2: formats drbd0"} {
		w, begun := cutSwap(t, ReplaceSecondary, at, unheard)
		marked := ""
		w.watch = func(line string) {
			if strings.HasPrefix(line, "node2: attaches drbd0") {
				marked = w.store.lvs["node2"][volumeOf(w.disk().Children[1]).String()].data
			}
		}
		if err := w.resolve(begun...); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		if m := w.store.minors["node2"][0]; marked != "old" || !m.valid {
			t.Errorf("%s: the metadata was %q, the side is %+v", at, marked, m)
		}
	}
}

func TestVolumesThatCannotBeMarkedAsOldAreLeftDetached(t *testing.T) {
	w, begun := cutSwap(t, ReplaceSecondary, "node2: detaches drbd0", unheard)
	attached := false
	w.watch = func(line string) {
		switch {
		case strings.HasPrefix(line, "node2: tunes drbd0"):
			w.mends["node2: tunes drbd0"] = refused
		case strings.HasPrefix(line, "node2: activates volume"): // the activation of the job that asked has begun
			w.watch = nil
			attached = w.store.minors["node2"][0].data != ""
		}
	}
	err := w.resolve(begun...)
	if err == nil || !strings.Contains(err.Error(), job.ErrLater.Error()) || attached || w.watch != nil {
		t.Errorf("resolving = %v", err)
	}
}

// Metadata that was set aside must never come beside new data.
func TestTheOldVolumesThatAreLeftGoTogether(t *testing.T) {
	w, begun := cutSwap(t, ReplaceSecondary, "node2: removes volume", unheard)
	if got := w.aside("node2"); len(got) != 1 {
		t.Fatalf("aside are %q", got)
	}
	meta := w.store.lvs["node2"][volumeOf(w.disk().Children[1]).String()]
	w.store.minors["node2"][0].valid = false
	err := w.resolve(begun...)
	if err == nil || !strings.Contains(err.Error(), job.ErrLater.Error()) || w.store.lvs["node2"][volumeOf(w.disk().Children[1]).String()] != meta {
		t.Errorf("not filled: %v", err)
	}
	w.store.minors["node2"][0].valid = true
	if err := w.resolve(begun...); err != nil || len(w.aside("node2")) > 0 || w.store.lvs["node2"][volumeOf(w.disk().Children[1]).String()] != meta {
		t.Errorf("filled: %v, volumes are %q", err, w.store.names("node2"))
	}
}

// DRBD does not know what old volumes lack once new ones have been filled from the same peer.
func TestAnExchangeThatFailsAfterItsNewVolumesWereAttachedKeepsThem(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.watch = func(line string) {
		if strings.HasPrefix(line, "node2: tunes drbd0") {
			w.mends["node2: tunes drbd0"] = refused
		}
	}
	e := w.run(ReplaceDisks{Name: "web", Mode: ReplaceSecondary})
	if e.Err == nil || len(w.aside("node2")) != 2 || w.store.minors["node2"][0].data == "" {
		t.Errorf("%v, volumes are %q", e.Err, w.store.names("node2"))
	}
	w.expectData("node2", "precious")
}
