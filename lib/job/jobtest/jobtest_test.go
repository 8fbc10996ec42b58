package jobtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// tag is an operation that touches a file on a node, durably another one, and then adds a tag to the cluster.
type tag struct {
	Name string `json:"name"`
}

func (*tag) OpID() string                  { return "OP_TAGS_SET" }
func (op *tag) Work(env *job.Env) job.Work { return &tagging{op, env} }
func newTag() job.Operation                { return new(tag) }
func touch(name, changes string) remote.Cmd {
	c := remote.Command("touch", name)
	c.Changes = changes
	return c
}

type tagging struct {
	*tag
	env *job.Env
}

func (w *tagging) Locks(*config.Config) ([]job.Lock, error) {
	return []job.Lock{{Level: job.LevelCluster, Name: job.Big}}, nil
}

func (w *tagging) Check(context.Context) error {
	if w.Name == "" {
		return fault.Refuse(fault.WrongInput, "no tag")
	}
	return nil
}

func (w *tagging) Hooks() *hooks.Plan {
	return &hooks.Plan{Path: "cluster-modify", Env: map[string]string{"TAG": w.Name}, Pre: []string{"node1"}, Post: []string{"node1", "node2"}}
}

func (w *tagging) Run(ctx context.Context) (any, error) {
	w.env.Say("tagging")
	if _, err := w.env.Nodes.Run(ctx, "node1", touch("a", "make a")); err != nil {
		return nil, err
	}
	if err := w.env.Nodes.Start(ctx, "node2", "w", touch("b", "make b")); err != nil {
		return nil, err
	}
	if _, err := w.env.Nodes.Follow(ctx, "node2", "w"); err != nil {
		return nil, err
	}
	return w.Name, w.env.Update(ctx, func(cfg *config.Config) error {
		cfg.Cluster.Tags = append(cfg.Cluster.Tags, w.Name)
		return nil
	})
}

func TestAnOperationRunsAsAJob(t *testing.T) {
	fake := remotetest.New(t).Answer("node1: touch a", "").Answer("node2: touch b", "")
	e := jobtest.Run(t, fake, &config.Config{}, &tag{"x"}, newTag)
	if e.Err != nil || string(e.Result) != `"x"` || !slices.Equal(e.Messages, []string{"tagging"}) || e.Commits != 1 || !slices.Equal(e.Config.Cluster.Tags, []string{"x"}) {
		t.Errorf("%+v", e)
	}
	var ran []string
	for _, h := range e.Hooks {
		ran = append(ran, h.Node+" "+h.Dir+" "+h.Env["GANETI_TAG"]+h.Env["GANETI_POST_TAG"])
	}
	if want := []string{"node1 cluster-modify-pre.d x", "node1 cluster-modify-post.d xx", "node2 cluster-modify-post.d xx"}; !slices.Equal(ran, want) {
		t.Errorf("hooks %q, want %q", ran, want)
	}
	if len(e.Job.Intents) != 2 || e.Job.Intents[1].Outcome != "done" || e.Job.Intents[1].Work != "w" {
		t.Errorf("intents %+v", e.Job.Intents)
	}
}

func TestWhatCanGoWrong(t *testing.T) {
	full := errors.New("no space left on device")
	for name, tt := range map[string]struct {
		fake   *remotetest.Fake
		op     *tag
		option jobtest.Option
		want   string
	}{
		"refused":      {remotetest.New(t), &tag{}, jobtest.With(job.Options{}), "no tag"},
		"fenced":       {remotetest.New(t), &tag{"x"}, jobtest.Fenced(errors.New("node2 has a higher epoch")), "node2 has a higher epoch"},
		"a node fails": {remotetest.New(t).Fail("node1: touch a", 1, "read-only"), &tag{"x"}, jobtest.With(job.Options{}), "node node1: touch a: exit status 1: read-only"},
		"not saved":    {remotetest.New(t).Answer("node1: touch a", "").Answer("node2: touch b", ""), &tag{"x"}, jobtest.FailingUpdate(1, store.NotCommitted, full), full.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			e := jobtest.Run(t, tt.fake, &config.Config{}, tt.op, newTag, tt.option)
			if e.Err == nil || e.Err.Error() != tt.want || e.Commits != 0 || len(e.Config.Cluster.Tags) != 0 {
				t.Errorf("%v, want %s; %d commits", e.Err, tt.want, e.Commits)
			}
		})
	}
}
