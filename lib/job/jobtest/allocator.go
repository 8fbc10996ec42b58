package jobtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/remote"
)

// Allocator is nodes that all are this machine, on which the real scripts run, with one allocator that says what it is told.
type Allocator struct {
	t   testing.TB
	dir string
}

// NewAllocator makes an allocator of that name.
func NewAllocator(t testing.TB, name, answer string) Allocator {
	t.Helper()
	a := Allocator{t, t.TempDir()}
	script := "#!/bin/sh\ncp \"$1\" " + a.asked() + "\ncat <<'END'\n" + answer + "\nEND\n"
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a Allocator) asked() string { return filepath.Join(a.dir, "asked.json") }

// Asked is the file the allocator got.
func (a Allocator) Asked() string {
	a.t.Helper()
	data, err := os.ReadFile(a.asked())
	if err != nil {
		a.t.Fatal(err)
	}
	return string(data)
}

// Run runs a command here, with the allocator's directory in place of the node's.
func (a Allocator) Run(ctx context.Context, _ string, c remote.Cmd) (remote.Result, error) {
	argv := slices.Clone(c.Argv)
	for i := range argv {
		argv[i] = strings.NewReplacer("/usr/local/lib/ganeti/iallocators", a.dir, "/var/run/ganeti", a.dir).Replace(argv[i])
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(string(c.Stdin))
	out, err := cmd.Output()
	return remote.Result{Stdout: out}, err
}
