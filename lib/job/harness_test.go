package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/remote"
)

// The tests use real processes: the test binary is its own "gnt-job run", and with "submit" a submitter.
func TestMain(m *testing.M) {
	if dir := os.Getenv("GANTRY_TEST_QUEUE"); dir != "" {
		if err := child(dir, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(dir string, args []string) error {
	q, err := openTestQueue(dir)
	if err != nil {
		return err
	}
	if args[0] == "submit" {
		n, _ := strconv.Atoi(args[1])
		return submitMany(q, n)
	}
	id, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	ctx := context.Background()
	return RunJob(ctx, q, id, Runtime{
		Table: Table{"OP_TEST_DELAY": func() Operation { return new(delay) }},
		Nodes: local{}, Store: jsonStore{dir},
		Resolvers: map[string]Resolver{"make": undoMake, unfinished: func(ctx context.Context, env *Env, o OpenIntent) error {
			env.Info("resolved %s of job %d", o.Object(), o.Job)
			for _, in := range o.All {
				if in.Kind() == "make" {
					if err := os.RemoveAll(in.Object()); err != nil {
						return err
					}
				}
			}
			return nil
		}},
	})
}

func undoMake(_ context.Context, env *Env, o OpenIntent) error {
	env.Info("resolved %s of job %d", o.Object(), o.Job)
	return os.RemoveAll(o.Object())
}

func openTestQueue(dir string) (*Queue, error) {
	q, err := OpenQueue(dir)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	q.Runner, q.Output = []string{self, "run"}, filepath.Join(dir, "..", "jobs.log")
	q.Warn = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	return q, err
}

// newQueue is an empty queue whose runners are this test binary.
func newQueue(t *testing.T) *Queue {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "queue")
	t.Setenv("GANTRY_TEST_QUEUE", dir)
	q, err := openTestQueue(dir)
	if err != nil {
		t.Fatal(err)
	}
	q.Warn = func(format string, args ...any) { t.Logf("warning: "+format, args...) }
	t.Cleanup(func() {
		stopAll(q)
		if t.Failed() {
			log, _ := os.ReadFile(q.Output)
			t.Logf("jobs.log:\n%s", log)
		}
	})
	return q
}

// stopAll kills what still runs of a queue, by the ids its own job files give, and waits for those that are about to end.
func stopAll(q *Queue) {
	jobs, _ := q.List(true)
	for _, j := range jobs {
		path := q.jobPath(j.ID)
		if j.Archived {
			path = q.archivePath(j.ID)
		}
		for owned(path) {
			if p, err := os.FindProcess(j.Owner.PID); err == nil && !j.Status().Final() {
				p.Kill()
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// delay is Ganeti's OP_TEST_DELAY with a few things more to try a runner with.
type delay struct {
	Duration   float64  `json:"duration"`
	Want       []Lock   `json:"want,omitempty"`
	Let        []Lock   `json:"let,omitempty"`     // released before sleeping
	Make       []string `json:"make,omitempty"`    // files to make, each by a command with an intent
	GoOn       bool     `json:"go_on,omitempty"`   // where one cannot be made
	Refuse     string   `json:"refuse,omitempty"`  // message of a failing check
	Fail       string   `json:"fail,omitempty"`    // message of a failing run
	Lose       bool     `json:"lose,omitempty"`    // sight of what it has done
	Commit     bool     `json:"commit,omitempty"`  // change the configuration
	Spawn      int      `json:"spawn,omitempty"`   // jobs to submit
	Reserve    string   `json:"reserve,omitempty"` // address
	Panic      bool     `json:"panic,omitempty"`
	Grow       bool     `json:"grow,omitempty"`       // names another lock each time it is asked
	Background bool     `json:"background,omitempty"` // leave a process behind, its id in the first of Make with .bg
	Hang       string   `json:"hang,omitempty"`       // a pipe that a command with an intent reads, for ever
	Hooked     bool     `json:"hooked,omitempty"`
	Secret     secret   `json:"secret"`
}

// secret is shown as <redacted> in job files.
type secret string

func (s secret) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte(`""`), nil
	}
	return []byte(`"<redacted>"`), nil
}

func (d *delay) OpID() string { return "OP_TEST_DELAY" }

func (d *delay) Secrets() map[string]json.RawMessage {
	if d.Secret == "" {
		return nil
	}
	return map[string]json.RawMessage{"secret": json.RawMessage(strconv.Quote(string(d.Secret)))}
}

func (d *delay) Work(env *Env) Work { return &delaying{delay: d, env: env} }

type delaying struct {
	*delay
	env  *Env
	asks int
}

func (d *delaying) Locks(*config.Config) ([]Lock, error) {
	d.asks++
	if d.Grow {
		return append(slices.Clone(d.Want), Lock{LevelNode, strconv.Itoa(d.asks), false}), nil
	}
	return d.Want, nil
}

func (d *delaying) Check(context.Context) error {
	if d.Refuse != "" {
		return fault.Refuse(fault.NotFound, "%s", d.Refuse)
	}
	return nil
}

func (d *delaying) Hooks() *hooks.Plan {
	if !d.Hooked {
		return nil
	}
	return &hooks.Plan{Path: "test-delay", Env: map[string]string{"COMMITS": strconv.Itoa(d.env.Commits())}, Pre: []string{"node1"}, Post: []string{"node1", "gone"}}
}

func (d *delaying) DryRunResult() any { return "rehearsed" }

func (d *delaying) Run(ctx context.Context) (any, error) {
	if d.Panic {
		panic("on purpose")
	}
	d.env.Info("Test delay of job %d", d.env.Job)
	for _, path := range d.Make {
		c := remote.Command("touch", path)
		c.Changes = "make " + path
		if _, err := d.env.Nodes.Run(ctx, "node1", c); err != nil && !d.GoOn {
			return nil, err
		}
	}
	if d.Hang != "" {
		c := remote.Command("cat", d.Hang)
		c.Changes = "make " + d.Hang
		if _, err := d.env.Nodes.Run(ctx, "node1", c); err != nil {
			return nil, err
		}
	}
	if d.Reserve != "" {
		if err := d.env.Reserve(ctx, func(cfg *config.Config) ([]config.Reservation, error) {
			for _, r := range cfg.Reservations {
				if r.IP == d.Reserve {
					return nil, fault.Refuse(fault.NotUnique, "%s is reserved by job %d", r.IP, r.Job)
				}
			}
			return []config.Reservation{{IP: d.Reserve}}, nil
		}); err != nil {
			return nil, err
		}
	}
	if d.Commit {
		if err := d.env.Update(ctx, func(cfg *config.Config) error {
			cfg.Cluster.Tags = append(cfg.Cluster.Tags, strconv.Itoa(d.env.Job))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	if len(d.Let) > 0 {
		if err := d.env.Release(d.Let...); err != nil {
			return nil, err
		}
	}
	if d.Background {
		if err := exec.Command("sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $! >\"$1\"", "sh", d.Make[0]+".bg").Run(); err != nil {
			return nil, err
		}
	}
	var ids []int
	if d.Spawn > 0 {
		var err error
		if ids, err = d.env.Submit(ctx, slices.Repeat([][]Operation{{&delay{}}}, d.Spawn)); err != nil {
			return nil, err
		}
	}
	time.Sleep(time.Duration(d.Duration * float64(time.Second)))
	if len(d.Want) > 0 {
		d.env.Info("end of the test delay")
	}
	if d.Fail != "" {
		return nil, fault.Exec("%s", d.Fail)
	}
	if d.Lose {
		return nil, errors.Join(&remote.Error{Node: "node1", Outcome: remote.Failed}, fault.Exec("following: %w", ErrUnknown))
	}
	if d.Secret != "" && d.Secret != "<redacted>" {
		return len(d.Secret), nil
	}
	return ids, nil
}

// local is one node, this one.
type local struct{ Nodes }

func (local) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	defer remote.Inject("command", c.Line())()
	c.Argv = slices.Clone(c.Argv)
	if last := len(c.Argv) - 1; strings.HasPrefix(c.Argv[last], hooks.Dir) {
		c.Argv[last] = filepath.Join(os.Getenv("GANTRY_TEST_QUEUE"), "..", "hooks", strings.TrimPrefix(c.Argv[last], hooks.Dir))
	}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	out, err := cmd.Output()
	if err != nil {
		return remote.Result{}, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Err: err}
	}
	return remote.Result{Stdout: out}, nil
}

// jsonStore is a configuration without replication.
type jsonStore struct{ dir string }

func (s jsonStore) path() string { return filepath.Join(s.dir, "..", "config.json") }

func (s jsonStore) Load() (*config.Config, error) {
	cfg := &config.Config{}
	data, err := os.ReadFile(s.path())
	if errors.Is(err, os.ErrNotExist) {
		return cfg, nil
	}
	return cfg, errors.Join(err, json.Unmarshal(data, cfg))
}

func (s jsonStore) Update(_ context.Context, _ store.Strength, change func(*config.Config) error) (store.Commit, error) {
	lock, err := lockPath(s.path() + ".lock")
	if err != nil {
		return store.Commit{}, err
	}
	defer lock.Close()
	cfg, err := s.Load()
	if err == nil {
		err = change(cfg)
	}
	if err != nil {
		return store.Commit{}, err
	}
	cfg.Serial++
	data, err := json.Marshal(cfg)
	if err == nil {
		err = replace(s.path(), data, false)
	}
	return store.Commit{State: store.Committed, Config: cfg}, err
}

func (s jsonStore) Fence(context.Context, store.Strength) error {
	_, err := os.Stat(filepath.Join(s.dir, "..", "fenced"))
	if err == nil {
		return fault.New(fault.Configuration, "node2 has a higher epoch")
	}
	return nil
}

func submit(t *testing.T, q *Queue, op Operation, o Options) int {
	t.Helper()
	id, err := q.Submit(t.Context(), []Operation{op}, o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// ended waits for a job, 20 s at most, and checks how it ended.
func ended(t *testing.T, q *Queue, id int, want Status) *Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	j, err := q.Wait(ctx, id)
	if err != nil {
		t.Fatalf("job %d: %v", id, err)
	}
	for owned(q.jobPath(id)) {
		time.Sleep(time.Millisecond) // until its process has cleaned up and is gone
	}
	if j.Status() != want {
		t.Fatalf("job %d ended as %s, want %s: %s", id, j.Status(), want, j.Ops[0].Result)
	}
	return j
}

// until waits for a job to get into a state.
func until(t *testing.T, q *Queue, id int, want Status) *Job {
	t.Helper()
	f, err := q.Follow(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for end := time.Now().Add(20 * time.Second); f.Job.Status() != want; {
		if f.Job.Status().Final() || time.Now().After(end) {
			t.Fatalf("job %d is %s, want %s: %s", id, f.Job.Status(), want, f.Job.Ops[0].Result)
		}
		if _, err := f.Next(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	return f.Job
}

func exclusive(names ...string) []Lock {
	var locks []Lock
	for _, n := range names {
		locks = append(locks, Lock{LevelInstance, n, false})
	}
	return locks
}

func text(j *Job) string {
	var lines []string
	for _, e := range j.NewMessages(0) {
		lines = append(lines, e.Message)
	}
	return strings.Join(lines, "\n")
}
