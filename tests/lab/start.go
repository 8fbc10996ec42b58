package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Switch is the environment variable that lets tests start labs; without it they are skipped, and say so.
const Switch = "GANTRY_LAB"

// Start starts a lab for one test and ends it after that, or when the test's process dies. It has an id of its own.
func Start(t testing.TB, o Options) *Lab {
	t.Helper()
	Need(t)
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", dirPrefix+"-test-")
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = dir
	}
	l, err := Up(o, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.showLogs(t)
		}
		if err := Down("", o.Dir); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Need skips a test that needs a lab unless GANTRY_LAB=1 is set. With it set, a machine that cannot run one fails the test.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(Switch) != "1" {
		t.Skipf("SKIPPED, NOT TESTED: needs a lab; run as root with %s=1", Switch)
	}
	if err := checkTools(); err != nil {
		t.Fatal(err)
	}
}

// RunLimit is how long Run lets a command run.
const RunLimit = 4 * time.Minute

// Run runs a shell text in a node. It panics if there is no such node or it has no power: a test that may meet that uses Do.
func (l *Lab) Run(node, text string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), RunLimit)
	defer cancel()
	r, err := l.Do(ctx, node, text)
	if err != nil {
		panic(err)
	}
	return r
}

// Must is Run for commands whose failure ends the test. It returns what they printed on standard output.
func (l *Lab) Must(t testing.TB, node, text string) string {
	t.Helper()
	r := l.Run(node, text)
	if r.Status != 0 {
		t.Fatalf("%s: %s\nstatus %d\n%s%s", node, text, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// showLogs prints what a reader of a failed test asks for first.
func (l *Lab) showLogs(t testing.TB) {
	list, _ := filepath.Glob(filepath.Join(l.dir, "nodes/*/console.log"))
	for _, path := range append(list, filepath.Join(l.dir, "world.log")) {
		if text, _ := os.ReadFile(path); len(text) > 0 {
			t.Logf("%s:\n%s", strings.TrimPrefix(path, l.dir), text)
		}
	}
}
