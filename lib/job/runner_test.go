package job

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gantry/lib/config"
	"gantry/lib/fault"
)

func TestAJobRunsInAProcessOfItsOwn(t *testing.T) {
	q := newQueue(t)
	started := time.Now()
	id := submit(t, q, &delay{}, Options{})
	j := ended(t, q, id, Success)
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if j.Owner.PID == os.Getpid() || j.Owner.PID == 0 || j.Owner.Boot == "" {
		t.Errorf("owner %+v", j.Owner)
	}
	if string(j.Ops[0].Result) != "null" || text(j) != " - INFO: Test delay of job 1" || id != 1 {
		t.Errorf("job %d: result %s, log %q", id, j.Ops[0].Result, text(j))
	}
	times := []Time{j.Received, j.Start, j.Ops[0].Start, j.Ops[0].Exec, j.Ops[0].End, j.End}
	for i, at := range times {
		if at.IsZero() || i > 0 && at.Time().Before(times[i-1].Time()) {
			t.Errorf("times are out of order: %v", times)
		}
	}
	if j.Ops[0].End != j.End || j.Summary()[0] != "TEST_DELAY(0.0)" {
		t.Errorf("end %v and %v, summary %q", j.Ops[0].End, j.End, j.Summary())
	}
	left, _ := filepath.Glob(q.path("live/*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The end of the session that submitted it, a terminal's for one, is nothing to a job.
func TestAJobHasASessionOfItsOwn(t *testing.T) {
	q := newQueue(t)
	id := submit(t, q, &delay{Duration: 1}, Options{})
	until(t, q, id, Running)
	j, err := q.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	if session, err := unix.Getsid(j.Owner.PID); err != nil || session != j.Owner.PID {
		t.Errorf("process %d is of session %d, %v", j.Owner.PID, session, err)
	}
	ended(t, q, id, Success)
}

func TestFailuresEndTheJob(t *testing.T) {
	q := newQueue(t)
	for name, tt := range map[string]struct {
		op   delay
		want string
		exec bool
	}{
		"check":   {delay{Refuse: "Node 'x' not known"}, "Failure: prerequisites not met for this operation:\nerror type: unknown_entity, error details:\nNode 'x' not known", true},
		"run":     {delay{Fail: "disk full"}, "Failure: command execution error:\ndisk full", true},
		"panic":   {delay{Panic: true}, "Failure: command execution error:\ninternal error in OP_TEST_DELAY: on purpose", true},
		"growing": {delay{Grow: true}, "Failure: command execution error:\nWhat had to be locked changed 10 times while waiting for it, giving up", false},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := q.Submit(t.Context(), []Operation{&tt.op, &delay{}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			j := ended(t, q, id, Error)
			got, _ := fault.Text(fault.Decode(j.Ops[0].Result))
			if got != tt.want || j.Ops[0].Exec.IsZero() == tt.exec {
				t.Errorf("got %q, exec %v", got, j.Ops[0].Exec)
			}
			if rest := string(j.Ops[1].Result); rest != `["OpExecError",["Preceding opcode failed"]]` || !j.Ops[1].End.IsZero() || j.End.IsZero() {
				t.Errorf("second opcode: %s, %v", rest, j.Ops[1].End)
			}
			if table, err := q.Locks(); err != nil || len(table.Tickets) > 0 {
				t.Errorf("locks left: %+v, %v", table.Tickets, err)
			}
		})
	}
}

func TestSeveralOpcodesRunInOrder(t *testing.T) {
	q := newQueue(t)
	id, err := q.Submit(t.Context(), []Operation{&delay{Commit: true}, &delay{}, &delay{Spawn: 2}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	j := ended(t, q, id, Success)
	if string(j.Ops[2].Result) != "[2,3]" {
		t.Errorf("submitted %s", j.Ops[2].Result)
	}
	child := ended(t, q, 2, Success)
	if c := child.Ops[0].common(); *c.Comment != "Submitted by OP_TEST_DELAY" || len(c.Reason) != 2 || c.Reason[1].Text != "job=2;index=0" {
		t.Errorf("child: %s", child.Ops[0].Input)
	}
	cfg, err := jsonStore{q.Dir}.Load()
	if err != nil || len(cfg.Cluster.Tags) != 1 {
		t.Errorf("committed %v, %v", cfg.Cluster.Tags, err)
	}
}

func TestDryRunStopsAfterTheChecks(t *testing.T) {
	q := newQueue(t)
	yes := true
	j := ended(t, q, submit(t, q, &delay{Commit: true}, Options{DryRun: &yes}), Success)
	if string(j.Ops[0].Result) != `"rehearsed"` || text(j) != " - INFO: dry-run mode requested, not actually executing the operation" {
		t.Errorf("result %s, log %q", j.Ops[0].Result, text(j))
	}
	if cfg, err := (jsonStore{q.Dir}).Load(); err != nil || len(cfg.Cluster.Tags) != 0 {
		t.Errorf("the configuration was changed: %v, %v", cfg.Cluster.Tags, err)
	}
}

func TestInputHasGanetisShape(t *testing.T) {
	q := newQueue(t)
	no := false
	id := submit(t, q, &delay{Duration: 0.1, Secret: "hunter2"}, Options{
		DryRun: &no, Priority: 10, Reason: []Reason{{"gnt:client:gnt-debug", "delay", 5}},
	})
	j := ended(t, q, id, Success)
	want := `{"dry_run":false,"debug_level":0,"priority":10,"depends":null,"comment":null,"reason":[["gnt:client:gnt-debug","delay",5],["gnt:opcode:test_delay","job=1;index=0",`
	if got := string(j.Ops[0].Input); !strings.HasPrefix(got, want) || !strings.Contains(got, `"OP_ID":"OP_TEST_DELAY","duration":0.1,`) {
		t.Errorf("input %s", got)
	}
	if string(j.Ops[0].Result) != "7" {
		t.Errorf("the operation did not get its secret: %s", j.Ops[0].Result)
	}
	if data, _ := os.ReadFile(q.jobPath(id)); strings.Contains(string(data), "hunter2") {
		t.Error("the secret is in the job file")
	}
	if _, err := os.Stat(q.secretsPath(id)); err == nil {
		t.Error("the secret outlived the job")
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestADeadRunnerIsFoundOut(t *testing.T) {
	q := newQueue(t)
	made := filepath.Join(t.TempDir(), "made")
	t.Setenv("GANTRY_FAULT", "command:1:after")
	id := submit(t, q, &delay{Want: exclusive("web"), Make: []string{made}}, Options{})
	j := ended(t, q, id, Error)
	t.Setenv("GANTRY_FAULT", "")
	want := `["OpExecError",["Job 1 died on ` + j.Owner.Host + `: its process ended without a word; it is not known what became of this: on node node1: make ` + made + `"]]`
	if got := string(j.Ops[0].Result); got != want {
		t.Errorf("result %s\nwant   %s", got, want)
	}
	open, err := q.OpenIntents()
	if err != nil || len(open) != 1 || open[0].Node != "node1" || open[0].Kind() != "make" || open[0].Object() != made || open[0].Instances[0] != "web" {
		t.Fatalf("open intents: %+v, %v", open, err)
	}
	if table, err := q.Locks(); err != nil || len(table.Tickets) > 0 {
		t.Errorf("its locks are still held: %+v, %v", table, err)
	}

	other := ended(t, q, submit(t, q, &delay{Want: exclusive("db")}, Options{}), Success)
	if strings.Contains(text(other), "resolved") {
		t.Error("a job on another instance resolved it")
	}
	if moved, err := q.Archive(id); !moved || err != nil {
		t.Fatal(moved, err)
	}
	next := ended(t, q, submit(t, q, &delay{Want: exclusive("web")}, Options{}), Success)
	if !strings.HasPrefix(text(next), " - INFO: resolved "+made+" of job 1\n") {
		t.Errorf("the next job on the instance said %q", text(next))
	}
	if open, err := q.OpenIntents(); err != nil || len(open) > 0 {
		t.Errorf("still open: %+v, %v", open, err)
	}
	if j, _ := q.Load(id); j.Intents[0].Outcome != Resolved || j.Intents[0].By != next.ID {
		t.Errorf("recorded as %+v", j.Intents[0])
	}
}

// Each command has done what it should, and then the job lost sight of what came of it.
func TestAJobThatLosesSightLeavesAnIntentOpen(t *testing.T) {
	q := newQueue(t)
	made := filepath.Join(t.TempDir(), "made")
	id := submit(t, q, &delay{Want: exclusive("web"), Make: []string{made}, Lose: true}, Options{})
	ended(t, q, id, Error)
	open, err := q.OpenIntents()
	if err != nil || len(open) != 1 || open[0].Kind() != "leaves" || open[0].Instances[0] != "web" || !strings.Contains(open[0].String(), made) {
		t.Fatalf("open intents: %+v, %v", open, err)
	}
	if j := ended(t, q, submit(t, q, &delay{Want: exclusive("web"), Lose: true}, Options{}), Error); j.hasOpen() {
		t.Errorf("one that has changed nothing leaves %+v", j.Intents)
	}
}

func TestAnIntentIsOnlyOpenWhileItsEndIsUnknown(t *testing.T) {
	q := newQueue(t)
	made := filepath.Join(t.TempDir(), "made")
	j := ended(t, q, submit(t, q, &delay{Make: []string{made}, Fail: "later"}, Options{}), Error)
	if j.hasOpen() || j.Intents[0].Outcome != "done" || !strings.Contains(j.Intents[0].Line, "touch "+made) {
		t.Errorf("intents %+v", j.Intents)
	}
	if open, _ := q.OpenIntents(); len(open) > 0 {
		t.Errorf("listed as open: %+v", open)
	}
}

func TestTheSameChangeDoneLaterClosesAnIntent(t *testing.T) {
	q := newQueue(t)
	made := filepath.Join(t.TempDir(), "made")
	t.Setenv("GANTRY_FAULT", "command:1:before")
	id := submit(t, q, &delay{Make: []string{made}}, Options{})
	ended(t, q, id, Error)
	t.Setenv("GANTRY_FAULT", "")
	shared := []Lock{{LevelInstance, All, true}}
	ended(t, q, submit(t, q, &delay{Make: []string{made + "2"}, Want: shared}, Options{}), Success)
	if open, err := q.OpenIntents(); err != nil || len(open) != 1 {
		t.Fatalf("open: %v, %v", open, err)
	}
	ended(t, q, submit(t, q, &delay{Make: []string{made}}, Options{}), Success)
	if open, err := q.OpenIntents(); err != nil || len(open) != 0 {
		t.Errorf("still open: %v, %v", open, err)
	}
}

func TestTheFenceStopsAJobBeforeItsFirstChange(t *testing.T) {
	q := newQueue(t)
	made := filepath.Join(t.TempDir(), "made")
	if err := os.WriteFile(filepath.Join(q.Dir, "..", "fenced"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	j := ended(t, q, submit(t, q, &delay{Make: []string{made}}, Options{}), Error)
	if _, err := os.Stat(made); err == nil || len(j.Intents) > 0 {
		t.Errorf("changed in spite of the fence: %+v", j.Intents)
	}
	j = ended(t, q, submit(t, q, &delay{Make: []string{made}, GoOn: true}, Options{}), Error) // it only warns of what fails
	if _, err := os.Stat(made); err == nil || !strings.Contains(string(j.Ops[0].Result), "node2 has a higher epoch") {
		t.Errorf("a job that was not let do what it says: %s", j.Ops[0].Result)
	}
	ended(t, q, submit(t, q, &delay{}, Options{}), Success) // looking is allowed
}

func TestReservationsEndWithTheirJob(t *testing.T) {
	q := newQueue(t)
	reserved := func() []*config.Reservation {
		cfg, err := jsonStore{q.Dir}.Load()
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Reservations
	}
	first := submit(t, q, &delay{Reserve: "192.0.2.7", Duration: 3}, Options{})
	until(t, q, first, Running)
	for len(reserved()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	j := ended(t, q, submit(t, q, &delay{Reserve: "192.0.2.7"}, Options{}), Error)
	if !strings.Contains(string(j.Ops[0].Result), "192.0.2.7 is reserved by job 1") {
		t.Errorf("the second got %s", j.Ops[0].Result)
	}
	ended(t, q, first, Success)
	if left := reserved(); len(left) > 0 {
		t.Errorf("left: %+v", left[0])
	}
	// What an open intent is about may use them: they stay, whatever others write, until it is resolved.
	ended(t, q, submit(t, q, &delay{Want: exclusive("web"), Make: []string{filepath.Join(t.TempDir(), "made")}, Reserve: "192.0.2.8", Lose: true}, Options{}), Error)
	ended(t, q, submit(t, q, &delay{Commit: true}, Options{}), Success)
	if left := reserved(); len(left) != 1 || left[0].IP != "192.0.2.8" {
		t.Errorf("of a job with an open end: %+v", left)
	}
	ended(t, q, submit(t, q, &delay{Want: exclusive("web"), Commit: true}, Options{}), Success)
	ended(t, q, submit(t, q, &delay{Commit: true}, Options{}), Success)
	if left := reserved(); len(left) > 0 {
		t.Errorf("left: %+v", left[0])
	}
	// a killed job cannot drop its own; the next transaction of anybody does
	dead := submit(t, q, &delay{Reserve: "192.0.2.8", Duration: 10}, Options{})
	pid := until(t, q, dead, Running).Owner.PID
	for len(reserved()) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	kill(t, pid)
	ended(t, q, dead, Error)
	ended(t, q, submit(t, q, &delay{Commit: true}, Options{}), Success)
	if left := reserved(); len(left) > 0 {
		t.Errorf("left by the dead job: %+v", left[0])
	}
}

func TestHooksGoAroundTheWork(t *testing.T) {
	q := newQueue(t)
	base := filepath.Join(q.Dir, "..", "hooks")
	script := func(dir, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, dir, "hook"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cfg := `{"Nodes":[{"uuid":"u-1","name":"node1"},{"uuid":"u-2","name":"gone","offline":true}],"Cluster":{"cluster_name":"c","master_node":"u-1"}}`
	if err := os.WriteFile(filepath.Join(q.Dir, "..", "config.json"), []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(base, "seen")
	note := `echo "$GANETI_HOOKS_PATH $GANETI_HOOKS_PHASE $GANETI_COMMITS $GANETI_POST_COMMITS $GANETI_MASTER" >>` + seen
	script("test-delay-pre.d", note)
	script("test-delay-post.d", note+"; echo hook says no; exit 4")
	script("config-update-post.d", note)
	j := ended(t, q, submit(t, q, &delay{Hooked: true, Commit: true}, Options{}), Success)
	if want := " - INFO: Test delay of job 1\n - WARNING: On u-1 script test-delay-post.d/hook failed, output: hook says no"; text(j) != want {
		t.Errorf("log  %q\nwant %q", text(j), want)
	}
	data, _ := os.ReadFile(seen)
	if want := "test-delay pre 0  node1\ntest-delay post 0 1 node1\nconfig-update post 0  node1\n"; string(data) != want {
		t.Errorf("hooks saw %q\nwant      %q", data, want)
	}

	script("test-delay-pre.d", "echo not today; exit 1")
	j = ended(t, q, submit(t, q, &delay{Hooked: true, Commit: true}, Options{}), Error)
	if want := `["HooksAbort",[[["u-1","test-delay-pre.d/hook","not today"]]]]`; string(j.Ops[0].Result) != want || text(j) != "" {
		t.Errorf("result %s, log %q", j.Ops[0].Result, text(j))
	}
}

// What only memory holds is gone when the node was restarted while the job waited. It must not run without.
func TestAJobWhoseSecretsAreLostFails(t *testing.T) {
	q := newQueue(t)
	q.Runner, q.Memory = nil, filepath.Join(t.TempDir(), "run", "secrets")
	id := submit(t, q, &delay{Secret: "hunter2"}, Options{})
	if info, err := os.Stat(q.Memory); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.RemoveAll(q.Memory); err != nil {
		t.Fatal(err)
	}
	err := RunJob(t.Context(), q, id, Runtime{Table: Table{"OP_TEST_DELAY": func() Operation { return new(delay) }}, Nodes: local{}, Store: jsonStore{q.Dir}})
	if j, loaded := q.Load(id); err != nil || loaded != nil || j.Status() != Error || !strings.Contains(string(j.Ops[0].Result), "were lost when the node was restarted") {
		t.Errorf("%v, %v: %+v", err, loaded, j)
	}
}

// The unit that submitted a job ends while its process has not left it yet: the signal was not for the job.
func TestASignalBeforeTheBeginningIsNotForTheJob(t *testing.T) {
	q := newQueue(t)
	q.Runner = nil
	id := submit(t, q, &delay{}, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := RunJob(ctx, q, id, Runtime{Table: Table{"OP_TEST_DELAY": func() Operation { return new(delay) }}, Nodes: local{}, Store: jsonStore{q.Dir}})
	j, loaded := q.Load(id)
	if err != nil || loaded != nil || j.Status() != Success {
		t.Errorf("%v, %v: %+v", err, loaded, j)
	}
}
