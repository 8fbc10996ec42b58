package instance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// resolving is an operation that does nothing but put in order what a job has left.
type resolving struct {
	open job.OpenIntent
	env  *job.Env
}

func (resolving) OpID() string { return "OP_TEST_RESOLVE" }

func (r resolving) Work(env *job.Env) job.Work { r.env = env; return &r }

func (resolving) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelInstance, Name: "web"}}, nil
}
func (resolving) Check(context.Context) error { return nil }
func (resolving) Hooks() *hooks.Plan          { return nil }
func (r *resolving) Run(ctx context.Context) (any, error) {
	return nil, Resolvers()[r.open.Kind()](ctx, r.env, r.open)
}

// resolve deals with the last of these changes ("NODE: WHAT"), which a job was making to web when it died; the others were done.
const deadJob = 7

func (w *world) resolve(changes ...string) error {
	w.t.Helper()
	return w.resolved(changes...).Err
}

// resolved is resolve for those who want to know more of it.
func (w *world) resolved(changes ...string) jobtest.Ended {
	w.t.Helper()
	open := job.OpenIntent{Job: deadJob, OpID: w.ran}
	for i, line := range changes {
		node, what, _ := strings.Cut(line, ": ")
		in := job.Intent{N: i + 1, Node: node, Changes: what, Instances: []string{"web"}, Outcome: "done"}
		if i == len(changes)-1 {
			in.Outcome = ""
			open.Intent = in
		}
		open.All = append(open.All, in)
	}
	e := jobtest.Run(w.t, remotetest.New(w.t), w.cfg, resolving{}, func() job.Operation { return &resolving{open: open} }, jobtest.Through(w))
	w.cfg = e.Config
	return e
}

func TestWhatADeadCreationHasMadeIsRemovedUnlessItIsUsed(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "web")
	used, stray, other := filepath.Join(dir, "used"), filepath.Join(dir, "stray"), filepath.Join(dir, "other")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{used, stray, other} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.cfg.Disks = append(w.cfg.Disks, &config.Disk{UUID: "d1", DevType: config.DTFile, LogicalID: config.LogicalID{"loop", used}})
	if err := w.resolve("node2: creates directory "+dir, "node2: creates file "+used, "node2: creates file "+stray); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || !slices.Equal(left, []string{other, used}) {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestAFileThatADeadJobRenamedGetsTheNameThatIsRecorded(t *testing.T) {
	for _, recorded := range []string{"old", "new"} {
		w := newWorld(t)
		dir := t.TempDir()
		w.cfg.Disks = append(w.cfg.Disks, &config.Disk{UUID: "d1", DevType: config.DTFile, LogicalID: config.LogicalID{"loop", filepath.Join(dir, recorded)}})
		if err := os.WriteFile(filepath.Join(dir, "new"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.resolve("node1: renames file " + dir + "/old to " + dir + "/new"); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(dir + "/*"); err != nil || !slices.Equal(left, []string{filepath.Join(dir, recorded)}) {
			t.Errorf("recorded %s: left %v, %v", recorded, left, err)
		}
	}
}

func TestAnImageOfADeadCreationIsRemovedUnlessItIsUsed(t *testing.T) {
	for _, used := range []bool{true, false} {
		w := newWorld(t)
		w.write("bin/rbd", "#!/bin/sh\ncase $1 in showmapped) echo [] ;; ls) echo '[\"a.rbd.disk0\"]' ;; *) echo \"$@\" >>"+w.dir+"/done ;; esac\n", 0o755)
		t.Setenv("PATH", filepath.Join(w.dir, "bin")+":"+os.Getenv("PATH"))
		want := "rm -p ssd a.rbd.disk0\n"
		if used {
			w.cfg.Disks = append(w.cfg.Disks, &config.Disk{UUID: "d1", DevType: config.DTRBD, LogicalID: config.LogicalID{"rbd", "a.rbd.disk0"}})
			want = ""
		}
		if err := w.resolve("node1: creates image ssd/a.rbd.disk0", "node1: attaches image ssd/a.rbd.disk0"); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(filepath.Join(w.dir, "done")); string(got) != want {
			t.Errorf("used %v: %q", used, got)
		}
	}
}

func TestAnEmptyDirectoryOfADeadCreationIsRemoved(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "web")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := w.resolve("node2: creates directory "+dir, "node1: leaves OP_INSTANCE_CREATE unfinished"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is still there")
	}
}

func TestAMigrationThatWasCutOffEndsOnOneNode(t *testing.T) {
	for name, on := range map[string][]string{"both": {"node1", "node2"}, "target": {"node2"}, "source": {"node1"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).running("node1")
			w.moving = true
			if err := os.Remove(w.guest("node1")); err != nil {
				t.Fatal(err)
			}
			for _, node := range on {
				w.put(node)
			}
			if err := w.resolve("node2: starts instance web"); err != nil {
				t.Fatal(err)
			}
			if where := w.where(); len(where) != 1 || w.cfg.NodeName(w.web().PrimaryNode) != where[0] {
				t.Errorf("it runs on %v and belongs to %s", where, w.cfg.NodeName(w.web().PrimaryNode))
			}
		})
	}
}

func TestNothingIsPutInOrderWhileANodeDoesNotAnswer(t *testing.T) {
	w := newWorld(t).running("node1")
	w.off["node2"] = true
	err := w.resolve("node2: starts instance web")
	if err == nil || !strings.Contains(err.Error(), "Cannot tell whether instance web runs on node node2") || len(w.where()) != 1 {
		t.Errorf("%v; it runs on %v", err, w.where())
	}
}

func TestWhatIsOnAnOfflineNodeWaits(t *testing.T) {
	w := newWorld(t).running("node1")
	w.cfg.Node("n2").Offline, w.off["node2"] = true, true
	if err := w.resolve("node2: creates file /x"); !errors.Is(err, job.ErrLater) && (err == nil || !strings.Contains(err.Error(), job.ErrLater.Error())) {
		t.Errorf("resolving = %v", err)
	}
	if !slices.Equal(w.where(), []string{"node1"}) {
		t.Errorf("it runs on %v", w.where())
	}
}
