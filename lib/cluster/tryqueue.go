package cluster

import (
	"context"
	"fmt"
	"slices"

	"gantry/lib/job"
)

// trial is one set of jobs, submitted together, and how they have to end.
type trial struct {
	what   string
	jobs   []job.Request
	cancel int // index of a job to cancel once all are submitted; -1 is none
	want   [][]job.Status
	says   []string // all messages of the first job
}

func trials() []trial {
	ok, bad, slow := TestQueue{Messages: []string{"one", "two"}}, TestQueue{Fail: true}, Delay{Duration: 0.5, OnMaster: true, OnNodes: []string{}, NoLocks: true}
	one := func(ops ...job.Operation) job.Request { return job.Request{Ops: ops} }
	after := func(back int, status job.Status, ops ...job.Operation) job.Request {
		r := one(ops...)
		r.Depends = []job.Dependency{{Job: -back, Status: []job.Status{status}}}
		return r
	}
	return []trial{
		{"that messages come in order", []job.Request{one(ok, ok)}, -1, [][]job.Status{{job.Success, job.Success}}, []string{"one", "two", "one", "two"}},
		{"that a failure ends a job", []job.Request{one(ok, bad, ok)}, -1, [][]job.Status{{job.Success, job.Error, job.Error}}, []string{"one", "two"}},
		{"jobs that wait for the end of others", []job.Request{one(slow), after(1, job.Success, ok), one(bad), after(1, job.Success, ok), after(2, job.Error, ok)},
			-1, [][]job.Status{{job.Success}, {job.Success}, {job.Error}, {job.Error}, {job.Success}}, nil},
		{"that a job that waits can be canceled", []job.Request{one(slow), after(1, job.Success, ok)}, 1, [][]job.Status{{job.Success}, {job.Canceled}}, nil},
	}
}

// TryQueue sends jobs that do nothing through the queue, and fails when one of them does not end as it has to.
func TryQueue(ctx context.Context, q *job.Queue, say func(format string, args ...any)) error {
	for _, t := range trials() {
		say("Testing %s", t.what)
		if err := t.run(ctx, q); err != nil {
			return fmt.Errorf("testing %s: %w", t.what, err)
		}
	}
	return nil
}

func (t trial) run(ctx context.Context, q *job.Queue) error {
	ids, err := q.SubmitMany(ctx, t.jobs)
	if err != nil {
		return err
	}
	if t.cancel >= 0 {
		if done, said, err := q.Cancel(ctx, ids[t.cancel], false); err != nil || !done {
			return fmt.Errorf("job %d cannot be canceled: %s %w", ids[t.cancel], said, err)
		}
	}
	for i, id := range ids {
		j, err := q.Wait(ctx, id)
		if err != nil {
			return err
		}
		var got []job.Status
		for _, op := range j.Ops {
			got = append(got, op.Status)
		}
		if !slices.Equal(got, t.want[i]) {
			return fmt.Errorf("job %d ended as %v and not as %v", id, got, t.want[i])
		}
		if i == 0 && t.says != nil && !slices.Equal(messages(j), t.says) {
			return fmt.Errorf("job %d has said %q and not %q", id, messages(j), t.says)
		}
	}
	return nil
}

func messages(j *job.Job) (texts []string) {
	for _, m := range j.NewMessages(0) {
		texts = append(texts, m.Message)
	}
	return texts
}
