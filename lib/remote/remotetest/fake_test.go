package remotetest

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"gantry/lib/remote"
)

// watched is a testing.TB that remembers complaints instead of failing, and runs its cleanups on demand.
type watched struct {
	testing.TB
	complaints []string
	cleanups   []func()
}

func (w *watched) Helper()          {}
func (w *watched) Failed() bool     { return len(w.complaints) > 0 }
func (w *watched) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }
func (w *watched) Errorf(f string, a ...any) {
	w.complaints = append(w.complaints, fmt.Sprintf(f, a...))
}

func (w *watched) end() string {
	for _, f := range w.cleanups {
		f()
	}
	return strings.Join(w.complaints, "\n")
}

func TestFakeAnswers(t *testing.T) {
	f := New(t).Answer("node1: lvs", "one").Answer("node1: lvs", "two").Fail("node1: test -e x", 1, "").
		Fail("node1: timeout -k 5 60 false", 1, "no").Unknown("node2: lvs").Always("node3: true", "")
	for _, want := range []string{"one", "two"} {
		if r, err := f.Run(t.Context(), "node1", remote.Command("lvs")); err != nil || string(r.Stdout) != want {
			t.Errorf("%q %v", r.Stdout, err)
		}
	}
	test := remote.Command("test", "-e", "x")
	test.OK = []int{1}
	if r, err := f.Run(t.Context(), "node1", test); err != nil || r.Status != 1 {
		t.Errorf("%d %v", r.Status, err)
	}
	if _, err := f.Run(t.Context(), "node1", remote.Command("false")); remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "no") {
		t.Error(err)
	}
	if _, err := f.Run(t.Context(), "node2", remote.Command("lvs")); remote.OutcomeOf(err) != remote.Unknown {
		t.Error(err)
	}
	if sent := f.Sent(); len(sent) != 5 || sent[4].Node != "node2" {
		t.Errorf("%v", sent)
	}
}

func TestFakeKnowsScriptsByName(t *testing.T) {
	const script = "# guest.sh: shared\nalive() { :; }\n# stop.sh NAME SECONDS: stops\nalive \"$1\"\n"
	f := New(t).Answer("node1: stop.sh web 'a b'", "done")
	out, err := f.Run(t.Context(), "node1", remote.Script(script, "web", "a b"))
	if err != nil || string(out.Stdout) != "done" {
		t.Errorf("Run = %q, %v", out.Stdout, err)
	}
}

func TestFakeIsStrict(t *testing.T) {
	for name, tt := range map[string]struct {
		tell func(f *Fake)
		send []string
		says string
	}{
		"a command nobody expects": {func(f *Fake) { f.Answer("node1: lvs", "") }, []string{"vgs"}, "unexpected command\nnode1: vgs\nstill expected:\nnode1: lvs"},
		"one too many":             {func(f *Fake) { f.Answer("node1: lvs", "") }, []string{"lvs", "lvs"}, "unexpected command\nnode1: lvs"},
		"one that never came":      {func(f *Fake) { f.Answer("node1: lvs", "") }, nil, "never came:\nnode1: lvs"},
		"the wrong order":          {func(f *Fake) { f.InOrder().Answer("node1: a", "").Answer("node1: b", "") }, []string{"b", "a"}, "unexpected command\nnode1: b"},
		"all is well":              {func(f *Fake) { f.Answer("node1: a", "").Answer("node1: b", "") }, []string{"b", "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watched{TB: t}
			f := New(w)
			tt.tell(f)
			for _, word := range tt.send {
				f.Run(t.Context(), "node1", remote.Command(word))
			}
			if got := w.end(); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
				t.Errorf("complained %q, want %q", got, tt.says)
			}
		})
	}
}

func TestFakeFiles(t *testing.T) {
	f := New(t)
	if err := f.Put(t.Context(), "node1", "/a", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	temp, err := f.Stage(t.Context(), "node1", "/a", []byte("y"), 0o640)
	if err != nil {
		t.Fatal(err)
	}
	if file, ok := f.File("node1", temp); !ok || string(file.Data) != "y" || file.Mode != 0o640 {
		t.Errorf("%s: %+v", temp, file)
	}
	if data, err := f.Get(t.Context(), "node1", "/a"); err != nil || string(data) != "x" {
		t.Errorf("%q %v", data, err)
	}
	if _, err := f.Get(t.Context(), "node2", "/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestFakeWork(t *testing.T) {
	f := New(t).Answer("node1: dd", "copied").Fail("node1: false", 3, "").Answer("node1: cat", "out")
	for _, id := range []string{"a", "a"} { // the second start does nothing
		if err := f.Start(t.Context(), "node1", id, remote.Command("dd")); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Start(t.Context(), "node1", "b", remote.Command("false")); err != nil {
		t.Fatal(err)
	}
	if r, err := f.Follow(t.Context(), "node1", "a"); err != nil || string(r.Stdout) != "copied" {
		t.Errorf("%q %v", r.Stdout, err)
	}
	if r, err := f.Follow(t.Context(), "node1", "b"); remote.OutcomeOf(err) != remote.Failed || r.Status != 3 {
		t.Errorf("%d %v", r.Status, err)
	}
	f.Forget(t.Context(), "node1", "a")
	if _, err := f.Follow(t.Context(), "node1", "a"); !errors.Is(err, remote.ErrNoWork) {
		t.Error(err)
	}
	var out strings.Builder
	if _, err := f.Stream(t.Context(), "node1", remote.Command("cat"), strings.NewReader("in"), &out); err != nil || out.String() != "out" {
		t.Errorf("%q %v", out.String(), err)
	}
	if sent := f.Sent(); string(sent[2].Cmd.Stdin) != "in" {
		t.Errorf("sent %q", sent[2].Cmd.Stdin)
	}
}
