package job

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// only lets one job run at a time.
func only(t *testing.T, q *Queue, n int) {
	t.Helper()
	if err := q.setMaxRunning(n); err != nil {
		t.Fatal(err)
	}
}

// hold starts a job that runs until the test lets it go.
func hold(t *testing.T, q *Queue, locks ...Lock) (id int, letGo func()) {
	t.Helper()
	id = submit(t, q, &delay{Duration: 60, Want: locks}, Options{})
	until(t, q, id, Running)
	return id, func() {
		t.Helper()
		if done, said, err := q.Cancel(t.Context(), id, true); !done || err != nil {
			t.Fatal(said, err)
		}
	}
}

func startOrder(t *testing.T, q *Queue, ids []int) []int {
	t.Helper()
	begun := map[int]time.Time{}
	for _, id := range ids {
		begun[id] = ended(t, q, id, Success).Start.Time()
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b int) int { return begun[a].Compare(begun[b]) })
	return ids
}

func TestJobsStartByPriorityThenID(t *testing.T) {
	q := newQueue(t)
	only(t, q, 1)
	_, letGo := hold(t, q)
	var ids []int
	for _, p := range []int{PriorityLow, PriorityNormal, PriorityHigh, PriorityNormal} {
		ids = append(ids, submit(t, q, &delay{}, Options{Priority: p}))
	}
	if done, said, err := q.ChangePriority(2, PriorityHighest); !done || err != nil || said != "Priorities of pending opcodes for job 2 have been changed to -20" {
		t.Error(done, said, err)
	}
	letGo()
	if got, want := startOrder(t, q, ids), []int{2, 4, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

func TestWhatIsNoNumberCannotBeSubmitted(t *testing.T) {
	q := newQueue(t)
	for n, token := range map[float64]string{math.Inf(1): "Infinity", math.Inf(-1): "-Infinity", math.NaN(): "NaN"} {
		_, err := q.SubmitMany(t.Context(), []Request{{Ops: []Operation{&delay{Duration: n}}}})
		if err == nil || !strings.HasSuffix(err.Error(), "Malformed JSON: invalid token in this context "+token) {
			t.Errorf("%v: %v", n, err)
		}
	}
}

func TestNoMoreRunThanAllowed(t *testing.T) {
	q := newQueue(t)
	only(t, q, 2)
	ids, err := q.SubmitMany(t.Context(), slices.Repeat([]Request{{Ops: []Operation{&delay{Duration: 0.1}}}}, 6))
	if err != nil {
		t.Fatal(err)
	}
	var jobs []*Job
	for _, id := range ids {
		jobs = append(jobs, ended(t, q, id, Success))
	}
	for _, j := range jobs {
		together := 0
		for _, other := range jobs {
			if !other.Start.Time().After(j.Start.Time()) && other.End.Time().After(j.Start.Time()) {
				together++
			}
		}
		if together > 2 {
			t.Errorf("%d ran when job %d started", together, j.ID)
		}
	}
}

func TestDependencies(t *testing.T) {
	q := newQueue(t)
	requests := []Request{
		{Ops: []Operation{&delay{Duration: 0.2, Fail: "no"}}},
		{Ops: []Operation{&delay{}}, Options: Options{Depends: []Dependency{{Job: -1}}}},
		{Ops: []Operation{&delay{}}, Options: Options{Depends: []Dependency{{Job: -2, Status: []Status{Success}}}}},
		{Ops: []Operation{&delay{}}, Options: Options{Depends: []Dependency{{Job: -3, Status: []Status{Error, Success}}}}},
		{Ops: []Operation{&delay{}}, Options: Options{Depends: []Dependency{{Job: 4711}}}},
	}
	if _, err := q.SubmitMany(t.Context(), requests); err != nil {
		t.Fatal(err)
	}
	first := ended(t, q, 1, Error)
	for _, id := range []int{2, 4} {
		if j := ended(t, q, id, Success); j.Start.Time().Before(first.End.Time()) {
			t.Errorf("job %d did not wait", id)
		}
	}
	for id, want := range map[int]string{
		3: "Dependency job 1 finished with status 'error', not one of 'success' as required",
		5: "Dependency error: Can't load job file",
	} {
		if j := ended(t, q, id, Error); fault.Decode(j.Ops[0].Result).Error() != want {
			t.Errorf("job %d: %s", id, j.Ops[0].Result)
		}
	}
	if j, _ := q.Load(3); !strings.Contains(string(j.Ops[0].Input), `"depends":[[1,["success"]]]`) {
		t.Errorf("the id was not made absolute: %s", j.Ops[0].Input)
	}
	if _, err := q.Submit(t.Context(), []Operation{&delay{}}, Options{Depends: []Dependency{{Job: -1}}}); err == nil {
		t.Error("a relative id out of the submission was taken")
	}
}

func TestACanceledDependencyCancels(t *testing.T) {
	q := newQueue(t)
	only(t, q, 1)
	_, letGo := hold(t, q)
	a := submit(t, q, &delay{}, Options{})
	b := submit(t, q, &delay{}, Options{Depends: []Dependency{{Job: a, Status: []Status{Success}}}})
	if done, said, err := q.Cancel(t.Context(), a, false); !done || said != "Dequeued job 2" || err != nil {
		t.Error(done, said, err)
	}
	letGo()
	for _, id := range []int{a, b} {
		j := ended(t, q, id, Canceled)
		if string(j.Ops[0].Result) != `"Job canceled by request"` || j.End.IsZero() {
			t.Errorf("job %d: %s, end %v", id, j.Ops[0].Result, j.End)
		}
	}
}

func TestCancelInEachState(t *testing.T) {
	q := newQueue(t)
	running := submit(t, q, &delay{Duration: 2, Want: exclusive("web")}, Options{})
	until(t, q, running, Running)
	waiting := submit(t, q, &delay{Want: exclusive("web")}, Options{})
	until(t, q, waiting, Waiting)
	for _, tt := range []struct {
		id   int
		done bool
		said string
	}{
		{running, false, "Job no longer waiting, can't cancel (informed it anyway)"},
		{waiting, true, "Job successfully cancelled"},
		{waiting, false, "Job 2 not found in queue"},
		{4711, false, "Job 4711 not found in queue"},
	} {
		if done, said, err := q.Cancel(t.Context(), tt.id, false); done != tt.done || said != tt.said || err != nil {
			t.Errorf("job %d: %v, %q, %v", tt.id, done, said, err)
		}
	}
	ended(t, q, running, Success)
	if j := ended(t, q, waiting, Canceled); !j.Ops[0].Exec.IsZero() {
		t.Error("the canceled job ran")
	}
	if done, said, _ := q.ChangePriority(running, PriorityLow); done || said != "Job 1 not found in queue" {
		t.Errorf("priority of an ended job: %v, %q", done, said)
	}
}

func TestKillEndsARunningJob(t *testing.T) {
	q := newQueue(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	id := submit(t, q, &delay{Hang: pipe, Want: exclusive("web")}, Options{})
	for j := until(t, q, id, Running); len(j.Intents) == 0; j, _ = q.Load(id) {
		time.Sleep(time.Millisecond)
	}
	next := submit(t, q, &delay{Want: exclusive("web")}, Options{})
	if done, said, err := q.Cancel(t.Context(), id, true); !done || said != "SIGKILL send to the process" || err != nil {
		t.Error(done, said, err)
	}
	ended(t, q, id, Error)
	ended(t, q, next, Success)
	if j, err := q.Load(id); err != nil || len(j.Intents) != 1 || j.Intents[0].Outcome != Resolved || j.Intents[0].By != next {
		t.Errorf("what it was doing was not on record for the next job: %+v, %v", j, err)
	}
	if end, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil {
		end.Close() // lets the command go
	}
}

func TestKillEndsAJobThatIsOnlyStarting(t *testing.T) {
	q := newQueue(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	q.Runner = append([]string{"sh", "-c", `read -r _ <"$0"; exec "$@"`, pipe}, q.Runner...)
	id := submit(t, q, &delay{Want: exclusive("web")}, Options{})
	answered := make(chan string)
	go func() {
		done, said, err := q.Cancel(t.Context(), id, true)
		answered <- fmt.Sprint(done, " ", said, " ", err)
	}()
	for !q.asked(id).Cancel {
		time.Sleep(time.Millisecond)
	}
	if err := os.WriteFile(pipe, []byte("\n"), 0); err != nil { // its runner begins
		t.Fatal(err)
	}
	if got := <-answered; got != "true Job successfully cancelled <nil>" {
		t.Error(got)
	}
	if j := ended(t, q, id, Canceled); !j.Ops[0].Exec.IsZero() {
		t.Error("it ran")
	}
}

func TestWhatADeadJobLeftIsListedBeforeItsLocksAreGiven(t *testing.T) {
	q := newQueue(t)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	id := submit(t, q, &delay{Hang: pipe, Want: exclusive("web")}, Options{})
	j := until(t, q, id, Running)
	for ; len(j.Intents) == 0; j, _ = q.Load(id) {
		time.Sleep(time.Millisecond)
	}
	if err := syscall.Kill(j.Owner.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for owned(q.jobPath(id)) {
		time.Sleep(time.Millisecond)
	}
	if err := q.withTable(func(table *LockTable) { q.dropDead(table, 0) }); err != nil {
		t.Fatal(err)
	}
	if open, err := q.OpenIntents(); err != nil || len(open) != 1 || open[0].Job != id {
		t.Errorf("open intents %v, %v", open, err)
	}
	if end, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		end.Close() // lets the command go
	}
}

func TestArchive(t *testing.T) {
	q := newQueue(t)
	done := submit(t, q, &delay{}, Options{})
	ended(t, q, done, Success)
	running, letGo := hold(t, q)
	for id, want := range map[int]bool{done: true, running: false, 4711: false} {
		if moved, err := q.Archive(id); moved != want || err != nil {
			t.Errorf("job %d: %v, %v", id, moved, err)
		}
	}
	if _, err := os.Stat(q.path("archive/0/job-1")); err != nil {
		t.Error(err)
	}
	if moved, err := q.Archive(done); moved || err != nil {
		t.Errorf("archived twice: %v, %v", moved, err)
	}
	if j, err := q.Load(done); err != nil || !j.Archived || j.Status() != Success {
		t.Errorf("loaded from the archive: %+v, %v", j, err)
	}
	letGo()
	ended(t, q, submit(t, q, &delay{Fail: "x"}, Options{}), Error)
	if moved, left, err := q.AutoArchive(time.Hour, time.Minute); moved != 0 || left != 0 || err != nil {
		t.Errorf("young jobs: %d, %d, %v", moved, left, err)
	}
	if moved, left, err := q.AutoArchive(-1, time.Minute); moved != 2 || left != 0 || err != nil {
		t.Errorf("all jobs: %d, %d, %v", moved, left, err)
	}
	if ids, _ := q.IDs(false); len(ids) != 0 {
		t.Errorf("left in the queue: %v", ids)
	}
	if ids, _ := q.IDs(true); !slices.Equal(ids, []int{1, 2, 3}) {
		t.Errorf("with the archive: %v", ids)
	}
	if q.archivePath(34567) != q.path("archive/3/job-34567") {
		t.Error(q.archivePath(34567))
	}
}

func TestADrainedQueueTakesNothing(t *testing.T) {
	q := newQueue(t)
	if err := q.Drain(true); err != nil || !q.Drained() {
		t.Fatal(err)
	}
	_, err := q.Submit(t.Context(), []Operation{&delay{}}, Options{})
	if e := fault.Of(err); e == nil || e.Class != fault.JobQueue {
		t.Errorf("got %v", err)
	}
	if err := errors.Join(q.Drain(false), q.Drain(false)); err != nil || q.Drained() {
		t.Fatal(err)
	}
	ended(t, q, submit(t, q, &delay{}, Options{}), Success)
}

func TestWhatCannotStartStaysInTheQueue(t *testing.T) {
	q := newQueue(t)
	runner := q.Runner
	q.Runner = []string{"/no/such/program"}
	id := submit(t, q, &delay{}, Options{})
	f, err := q.Follow(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Next(t.Context(), 5*time.Second); err == nil || !strings.Contains(err.Error(), "starting job 1: ") {
		t.Errorf("whoever follows it is not told: %v", err)
	}
	q.Runner = runner
	if err := q.Tend(); err != nil {
		t.Fatal(err)
	}
	ended(t, q, id, Success)
}

func TestAJobWhoseProcessNeverBeginsIsGivenUp(t *testing.T) {
	q := newQueue(t)
	script := filepath.Join(t.TempDir(), "runner")
	begun := `{"event":"owner","owner":{"host":"` + hostname(t) + `","boot":"b","pid":1}}`
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '"+begun+"' >>\"$GANTRY_TEST_QUEUE/job-$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	q.Runner = []string{script}
	j := ended(t, q, submit(t, q, &delay{}, Options{}), Error)
	if j.Starts != maxStarts || !strings.Contains(string(j.Ops[0].Result), "the node was restarted") {
		t.Errorf("%d starts: %s", j.Starts, j.Ops[0].Result)
	}
}

// The queue of another host, as after a restore: nobody here can see whether a process there lives.
func TestAJobOfAnotherHostIsNotTakenForDead(t *testing.T) {
	q := newQueue(t)
	q.Runner = nil
	id := submit(t, q, &delay{}, Options{})
	file, err := os.OpenFile(q.jobPath(id), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(`{"event":"owner","owner":{"host":"elsewhere.example.com","boot":"b","pid":1}}` + "\n" + `{"event":"status","op":0,"status":"running"}` + "\n")
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	var warned string
	q.Warn = func(format string, args ...any) { warned += fmt.Sprintf(format, args...) }
	err = errors.Join(q.Tend(), q.Recover())
	if j, _ := q.Load(id); j.Status() != Running || !strings.Contains(warned+fmt.Sprint(err), "elsewhere.example.com: whether its process lives can only be seen there") {
		t.Errorf("the job is %s, said %q, %v", j.Status(), warned, err)
	}
}

func TestAJobWhoseProcessDoesNotEvenTakeItIsGivenUp(t *testing.T) {
	q := newQueue(t)
	q.Runner = []string{"/bin/false"}
	j := ended(t, q, submit(t, q, &delay{}, Options{}), Error)
	if j.Starts != maxStarts || !strings.Contains(string(j.Ops[0].Result), "each ended before it began") {
		t.Errorf("%d starts: %s", j.Starts, j.Ops[0].Result)
	}
}

func TestAJobEndsWhereItsProcessHasNothingToWorkWith(t *testing.T) {
	q := newQueue(t)
	q.Runner = nil // started by hand
	id := submit(t, q, &delay{}, Options{})
	if err := FailJob(q, id, fault.New(fault.Configuration, "config.toml, line 3: no")); err != nil {
		t.Fatal(err)
	}
	j := ended(t, q, id, Error)
	if want := `["ConfigurationError",["config.toml, line 3: no"]]`; string(j.Ops[0].Result) != want {
		t.Errorf("result %s, want %s", j.Ops[0].Result, want)
	}
	if err := FailJob(q, id, os.ErrClosed); err == nil {
		t.Error("a job that has ended was ended again")
	}
}

func TestNoIDIsGivenTwiceWhenTheSerialIsLostOrOld(t *testing.T) {
	q := newQueue(t)
	q.Runner = nil
	last := 0
	for _, serial := range []string{"0\n", "1\n", "", "1\n", "4\n"} {
		err := os.Remove(q.path("serial"))
		if err == nil && serial != "" {
			err = os.WriteFile(q.path("serial"), []byte(serial), 0o600)
		}
		if err != nil && last > 0 {
			t.Fatal(err)
		}
		id := submit(t, q, &delay{}, Options{})
		if id != last+1 {
			t.Errorf("serial %q: id %d after %d", serial, id, last)
		}
		last = id
	}
}

func TestAQueueWithoutItsLogStillRunsJobs(t *testing.T) {
	q := newQueue(t)
	q.Output = filepath.Join(t.TempDir(), "nosuch", "jobs.log")
	ended(t, q, submit(t, q, &delay{}, Options{}), Success)
}

func TestALostLockTableIsBegunAnewOnceNoJobRuns(t *testing.T) {
	q := newQueue(t)
	for _, text := range []string{"", "junk"} {
		_, letGo := hold(t, q)
		if err := os.WriteFile(q.path("locks"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		j := ended(t, q, submit(t, q, &delay{}, Options{}), Error)
		if !strings.Contains(string(j.Ops[0].Result), "which runs, has locked") {
			t.Errorf("%q: %s", text, j.Ops[0].Result)
		}
		letGo()
		ended(t, q, submit(t, q, &delay{}, Options{}), Success)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	host, _ := thisHost()
	return host
}

func TestTheListOfUnfinishedJobsIsOnlyAShortcut(t *testing.T) {
	q := newQueue(t)
	only(t, q, 1)
	holder, letGo := hold(t, q)
	id := submit(t, q, &delay{}, Options{})
	for _, damage := range []string{"", "another-boot\n", "garbage"} {
		if err := os.WriteFile(q.path("unfinished"), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := q.unfinished(); !slices.Equal(got, []int{holder, id}) {
			t.Errorf("after %q: %v", damage, got)
		}
	}
	_, boot := thisHost()
	if err := os.WriteFile(q.path("unfinished"), []byte(boot+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	letGo()
	if err := q.Recover(); err != nil {
		t.Fatal(err)
	}
	ended(t, q, id, Success)
}

func TestADamagedFileHidesNoOthers(t *testing.T) {
	q := newQueue(t)
	ended(t, q, submit(t, q, &delay{}, Options{}), Success)
	if err := os.WriteFile(q.jobPath(7), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var warned string
	q.Warn = func(format string, args ...any) { warned += format }
	if jobs, err := q.List(true); err != nil || len(jobs) != 1 || warned == "" {
		t.Errorf("%d jobs, %v, warned %q", len(jobs), err, warned)
	}
	if _, err := q.Load(7); err == nil || !strings.Contains(err.Error(), q.jobPath(7)+": line 1: ") {
		t.Errorf("the error does not name file and line: %v", err)
	}
}

// keepers is other nodes that keep the serial.
type keepers struct {
	dead  bool
	files map[string]string
	asked int
}

func (c *keepers) Put(_ context.Context, node, path string, data []byte, _ os.FileMode) error {
	if c.asked++; c.dead {
		return errors.New("unreachable")
	}
	c.files[node] = strings.TrimSpace(string(data))
	return nil
}

func (c *keepers) Run(context.Context, string, remote.Cmd) (remote.Result, error) {
	return remote.Result{}, errors.New("unreachable")
}

func (c *keepers) Get(_ context.Context, node, path string) ([]byte, error) {
	if text, ok := c.files[node]; ok && !c.dead {
		return []byte(text + "\n"), nil
	}
	return nil, os.ErrNotExist
}

func TestNoIDIsGivenTwiceWhenTheMasterIsLost(t *testing.T) {
	q := newQueue(t)
	c := &keepers{files: map[string]string{}}
	q.Copy = CopyTo(c, func() ([]string, error) { return []string{"node2"}, nil })
	for range 14 {
		ids, err := q.SubmitMany(t.Context(), slices.Repeat([]Request{{Ops: []Operation{&delay{}}}}, 5))
		if err != nil {
			t.Fatal(err)
		}
		if kept, err := strconv.Atoi(c.files["node2"]); err != nil || ids[4] > kept {
			t.Fatalf("job %d is beyond the bound %d that node2 keeps (%v)", ids[4], kept, err)
		}
	}
	if c.asked > 2 {
		t.Errorf("node2 was asked %d times for 70 jobs", c.asked)
	}
	if err := q.coverAnew(t.Context()); err != nil || c.asked < 3 {
		t.Errorf("a new candidate was not told: %v", err)
	}
	heir, err := openTestQueue(filepath.Join(t.TempDir(), "queue"))
	if err != nil {
		t.Fatal(err)
	}
	if err := heir.JumpAhead(t.Context(), c, []string{"node2", "node3"}); err != nil {
		t.Fatal(err)
	}
	if first, err := heir.takeIDs(1); err != nil || first <= 70 {
		t.Errorf("the new master begins with %d, %v", first, err)
	}
}

// Of two nodes one is dead: the other has taken over and has to be able to say so in a job.
func TestAMasterThatTookOverAloneGivesIDs(t *testing.T) {
	q := newQueue(t)
	c := &keepers{dead: true}
	q.Copy = CopyTo(c, func() ([]string, error) { return []string{"node1"}, nil })
	if err := replace(q.path("serial"), []byte("134\n"), true); err != nil {
		t.Fatal(err)
	}
	if err := q.JumpAhead(t.Context(), c, []string{"node1"}); err != nil {
		t.Fatal(err)
	}
	if id := submit(t, q, &delay{}, Options{}); id != 134+idAhead+1 || c.asked == 0 {
		t.Errorf("the first job has id %d, node1 was asked %d times", id, c.asked)
	}
}

func TestANewReignEndsWhatTheLastOneLeft(t *testing.T) {
	q := newQueue(t)
	only(t, q, 1)
	dead, _ := hold(t, q)
	queued := submit(t, q, &delay{}, Options{})
	j, err := q.Load(dead)
	if err != nil {
		t.Fatal(err)
	}
	kill(t, j.Owner.PID)
	for owned(q.jobPath(dead)) {
		time.Sleep(time.Millisecond)
	}
	if err := q.JumpAhead(t.Context(), &keepers{}, nil); err != nil {
		t.Fatal(err)
	}
	ended(t, q, dead, Error)
	ended(t, q, queued, Canceled)
	if id := submit(t, q, &delay{}, Options{}); id != queued+idAhead+1 {
		t.Errorf("the first job has id %d", id)
	}
}

func TestRecoverRemovesWhatCrashesLeft(t *testing.T) {
	q := newQueue(t)
	old := time.Now().Add(-2 * time.Hour)
	running, _ := hold(t, q)
	for name, stays := range map[string]bool{"live/4711.request": false, "live/1.wake": true, "locks.99.new": false, "serial.98.new": true} {
		if !strings.HasSuffix(name, "wake") {
			if err := os.WriteFile(q.path(name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if name == "locks.99.new" {
			if err := os.Chtimes(q.path(name), old, old); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Recover(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(q.path(name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
	if j, err := q.Load(running); err != nil || j.Status() != Running {
		t.Errorf("the running job is %v, %v", j.Status(), err)
	}
}

func TestASilentCandidateDoesNotStopTheQueue(t *testing.T) {
	q := newQueue(t)
	c := &keepers{dead: true}
	q.Copy = CopyTo(c, func() ([]string, error) { return []string{"node2"}, nil })
	for range 3 {
		ended(t, q, submit(t, q, &delay{}, Options{}), Success)
	}
	if c.asked != 1 {
		t.Errorf("asked %d times, want once in %v", c.asked, copyPause)
	}
	// but not beyond what a new master would skip
	if err := os.WriteFile(q.path("serial"), []byte("1000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Submit(t.Context(), []Operation{&delay{}}, Options{}); err == nil {
		t.Error("took an id that a new master might give again")
	}
}

// The descriptor that holds a job's flock must not reach the processes a runner starts: one that outlives it (a qemu)
// would own the job for ever.
func TestChildrenDoNotInheritTheJob(t *testing.T) {
	q := newQueue(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	id := submit(t, q, &daemonize{Pid: pidFile}, Options{})
	ended(t, q, id, Error) // OP_TEST_DAEMON is not in the table: only here to show that unknown opcodes end as errors
	j, _ := q.Load(id)
	if got := string(j.Ops[0].Result); got != `["OpCodeUnknown",["OpCode 'OP_TEST_DAEMON' is not known"]]` {
		t.Errorf("result %s", got)
	}
	id = submit(t, q, &delay{Make: []string{pidFile}, Background: true}, Options{})
	ended(t, q, id, Success)
	defer exec.Command("sh", "-c", "kill $(cat "+pidFile+".bg)").Run()
	for end := time.Now().Add(2 * time.Second); owned(q.jobPath(id)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a child of the runner holds the job's flock")
		}
	}
}

// daemonize is an operation that no table has.
type daemonize struct {
	Pid string `json:"pid"`
}

func (*daemonize) OpID() string   { return "OP_TEST_DAEMON" }
func (*daemonize) Work(*Env) Work { return nil }
