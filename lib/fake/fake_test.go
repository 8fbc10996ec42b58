package fake

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gantry/lib/remote"
)

// here runs commands on this machine, below a directory of the test's own.
type here struct{ dir string }

func (h here) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	argv := slices.Clone(c.Argv)
	for i, word := range argv {
		if word == Root {
			argv[i] = h.dir
		}
	}
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		if !slices.Contains(c.OK, exit.ExitCode()) {
			return remote.Result{}, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: exit.ExitCode(), Stderr: exit.Stderr}
		}
		return remote.Result{Stdout: out, Status: exit.ExitCode()}, nil
	}
	return remote.Result{Stdout: out}, err
}

func TestLifeOfAGuest(t *testing.T) {
	h := here{t.TempDir() + "/fake-hypervisor"}
	ctx := t.Context()
	if list, err := States(ctx, h, "node1"); err != nil || len(list) != 0 {
		t.Fatalf("States = %v, %v", list, err)
	}
	for _, step := range []struct {
		what string
		err  error
		want string
	}{
		{"start", Start(ctx, h, "node1", "web", 128, 1), ""},
		{"start again", Start(ctx, h, "node1", "web", 128, 1), "Failed to start instance web: already running"},
		{"accept", Accept(ctx, h, "node1", "web"), "Can't accept instance, already running"},
		{"balloon", Balloon(ctx, h, "node1", "web", 96, 1), ""},
		{"balloon another", Balloon(ctx, h, "node1", "db", 96, 1), "Failed to balloon memory for db: not running"},
		{"migrate here", FinishTarget(ctx, h, "node1", "db", 64, 2), ""},
	} {
		if got := text(step.err); got != step.want {
			t.Errorf("%s: %s", step.what, got)
		}
	}
	data, err := os.ReadFile(h.dir + "/web")
	info, statErr := os.Stat(h.dir + "/web")
	if err != nil || statErr != nil || string(data) != "0\n96\n1\n" || info.Mode() != 0o600 {
		t.Errorf("file: %q %v, %v", data, info.Mode(), errors.Join(err, statErr))
	}
	list, err := States(ctx, h, "node1")
	if err != nil || !slices.Equal(list, []State{{"db", 64, 2}, {"web", 96, 1}}) {
		t.Errorf("States = %v, %v", list, err)
	}
	if FreeMemory(200, list) != 40 || FreeMemory(100, list) != 0 {
		t.Errorf("free: %d, %d", FreeMemory(200, list), FreeMemory(100, list))
	}
	if got := text(Stop(ctx, h, "node1", "web")); got != "" {
		t.Errorf("stop: %s", got)
	}
	if got := text(Stop(ctx, h, "node1", "web")); got != "Failed to stop instance web: not running" {
		t.Errorf("stop again: %s", got)
	}
	if got := text(Kill(ctx, h, "node1", "web")); got != "" {
		t.Errorf("kill: %s", got)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestScripts(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Skip("SHELLCHECK IS NOT INSTALLED: the scripts were not checked")
	}
	for _, script := range []string{mark, unmark, StateProbe().Argv[2]} {
		c := exec.CommandContext(t.Context(), shellcheck, "--shell=sh", "-")
		c.Stdin = strings.NewReader(script)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func FuzzParseStates(f *testing.F) {
	f.Add([]byte("web 0 128 1\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		list, err := ParseStates(out)
		for _, s := range list {
			if err == nil && s.Name == "" {
				t.Error("a guest without a name")
			}
		}
	})
}
