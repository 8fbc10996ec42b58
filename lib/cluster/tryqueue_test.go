package cluster

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
)

// still is a configuration that nobody changes.
type still struct{ cfg *config.Config }

func (s still) Load() (*config.Config, error) { return s.cfg, nil }
func (still) Update(context.Context, store.Strength, func(*config.Config) error) (store.Commit, error) {
	panic("nothing here changes the configuration")
}
func (still) Fence(context.Context, store.Strength) error { return nil }

// running is a queue whose jobs run in this process, with a table of operations.
func running(t *testing.T, table job.Table) *job.Queue {
	q, err := job.OpenQueue(filepath.Join(t.TempDir(), "queue"))
	if err != nil {
		t.Fatal(err)
	}
	q.Runner, q.Warn = nil, t.Logf
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		started := map[int]bool{}
		for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			ids, _ := q.IDs(false)
			for _, id := range ids {
				if !started[id] {
					started[id] = true
					all.Go(func() { job.RunJob(ctx, q, id, job.Runtime{Table: table, Store: still{keyed()}}) })
				}
			}
		}
	})
	t.Cleanup(func() { stop(); all.Wait() })
	return q
}

func TestTheQueuePassesItsOwnTrial(t *testing.T) {
	table := job.Table{"OP_TEST_JQUEUE": func() job.Operation { return &TestQueue{} }, "OP_TEST_DELAY": func() job.Operation { return &Delay{} }}
	var told []string
	say := func(format string, args ...any) { told = append(told, format) }
	if err := TryQueue(t.Context(), running(t, table), say); err != nil || len(told) != len(trials()) {
		t.Errorf("%v, %q", err, told)
	}
}

// mute is an operation that does not do what it is told.
type mute struct{ TestQueue }

func (op mute) Work(env *job.Env) job.Work { return &testQueue{env: env} }

func TestTheTrialFindsAQueueThatLosesMessages(t *testing.T) {
	table := job.Table{"OP_TEST_JQUEUE": func() job.Operation { return &mute{} }, "OP_TEST_DELAY": func() job.Operation { return &Delay{} }}
	err := TryQueue(t.Context(), running(t, table), t.Logf)
	if err == nil || !strings.Contains(err.Error(), "testing that messages come in order: job 1 has said []") {
		t.Error(err)
	}
}
