package job

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// submitMany is one of the submitters of TestManySubmitters: jobs of all priorities that want the same few instances, some
// after each other, some canceled.
func submitMany(q *Queue, n int) error {
	ctx := context.Background()
	last := 0
	for i := range n {
		o := Options{Priority: []int{PriorityLow, PriorityNormal, PriorityHigh}[rand.IntN(3)]}
		if last > 0 && i%3 == 0 {
			o.Depends = []Dependency{{Job: last}}
		}
		op := &delay{Duration: 0.01, Want: exclusive("web" + strconv.Itoa(rand.IntN(4)))}
		id, err := q.Submit(ctx, []Operation{op}, o)
		if err != nil {
			return err
		}
		switch last = id; i % 5 {
		case 1:
			if _, _, err := q.Cancel(ctx, id, false); err != nil {
				return err
			}
		case 2:
			if _, _, err := q.ChangePriority(id, PriorityHigh); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestManySubmitters(t *testing.T) {
	q := newQueue(t)
	const submitters, each = 10, 10
	started := time.Now()
	var all sync.WaitGroup
	for range submitters {
		all.Go(func() {
			out, err := exec.Command(q.Runner[0], "submit", strconv.Itoa(each)).CombinedOutput()
			if err != nil {
				t.Errorf("submitting: %v\n%s", err, out)
			}
		})
	}
	all.Wait()
	t.Logf("submitted in %v", time.Since(started))
	states := map[Status]int{}
	for id := 1; id <= submitters*each; id++ {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		j, err := q.Wait(ctx, id)
		cancel()
		if err != nil {
			t.Fatalf("job %d: %v", id, err)
		}
		states[j.Status()]++
		if j.Status() == Error {
			t.Errorf("job %d: %s", id, j.Ops[0].Result)
		}
	}
	took := time.Since(started)
	t.Logf("%v in %v", states, took)
	if took > 30*time.Second {
		t.Errorf("100 jobs took %v", took)
	}
	if table, err := q.Locks(); err != nil || len(table.Tickets) > 0 {
		t.Errorf("locks left: %+v, %v", table.Tickets, err)
	}
	if log, _ := os.ReadFile(q.Output); len(log) > 0 {
		t.Errorf("runners complained:\n%s", log)
	}
	if err := q.Recover(); err != nil || len(q.unfinished()) > 0 {
		t.Errorf("unfinished: %v, %v", q.unfinished(), err)
	}
	noOverlap(t, q)
}

// noOverlap checks that no two jobs had the same exclusive lock at the same time.
func noOverlap(t *testing.T, q *Queue) {
	t.Helper()
	jobs, err := q.List(true)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range jobs {
		for _, b := range jobs[i+1:] {
			if lockOf(a) != lockOf(b) || a.LastSerial() < 2 || b.LastSerial() < 2 {
				continue
			}
			// the first and the last word of the work, both said while it held its locks
			from, to := a.Ops[0].Log[0].Time.Time(), a.Ops[0].Log[1].Time.Time()
			if b.Ops[0].Log[0].Time.Time().Before(to) && from.Before(b.Ops[0].Log[1].Time.Time()) {
				t.Errorf("jobs %d and %d overlap", a.ID, b.ID)
			}
		}
	}
}

func lockOf(j *Job) string {
	_, name, _ := strings.Cut(string(j.Ops[0].Input), `"name":"`)
	name, _, _ = strings.Cut(name, `"`)
	return name
}

func TestTwentyTogether(t *testing.T) {
	q := newQueue(t)
	started := time.Now()
	requests := make([]Request, 20)
	for i := range requests {
		requests[i] = Request{Ops: []Operation{&delay{Commit: true, Want: exclusive(fmt.Sprintf("web%d", i))}}}
	}
	ids, err := q.SubmitMany(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		ended(t, q, id, Success)
	}
	took := time.Since(started)
	t.Logf("20 jobs with a commit each in %v", took)
	if took > 4*time.Second {
		t.Errorf("20 jobs took %v", took)
	}
	if cfg, err := (jsonStore{q.Dir}).Load(); err != nil || len(cfg.Cluster.Tags) != 20 {
		t.Errorf("commits: %v, %v", cfg.Cluster.Tags, err)
	}
}
