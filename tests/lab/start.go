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
		o.Dir = OwnDir(t, "", dirPrefix)
	}
	l, err := Up(o, true)
	if err != nil {
		t.Fatal(err)
	}
	l.EndWith(t, Down)
	return l
}

// OwnDir makes a directory for the lab of one test, in parent or where temporary files are; the lab removes it.
func OwnDir(t testing.TB, parent, prefix string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, prefix+"-test-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// EndWith ends the lab after a test, and shows its logs if that failed.
func (c *Controls) EndWith(t testing.TB, down func(id, dir string) error) {
	t.Cleanup(func() {
		if t.Failed() {
			c.showLogs(t)
		}
		if err := down("", c.dir); err != nil {
			t.Error(err)
		}
	})
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

// RunLimit is how long Run lets a command run in namespaces.
const RunLimit = 4 * time.Minute

// Run runs a shell text in a node. It panics if there is no such node or it has no power: a test that may meet that uses Do.
func (c *Controls) Run(node, text string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	r, err := c.kind.Do(ctx, node, text)
	if err != nil {
		panic(err)
	}
	return r
}

// Must is Run for commands whose failure ends the test. It returns what they printed on standard output.
func (c *Controls) Must(t testing.TB, node, text string) string {
	t.Helper()
	r := c.Run(node, text)
	if r.Status != 0 {
		t.Fatalf("%s: %s\nstatus %d\n%s%s", node, text, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// logEnd is how many bytes of a log are shown: a machine's kernel says much before what matters.
const logEnd = 6000

// showLogs prints what a reader of a failed test asks for first.
func (c *Controls) showLogs(t testing.TB) {
	list, _ := filepath.Glob(filepath.Join(c.dir, "nodes/*/console.log"))
	for _, path := range append(list, filepath.Join(c.dir, "world.log")) {
		if text, _ := os.ReadFile(path); len(text) > 0 {
			t.Logf("%s:\n%s", strings.TrimPrefix(path, c.dir), text[max(0, len(text)-logEnd):])
		}
	}
}
