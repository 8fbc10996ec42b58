package job

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/remote"
)

// scripted is nodes that write down what reaches them and fail as told, by the first word of the command.
type scripted struct {
	mu   sync.Mutex
	log  []string
	fail map[string]error
	// seen is called whenever something reaches a node
	seen func(what string)
}

func (s *scripted) act(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, what)
	if s.seen != nil {
		s.seen(what)
	}
	word, _, _ := strings.Cut(what, " ")
	return s.fail[word]
}

func (s *scripted) Run(_ context.Context, node string, c remote.Cmd) (remote.Result, error) {
	return remote.Result{}, s.act(strings.Join(c.Argv, " "))
}
func (s *scripted) Put(_ context.Context, _, path string, _ []byte, _ os.FileMode) error {
	return s.act("put " + path)
}
func (s *scripted) Get(context.Context, string, string) ([]byte, error) { return nil, s.act("get") }
func (s *scripted) Start(_ context.Context, _, id string, _ remote.Cmd) error {
	return s.act("begin " + id)
}
func (s *scripted) Follow(_ context.Context, _, id string) (remote.Result, error) {
	return remote.Result{}, s.act("follow " + id)
}
func (s *scripted) FollowOutput(ctx context.Context, node, id string, _ time.Duration, _ func(stdout, stderr []byte)) (remote.Result, error) {
	return s.Follow(ctx, node, id)
}
func (s *scripted) Stop(context.Context, string, string) error   { return s.act("stop") }
func (s *scripted) Forget(context.Context, string, string) error { return s.act("forget") }
func (s *scripted) Hop(string, string) ([]string, error)         { return nil, s.act("hop") }

// gate is a store that only says how often, and how strongly, the fence was asked.
type gate struct {
	mu     sync.Mutex
	asked  []store.Strength
	closed error
}

func (g *gate) Load() (*config.Config, error) { return &config.Config{}, nil }
func (g *gate) Fence(_ context.Context, s store.Strength) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, s)
	return g.closed
}
func (g *gate) Update(_ context.Context, _ store.Strength, f func(*config.Config) error) (store.Commit, error) {
	return store.Commit{State: store.Unknown}, errors.New("the master's disk is gone")
}

// bench is an Env outside of a runner's process.
func bench(t *testing.T, nodes *scripted, g *gate) (*Env, func() *Job) {
	t.Helper()
	q := newQueue(t)
	path := newJobFile(t)
	w, err := take(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close() })
	r := &runner{Runtime: Runtime{Nodes: nodes, Store: g}, queue: q, id: 7, w: w, intent: len(w.job.Intents), serial: w.job.LastSerial()}
	env := &Env{Job: 7, runner: r, index: 1, strength: store.Decide, locks: exclusive("web"), Clock: time.Now}
	env.Nodes = recorded{env, nodes}
	return env, func() *Job {
		j, err := read(path)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
}

func changing(changes string, argv ...string) remote.Cmd {
	c := remote.Command(argv...)
	c.Changes = changes
	return c
}

func TestAnIntentIsOnTheDiskBeforeItsCommandRuns(t *testing.T) {
	nodes := &scripted{fail: map[string]error{
		"lvremove": &remote.Error{Outcome: remote.Failed}, "lvextend": &remote.Error{Outcome: remote.Unknown},
	}}
	env, file := bench(t, nodes, &gate{})
	nodes.seen = func(what string) {
		ins := file().Intents
		if last := ins[len(ins)-1]; last.Outcome != "" || last.Op != 1 || last.Node != "node1" || last.Instances[0] != "web" {
			t.Errorf("when %q ran the last intent was %+v", what, last)
		}
	}
	ctx := t.Context()
	env.Nodes.Run(ctx, "node1", changing("lv-create vg/a", "lvcreate", "a"))
	env.Nodes.Run(ctx, "node1", changing("lv-remove vg/b", "lvremove", "b"))
	env.Nodes.Run(ctx, "node1", changing("lv-grow vg/c", "lvextend", "c"))
	env.Nodes.Put(ctx, "node1", "/etc/x", nil, 0o600)
	nodes.seen = nil
	env.Nodes.Run(ctx, "node1", remote.Command("lvs"))
	var got []string
	for _, in := range file().Intents[1:] {
		got = append(got, in.Changes+": "+in.Outcome)
	}
	if want := []string{"lv-create vg/a: done", "lv-remove vg/b: failed", "lv-grow vg/c: unknown", "write /etc/x: done"}; !slices.Equal(got, want) {
		t.Errorf("recorded %q\nwant     %q", got, want)
	}
	if err := env.Settle("node1", "lv-grow vg/c", remote.Done); err != nil || file().Intents[3].Outcome != "done" {
		t.Errorf("what a probe found out: %+v, %v", file().Intents[3], err)
	}
}

func TestTheFenceIsAskedBeforeWhatMustNotHappenTwice(t *testing.T) {
	nodes, g := &scripted{}, &gate{}
	env, _ := bench(t, nodes, g)
	for _, changes := range []string{"", "lv-create vg/a", "lv-create vg/b", "starts web", "promotes drbd0", "lv-remove vg/a",
		"cancels the migration of web", "switches the migration to postcopy for web", "stops web"} {
		if _, err := env.Nodes.Run(t.Context(), "node1", changing(changes, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.asked) != 6 || g.asked[0] != store.Decide {
		t.Errorf("asked %v, want once at first and before whatever starts or ends a guest", g.asked)
	}
	g.closed = errors.New("node2 has a higher epoch")
	sent := len(nodes.log)
	if _, err := env.Nodes.Run(t.Context(), "node1", changing("starts web", "x")); !errors.Is(err, g.closed) || remote.OutcomeOf(err) != remote.Failed || len(nodes.log) != sent {
		t.Errorf("started behind the fence: %v, %q", err, nodes.log[sent:])
	}
	env.strength = store.Look
	env.Fenced(t.Context())
	if last := g.asked[len(g.asked)-1]; last != store.Look {
		t.Errorf("a person's word counts as %v", last)
	}
}

func TestDurableWorkIsOpenUntilItsEndWasSeen(t *testing.T) {
	nodes := &scripted{fail: map[string]error{}}
	env, file := bench(t, nodes, &gate{})
	ctx := t.Context()
	last := func() Intent { ins := file().Intents; return ins[len(ins)-1] }
	if err := env.Nodes.Start(ctx, "node1", "os-7", changing("os-create web", "create")); err != nil || !last().Open() || last().Work != "os-7" {
		t.Errorf("begun: %+v, %v", last(), err)
	}
	nodes.fail["follow"] = context.Canceled
	if env.Nodes.Follow(ctx, "node1", "os-7"); !last().Open() {
		t.Errorf("given up following: %+v", last())
	}
	nodes.fail["follow"] = &remote.Error{Outcome: remote.Unknown}
	if env.Nodes.Follow(ctx, "node1", "os-7"); last().Outcome != "unknown" || !last().Open() {
		t.Errorf("cut for good: %+v", last())
	}
	nodes.fail["follow"] = nil
	if env.Nodes.Follow(ctx, "node1", "os-7"); last().Outcome != "done" {
		t.Errorf("ended: %+v", last())
	}
	nodes.fail["begin"] = &remote.Error{Outcome: remote.Failed}
	if env.Nodes.Start(ctx, "node1", "copy-7", remote.Command("copy")); last().Outcome != "failed" || last().Changes != "work copy-7" {
		t.Errorf("not begun: %+v", last())
	}
}

func TestAnUnknownCommitIsNotUndone(t *testing.T) {
	env, _ := bench(t, &scripted{}, &gate{})
	err := env.Update(t.Context(), func(*config.Config) error { return nil })
	if !errors.Is(err, ErrUnknown) || !strings.HasPrefix(err.Error(), "the master's disk is gone") || env.Commits() != 0 {
		t.Errorf("err = %v, %d commits", err, env.Commits())
	}
	undone := false
	Run(t.Context(), t.Logf, []Step{
		Do("making", func(context.Context) error { return nil }).Undo(func(context.Context) error { undone = true; return nil }),
		Do("recording", func(context.Context) error { return err }),
	})
	if undone {
		t.Error("undone although the configuration may have it")
	}
}

func TestMessagesHaveGanetisForms(t *testing.T) {
	env, file := bench(t, &scripted{}, &gate{})
	env.Say("* creating instance disks...")
	env.Say("%s", "100% done")
	env.Info("node %s", "a")
	env.Warn("disk %d", 1)
	env.Hint("look")
	env.Step(1, 6, "Check device existence")
	want := []string{"hello", "* creating instance disks...", "100% done", " - INFO: node a", " - WARNING: disk 1", "      Hint: look", "STEP 1/6 Check device existence"}
	var got []string
	for i, e := range file().NewMessages(0) {
		got = append(got, e.Message)
		if e.Serial != i+1 || e.Kind != "message" {
			t.Errorf("entry %+v", e)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Commands go to many nodes at once; their intents and the messages in between must not get mixed up.
func TestManyCommandsAtOnce(t *testing.T) {
	env, file := bench(t, &scripted{}, &gate{})
	var nodes []string
	for i := range 40 {
		nodes = append(nodes, "node"+strconv.Itoa(i))
	}
	for _, r := range remote.Each(t.Context(), nodes, 0, func(ctx context.Context, node string) (remote.Result, error) {
		env.Info("asking %s", node)
		return env.Nodes.Run(ctx, node, changing("make "+node, "touch", node))
	}) {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	j := file()
	seen := map[int]bool{}
	for _, in := range j.Intents[1:] {
		if in.Object() != in.Node || in.Outcome != "done" || seen[in.N] {
			t.Errorf("%+v", in)
		}
		seen[in.N] = true
	}
	if messages := j.NewMessages(0); len(seen) != 40 || len(messages) != 41 || messages[40].Serial != 41 {
		t.Errorf("%d intents, %d messages", len(seen), len(messages))
	}
}
