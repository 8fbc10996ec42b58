package instance

import (
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// made is a world with the instance db, which runs on node1 with one disk in a file.
func made(t *testing.T) *world {
	t.Helper()
	w := newWorld(t).withFiles()
	if e := w.run(newInstance("db", inFiles(32))); e.Err != nil {
		t.Fatal(e.Err)
	}
	return w
}

func (w *world) runs(name, node string) bool {
	w.t.Helper()
	s, err := stateOf(w.t.Context(), w, &config.Instance{Name: name, Hypervisor: config.HVFake}, node)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Running
}

func TestRemove(t *testing.T) {
	w := made(t)
	e := w.run(Remove{Name: "db", ShutdownTimeout: 5})
	if e.Err != nil || w.cfg.InstanceByName("db") != nil || len(w.cfg.Disks) > 0 || len(w.left()) > 0 || w.runs("db", "node1") {
		t.Errorf("%v, left %q", e.Err, w.left())
	}
	var seen []string
	for _, h := range e.Hooks {
		seen = append(seen, h.Node+" "+h.Dir+" "+h.Env["GANETI_SHUTDOWN_TIMEOUT"]+h.Env["GANETI_POST_INSTANCE_NAME"])
	}
	want := []string{"node1 instance-remove-pre.d 5", "node1 instance-remove-post.d 5db", "node1 config-update-post.d 5"}
	if !slices.Equal(seen, want) {
		t.Errorf("hooks %q, want %q", seen, want)
	}
}

// What cannot be removed stays in the configuration, so that it can be removed again, unless somebody wants to be rid of it.
func TestRemoveIsCautious(t *testing.T) {
	for name, tt := range map[string]struct {
		mishap  string
		offline bool
		ignore  bool
		failure string
		said    string
	}{
		"it does not stop":             {"node1: stops instance", false, false, "Could not shutdown instance db on node node1", ""},
		"it does not stop, ignored":    {"node1: stops instance", false, true, "", "Warning: can't shutdown instance: "},
		"a disk cannot be removed":     {"node1: removes file", false, false, "Can't remove instance's disks", " - WARNING: Could not remove disk 0 on node node1, continuing anyway: "},
		"a disk, ignored":              {"node1: removes file", false, true, "", "Warning: can't remove instance's disks"},
		"the directory is not removed": {"node1: removes directory", false, false, "Can't remove instance's disks", " - WARNING: Could not remove directory '"},
		"its node is offline":          {"", true, false, "Could not shutdown instance db on node node1: Node is marked offline", ""},
		"its node is offline, ignored": {"", true, true, "", "Warning: can't remove instance's disks"},
	} {
		t.Run(name, func(t *testing.T) {
			w := made(t)
			w.cfg.Node("n1").Offline = tt.offline
			if tt.mishap != "" {
				w.mends[tt.mishap] = refused
			}
			e := w.run(Remove{Name: "db", IgnoreFailures: tt.ignore})
			if (e.Err == nil) != (tt.failure == "") || e.Err != nil && !strings.Contains(e.Err.Error(), tt.failure) {
				t.Errorf("error %v, want one with %q", e.Err, tt.failure)
			}
			if tt.said != "" && !slices.ContainsFunc(e.Messages, func(m string) bool { return strings.HasPrefix(m, tt.said) }) {
				t.Errorf("said %q, want %q", e.Messages, tt.said)
			}
			if kept := w.cfg.InstanceByName("db") != nil; kept == tt.ignore {
				t.Errorf("in the configuration: %v", kept)
			}
		})
	}
}

func TestRemoveOfAnUnknownOne(t *testing.T) {
	w := newWorld(t)
	if e := w.run(Remove{Name: "nosuch"}); e.Err == nil || e.Err.Error() != "Instance 'nosuch' not known" {
		t.Error(e.Err)
	}
}

func TestReinstall(t *testing.T) {
	w := made(t)
	if e := w.run(Reinstall{Name: "db"}); e.Err == nil || e.Err.Error() != "Instance 'db' is marked to be up, cannot reinstall" {
		t.Errorf("while it runs: %v", e.Err)
	}
	if e := w.run(Shutdown{Name: "db"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.withOS(`echo "again $INSTANCE_REINSTALL $OSP_WORD" >"$DISK_0_PATH"`)
	e := w.run(Reinstall{Name: "db", OSType: "noop", OSParams: map[string]any{"word": "here"}})
	if e.Err != nil || !slices.Equal(e.Messages, []string{"Changing OS scripts to 'noop'...", " - INFO: Running instance OS create scripts..."}) {
		t.Errorf("%v, %q", e.Err, e.Messages)
	}
	inst := w.cfg.InstanceByName("db")
	out, err := w.execute(t.Context(), "node1", remote.Command("cat", w.cfg.InstanceDisks(inst)[0].Path()))
	if err != nil || string(out.Stdout) != "again 1 here\n" || inst.OSParams["word"] != "here" {
		t.Errorf("the disk has %q, %v; parameters %v", out.Stdout, err, inst.OSParams)
	}
	e = w.run(Reinstall{Name: "db", OSParams: map[string]any{"word": "there"}})
	if inst := w.cfg.InstanceByName("db"); e.Err != nil || inst.OSParams["word"] != "there" {
		t.Errorf("%v, parameters %v", e.Err, inst.OSParams)
	}
	e = w.run(Reinstall{Name: "db", OSType: "noop"})
	if inst := w.cfg.InstanceByName("db"); e.Err != nil || len(inst.OSParams) > 0 {
		t.Errorf("another OS: %v, parameters %v", e.Err, inst.OSParams)
	}
	if got, _ := w.execute(t.Context(), "node1", remote.Command("cat", w.cfg.InstanceDisks(inst)[0].Path())); string(got.Stdout) != "again 1 there\n" {
		t.Errorf("its scripts saw %q", got.Stdout)
	}
}

func TestReinstallThatFails(t *testing.T) {
	w := made(t)
	if e := w.run(Shutdown{Name: "db"}); e.Err != nil {
		t.Fatal(e.Err)
	}
	w.withOS("exit 1")
	e := w.run(Reinstall{Name: "db"})
	if e.Err == nil || !strings.HasPrefix(e.Err.Error(), "Could not install OS for instance 'db' on node 'node1': OS create script failed (exited with exit code 1)") {
		t.Error(e.Err)
	}
	if links, _ := w.execute(t.Context(), "node1", remote.Command("ls", "/var/run/ganeti/instance-disks")); len(links.Stdout) > 0 {
		t.Errorf("links are left: %q", links.Stdout)
	}
	if e := w.run(Reinstall{Name: "web"}); e.Err == nil || e.Err.Error() != "Instance 'web' has no disks" {
		t.Error(e.Err)
	}
}
