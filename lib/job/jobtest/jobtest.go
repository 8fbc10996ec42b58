// Package jobtest carries out an operation in a test: as a real job with a real job file, but in this process, against
// scripted nodes and a configuration in memory.
package jobtest

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// Ended is what a job left.
type Ended struct {
	Job      *job.Job
	Err      error // the failure in its result, nil if it ended well
	Result   json.RawMessage
	Messages []string
	Config   *config.Config // after it
	Commits  int
	Hooks    []Hook
	Jobs     []*job.Job // that it has submitted
}

// Hook is one directory of scripts that was asked for on a node. None has any scripts.
type Hook struct {
	Node, Dir string // "instance-add-pre.d"
	Env       map[string]string
}

// Option changes how a job is run.
type Option func(t testing.TB, r *run)

// With gives the job its common parameters: priority, dry run, reason.
func With(o job.Options) Option { return func(_ testing.TB, r *run) { r.options = o } }

// Fenced makes the candidates say that this node may not be the master.
func Fenced(err error) Option { return func(_ testing.TB, r *run) { r.store.fence = err } }

// FailingUpdate makes the n-th transaction, counted from 1, fail with err; a store.State other than NotCommitted is how much
// of it is known then.
func FailingUpdate(n int, state store.State, err error) Option {
	return func(_ testing.TB, r *run) { r.store.failAt, r.store.failState, r.store.fail = n, state, err }
}

// Before lets somebody else commit something just before the n-th transaction, counted from 1.
func Before(n int, commit func(cfg *config.Config)) Option {
	return func(_ testing.TB, r *run) {
		if r.store.others == nil {
			r.store.others = map[int]func(*config.Config){}
		}
		r.store.others[n] = commit
	}
}

// Through lets a runner of the test's own have the commands that are not hooks, in place of the scripted nodes.
func Through(nodes remote.Runner) Option { return func(_ testing.TB, r *run) { r.through = nodes } }

// Knowing makes other operations known to the job, which it may submit.
func Knowing(create ...func() job.Operation) Option {
	return func(_ testing.TB, r *run) { r.known = append(r.known, create...) }
}

// Queue lets the test see the queue that the job is in before it runs.
func Queue(see func(q *job.Queue)) Option { return func(_ testing.TB, r *run) { r.see = see } }

type run struct {
	known   []func() job.Operation
	see     func(q *job.Queue)
	options job.Options
	store   *memory
	through remote.Runner
}

// Run runs an operation. create makes an empty one for the job to read its parameters into, as the table of operations does.
func Run(t testing.TB, fake *remotetest.Fake, cfg *config.Config, op job.Operation, create func() job.Operation, options ...Option) Ended {
	t.Helper()
	r := &run{store: &memory{config: cfg.Clone()}}
	for _, o := range options {
		o(t, r)
	}
	q, err := job.OpenQueue(filepath.Join(t.TempDir(), "queue"))
	if err != nil {
		t.Fatal(err)
	}
	q.Runner, q.Warn = nil, t.Logf
	if r.see != nil {
		r.see(q)
	}
	id, err := q.Submit(t.Context(), []job.Operation{op}, r.options)
	if err != nil {
		t.Fatal(err)
	}
	nodes := &scripted{Fake: fake, through: r.through, work: map[string]work{}}
	table := job.Table{op.OpID(): create}
	for _, other := range r.known {
		table[other().OpID()] = other
	}
	rt := job.Runtime{Table: table, Nodes: nodes, Store: r.store}
	if err := job.RunJob(t.Context(), q, id, rt); err != nil {
		t.Fatal(err)
	}
	j, err := q.Load(id)
	if err != nil {
		t.Fatal(err)
	}
	e := Ended{Job: j, Result: j.Ops[0].Result, Config: r.store.config, Commits: r.store.commits, Hooks: nodes.hooks}
	if j.Status() != job.Success {
		e.Err = fault.Decode(e.Result)
		if e.Err == nil {
			t.Fatalf("the job ended as %s with %s", j.Status(), e.Result)
		}
	}
	var set job.Submitted
	if json.Unmarshal(e.Result, &set) == nil {
		for _, id := range set.IDs() {
			if j, err = q.Load(id); err != nil {
				t.Fatal(err)
			}
			e.Jobs = append(e.Jobs, j)
		}
	}
	for _, m := range e.Job.NewMessages(0) {
		e.Messages = append(e.Messages, m.Message)
	}
	return e
}

// memory is a configuration that is replicated nowhere.
type memory struct {
	config    *config.Config
	fence     error
	commits   int
	calls     int
	failAt    int
	failState store.State
	fail      error
	others    map[int]func(*config.Config) // commit before the transaction of this number
}

func (m *memory) Load() (*config.Config, error) { return m.config, nil }

func (m *memory) Fence(context.Context, store.Strength) error { return m.fence }

func (m *memory) Update(_ context.Context, _ store.Strength, change func(*config.Config) error) (store.Commit, error) {
	if commit := m.others[m.calls+1]; commit != nil {
		delete(m.others, m.calls+1)
		theirs := m.config.Clone()
		commit(theirs)
		theirs.Serial++
		m.config = theirs
	}
	kept := store.Commit{State: store.NotCommitted, Config: m.config}
	if m.fence != nil {
		return kept, m.fence
	}
	next := m.config.Clone()
	if err := change(next); err != nil {
		return kept, err
	}
	if errs := newErrors(m.config, next); len(errs) > 0 {
		return kept, errors.Join(errs...)
	}
	if m.calls++; m.calls == m.failAt {
		kept.State = m.failState
		return kept, m.fail
	}
	next.Serial++
	m.config = next
	m.commits++
	return store.Commit{State: store.Committed, Config: next}, nil
}

// newErrors is what is wrong with a configuration and was not before: tests may begin with a small and incomplete one.
func newErrors(before, after *config.Config) []error {
	known := map[string]bool{}
	for _, err := range before.Validate() {
		known[err.Error()] = true
	}
	return slices.DeleteFunc(after.Validate(), func(err error) bool { return known[err.Error()] })
}

// scripted is the fake nodes with what a job needs besides: durable work, which here runs when it is started, and hooks,
// which need not be expected.
type scripted struct {
	*remotetest.Fake
	through remote.Runner // nil: the scripted nodes
	mu      sync.Mutex
	work    map[string]work
	hooks   []Hook
}

type work struct {
	result remote.Result
	err    error
}

func (s *scripted) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	dir, ok := strings.CutPrefix(c.Argv[len(c.Argv)-1], hooks.Dir+"/")
	if !ok || c.Argv[0] != "xargs" {
		return s.run(ctx, node, c)
	}
	h := Hook{node, dir, map[string]string{}}
	for pair := range strings.SplitSeq(strings.TrimSuffix(string(c.Stdin), "\x00"), "\x00") {
		name, value, _ := strings.Cut(pair, "=")
		h.Env[name] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = append(s.hooks, h)
	first := len(s.hooks) - 1 // of those that run together, whose order is made certain
	for first > 0 && s.hooks[first-1].Dir == dir {
		first--
	}
	slices.SortFunc(s.hooks[first:], func(a, b Hook) int { return strings.Compare(a.Node, b.Node) })
	return remote.Result{}, nil
}

func (s *scripted) run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	if s.through != nil {
		return s.through.Run(ctx, node, c)
	}
	return s.Fake.Run(ctx, node, c)
}

// Start runs the work at once; its end is kept for Follow.
func (s *scripted) Start(ctx context.Context, node, id string, c remote.Cmd) error {
	result, err := s.run(ctx, node, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work[node+" "+id] = work{result, err}
	return nil
}

func (s *scripted) Follow(_ context.Context, node, id string) (remote.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.work[node+" "+id]
	if !ok {
		return remote.Result{}, &remote.Error{Node: node, Outcome: remote.Failed, Err: remote.ErrNoWork}
	}
	return w.result, w.err
}

// FollowOutput is Follow with all output in one piece.
func (s *scripted) FollowOutput(ctx context.Context, node, id string, _ time.Duration, each func(stdout, stderr []byte)) (remote.Result, error) {
	r, err := s.Follow(ctx, node, id)
	each(r.Stdout, r.Stderr)
	r.Stdout, r.Stderr = nil, nil
	return r, err
}

func (s *scripted) Stop(context.Context, string, string) error   { return nil }
func (s *scripted) Forget(context.Context, string, string) error { return nil }
