package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// lab is a cluster of directories: every node is one, and commands for it run in a local sh with its directory in place of the
// master's. Nodes can be cut off or frozen.
type lab struct {
	t     testing.TB
	root  string
	crash *crasher // nil: never
	disk  *disk    // nil: what was written stays

	mu     sync.Mutex
	cut    map[string]bool // cannot be reached: certainly nothing runs there
	frozen map[string]bool // takes the command and never answers
	lose   map[string]bool // runs the command, and its answer is lost
	before func(node, script string)
}

// node names of the lab; node1 is the master, the first candidates of them are candidates.
var labNodes = []string{"node1.example.com", "node2.example.com", "node3.example.com", "node4.example.com", "node5.example.com"}

func newLab(t testing.TB, candidates int) (*lab, *Store) {
	t.Helper()
	l := &lab{t: t, root: tempDir(t), cut: map[string]bool{}, frozen: map[string]bool{}, lose: map[string]bool{}}
	for _, n := range labNodes {
		if err := os.Mkdir(l.dir(n), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := l.store("node1.example.com")
	if err := s.Create(t.Context(), labConfig(t, candidates)); err != nil {
		t.Fatal(err)
	}
	if candidates > 1 {
		if c, err := s.Redistribute(t.Context(), l.as("node1.example.com")); err != nil || len(c.Warnings) > 0 {
			t.Fatalf("Redistribute = %+v, %v", c, err)
		}
	}
	return l, s
}

// copy is a lab with the same files.
func (l *lab) copy(t testing.TB) *lab {
	t.Helper()
	other := &lab{t: t, root: filepath.Join(tempDir(t), "lab"), cut: map[string]bool{}, frozen: map[string]bool{}, lose: map[string]bool{}}
	if err := os.CopyFS(other.root, os.DirFS(l.root)); err != nil {
		t.Fatal(err)
	}
	return other
}

// tempDir is in memory where it can be: the tests sync often, and need no disk for what they show.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "store")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// labConfig is the real configuration with five nodes, of which the first ones are candidates.
func labConfig(t testing.TB, candidates int) *config.Config {
	c := realConfig(t)
	fifth := *c.Nodes[3]
	fifth.Name, fifth.UUID, fifth.PrimaryIP, fifth.SecondaryIP = labNodes[4], "55555555-1111-4111-8111-111111111111", "192.0.2.15", "198.51.100.15"
	c.Nodes = append(c.Nodes, &fifth)
	for i, n := range c.Nodes {
		n.MasterCandidate = i < candidates
	}
	return c
}

func (l *lab) dir(node string) string { return filepath.Join(l.root, node) }

func (l *lab) store(node string) *Store {
	s, err := Open(l.dir(node))
	if err != nil {
		l.t.Fatal(err)
	}
	s.RunDir = filepath.Join(l.root, "run."+node)
	s.Inject = func(area, what string) func() {
		done := l.crash.local(what)
		return func() {
			if l.disk != nil && what == "fsync "+node && node == cmp.Or(l.disk.of, n1) {
				l.disk.note(l)
			}
			done()
		}
	}
	return s
}

// runner is how one node of the lab reaches the others.
type runner struct {
	*lab
	from string
}

func (l *lab) as(node string) runner { return runner{l, node} }

func (r runner) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	kind := scriptKind(c)
	after, alive := r.crash.remote(node + " " + kind)
	if !alive {
		return remote.Result{}, &remote.Error{Node: node, Outcome: remote.Unknown, Err: errors.New("the master is dead")}
	}
	defer after()
	if r.before != nil {
		r.before(node, kind)
	}
	r.mu.Lock()
	cut, frozen, lose := r.cut[node], r.frozen[node], r.lose[node]
	r.mu.Unlock()
	if cut {
		return remote.Result{}, &remote.Error{Node: node, Line: kind, Outcome: remote.Failed, Err: remote.ErrUnreachable}
	}
	if frozen {
		select {
		case <-ctx.Done():
		case <-time.After(c.Limit):
		}
		return remote.Result{}, &remote.Error{Node: node, Line: kind, Outcome: remote.Unknown, Err: errors.New("limit reached")}
	}
	res, err := r.sh(node, c)
	if lose {
		return remote.Result{}, &remote.Error{Node: node, Line: kind, Outcome: remote.Unknown, Err: errors.New("connection lost")}
	}
	return res, err
}

func (r runner) sh(node string, c remote.Cmd) (remote.Result, error) {
	argv := slices.Clone(c.Argv)
	for i, arg := range argv {
		argv[i] = strings.Replace(arg, r.dir(r.from), r.dir(node), 1)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(c.Stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	res := remote.Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), Status: cmd.ProcessState.ExitCode()}
	if err != nil && !slices.Contains(c.OK, res.Status) {
		return res, &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Failed, Status: res.Status, Stderr: errs.Bytes()}
	}
	return res, nil
}

func scriptKind(c remote.Cmd) string {
	switch {
	case c.Kept:
		return c.Argv[4]
	case len(c.Argv) > 2 && c.Argv[2] == publishScript:
		return "publish"
	}
	return c.Argv[0]
}

func (l *lab) set(m map[string]bool, value bool, nodes ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range nodes {
		m[n] = value
	}
}

// header is what a node has; the zero Header if nothing.
func (l *lab) header(node string) Header {
	l.t.Helper()
	h, err := readHeader(filepath.Join(l.dir(node), fileName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		l.t.Fatal(err)
	}
	return h
}

// same fails unless all the nodes have the same version, which it returns.
func (l *lab) same(nodes ...string) Header {
	l.t.Helper()
	want := l.header(nodes[0])
	for _, n := range nodes[1:] {
		if h := l.header(n); h != want {
			l.t.Errorf("%s has %s (%.8s), %s has %s (%.8s)", n, h, h.Digest, nodes[0], want, want.Digest)
		}
	}
	return want
}

// rewrite gives a node a version of its own making.
func (l *lab) rewrite(node string, f func(*config.Config)) Header {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.dir(node), fileName))
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := decode(node, text)
	if err != nil {
		l.t.Fatal(err)
	}
	f(c)
	if err := os.WriteFile(filepath.Join(l.dir(node), fileName), encoded(l.t, c), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return l.header(node)
}

// tag adds a tag to the cluster: the smallest change.
func tag(name string) func(*config.Config) error {
	return func(c *config.Config) (err error) {
		c.Cluster.Tags, err = config.AddTags(c.Cluster.Tags, name)
		return err
	}
}

func hasTag(t testing.TB, s *Store, name string) bool {
	t.Helper()
	c, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(c.Cluster.Tags, name)
}

// mark changes an instance, of which no ssconf file says anything.
func mark(name string) func(*config.Config) error {
	return func(c *config.Config) error {
		c.Instances[0].OSParams = c.Instances[0].OSParams.Fill(config.Params{name: "set"})
		return nil
	}
}

func hasMark(t testing.TB, s *Store, name string) bool {
	t.Helper()
	c, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c.Instances[0].OSParams.String(name) != ""
}

// crasher counts every step that changes something and stops the master dead at one of them.
type crasher struct {
	mu   sync.Mutex
	at   int // 0: never, only count
	n    int
	dead bool
	log  []string
}

var errCrash = errors.New("crash")

// step counts one moment; it returns false when the master is dead from here on.
func (c *crasher) step(what string) bool {
	if c == nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false
	}
	c.n++
	c.log = append(c.log, what)
	if c.n == c.at {
		c.dead = true
	}
	return !c.dead
}

// local is the store's hook: the crash is a panic.
func (c *crasher) local(what string) func() {
	if !c.step("before " + what) {
		panic(errCrash)
	}
	return func() {
		if !c.step("after " + what) {
			panic(errCrash)
		}
	}
}

// remote is for commands, which run side by side: the dead master sends no more of them, and dies at its next local step.
func (c *crasher) remote(what string) (after func(), alive bool) {
	alive = c.step("before " + what)
	return func() { c.step("after " + what) }, alive
}

// crashing runs f and says whether it crashed.
func crashing(f func()) (crashed bool) {
	defer func() {
		if p := recover(); p != nil {
			if p != any(errCrash) {
				panic(p)
			}
			crashed = true
		}
	}()
	f()
	return false
}
