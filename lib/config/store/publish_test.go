package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gantry/lib/remote"
)

// watched notes which ssconf files travel to a node.
type watched struct {
	runner
	mu   sync.Mutex
	node string
	sent [][]string
}

func (w *watched) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if node == w.node && scriptKind(c) == "publish" {
		var names []string
		for line := range strings.Lines(string(c.Stdin)) {
			if name, ok := strings.CutPrefix(line, "="); ok {
				names = append(names, strings.TrimSpace(name))
			}
		}
		w.mu.Lock()
		w.sent = append(w.sent, names)
		w.mu.Unlock()
	}
	return w.runner.Run(ctx, node, c)
}

// change makes a version with another tag and returns the files that travelled to the watched node, one list a round trip.
func (w *watched) change(t *testing.T, s *Store, name string) [][]string {
	t.Helper()
	w.sent = nil
	if c, err := s.Update(t.Context(), w, tag(name)); err != nil || len(c.Warnings) > 0 {
		t.Fatalf("Update = %+v, %v", c, err)
	}
	if got := w.tags(t); !strings.Contains(got, name+"\n") {
		t.Errorf("ssconf_cluster_tags after %s: %q", name, got)
	}
	return w.sent
}

func (w *watched) tags(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir(w.node), "ssconf_cluster_tags"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOnlySsconfFilesThatChangedTravel(t *testing.T) {
	l, s := newLab(t, 3)
	w := &watched{runner: l.as(n1), node: n4}
	if sent := w.change(t, s, "blue"); len(sent) != 1 || !slices.Equal(sent[0], []string{"ssconf_cluster_tags"}) {
		t.Errorf("sent: %v", sent)
	}
	w.sent = nil
	if _, err := s.Update(t.Context(), w, mark("blue")); err != nil || w.sent != nil {
		t.Errorf("after a change that no file shows: %v, %v", w.sent, err)
	}
}

// What the master remembers of a node is only a hint: the node says when it is not so.
func TestANodeWithOtherSsconfFilesGetsAll(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"of another version": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, ".ssconf.version"), []byte("1 1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"of none": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, ".ssconf.version")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, s := newLab(t, 3)
			w := &watched{runner: l.as(n1), node: n4}
			w.change(t, s, "blue")
			spoil(t, l.dir(n4))
			if err := os.Remove(filepath.Join(l.dir(n4), "ssconf_node_list")); err != nil {
				t.Fatal(err)
			}
			if sent := w.change(t, s, "red"); len(sent) != 2 || len(sent[1]) < 20 {
				t.Errorf("sent: %v", sent)
			}
			if _, err := os.Stat(filepath.Join(l.dir(n4), "ssconf_node_list")); err != nil {
				t.Error(err)
			}
		})
	}
}

// A node that did not answer may have some of the files or all.
func TestANodeWhoseAnswerWasLostGetsAllSsconfFiles(t *testing.T) {
	l, s := newLab(t, 3)
	w := &watched{runner: l.as(n1), node: n4}
	w.change(t, s, "blue")
	l.set(l.lose, true, n4)
	if c, err := s.Update(t.Context(), w, tag("red")); err != nil || len(c.Warnings) != 1 {
		t.Fatalf("Update = %+v, %v", c, err)
	}
	l.set(l.lose, false, n4)
	if sent := w.change(t, s, "green"); len(sent) != 1 || len(sent[0]) < 20 {
		t.Errorf("sent: %v", sent)
	}
}

// Two transactions may give a node their files in the wrong order: the later one's stay, and are known to be there.
func TestFilesOfALaterVersionStayKnown(t *testing.T) {
	l, s := newLab(t, 3)
	w := &watched{runner: l.as(n1), node: n4}
	w.change(t, s, "blue")
	before, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	w.change(t, s, "red")
	if warnings := s.publish(t.Context(), w, before.config, before.header); warnings != nil {
		t.Errorf("publish: %v", warnings)
	}
	if got := w.tags(t); !strings.Contains(got, "red\n") {
		t.Errorf("an old version replaced the new one: %q", got)
	}
	if sent := w.change(t, s, "green"); len(sent) != 1 || len(sent[0]) != 1 {
		t.Errorf("sent: %v", sent)
	}
}

// A node that died while it wrote the files must not be taken for one that has the version before.
func TestFilesThatWereCutOffAreNotTakenForTheOldOnes(t *testing.T) {
	l, s := newLab(t, 3)
	w := &watched{runner: l.as(n1), node: n4}
	w.change(t, s, "blue")
	before, err := os.ReadFile(s.hintsFile())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.dir(n4), "ssconf_cluster_tags")
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o755)); err != nil { // mv replaces no directory: the script ends there
		t.Fatal(err)
	}
	if c, err := s.Update(t.Context(), w, tag("red")); err != nil || len(c.Warnings) == 0 {
		t.Fatalf("Update = %+v, %v", c, err)
	}
	if err := errors.Join(os.Remove(file), os.WriteFile(s.hintsFile(), before, 0o644)); err != nil { // the master died before it noted anything
		t.Fatal(err)
	}
	if sent := w.change(t, s, "green"); len(sent) != 2 || len(sent[1]) < 20 {
		t.Errorf("sent: %v", sent)
	}
}
