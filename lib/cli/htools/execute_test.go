package htools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
)

// signalled is a queue whose first job gets the signals while it runs; each job ends as its number says.
type signalled struct {
	x    *execution
	send []os.Signal
	ends map[int]job.Status
	next int
}

func (q *signalled) SubmitMany(_ context.Context, requests []job.Request) (ids []int, err error) {
	for range requests {
		q.next++
		ids = append(ids, q.next)
	}
	return ids, nil
}

func (q *signalled) Load(id int) (*job.Job, error) {
	status := job.Success
	if s, ok := q.ends[id]; ok {
		status = s
	}
	return &job.Job{Ops: []job.Op{{Status: status}}}, nil
}

func (q *signalled) Follow(id int) (cli.Follower, error) {
	end, err := q.Load(id)
	return &running{q, end, false}, err
}

type running struct {
	q     *signalled
	end   *job.Job
	ended bool
}

func (r *running) State() *job.Job {
	if r.ended {
		return r.end
	}
	return &job.Job{Ops: []job.Op{{Status: job.Running, Input: json.RawMessage(`{}`)}}}
}

func (r *running) Next(context.Context, time.Duration) (bool, error) {
	for _, s := range r.q.send {
		r.q.x.signals <- s
	}
	r.q.send, r.ended = nil, true
	return true, nil
}

func (r *running) Close() error { return nil }

func TestSignalsEndTheJobsAsTheyDoInGaneti(t *testing.T) {
	const asked = "Cancel request registered, will exit at the end of the current job set...\n"
	for name, c := range map[string]struct {
		send   []os.Signal
		ends   map[int]job.Status
		out    string
		failed error
	}{
		"no signal": {nil, nil, "Got job IDs 1, 2\nGot job IDs 3\nGot job IDs 4\n", nil},
		"^C twice": {[]os.Signal{os.Interrupt, os.Interrupt}, nil, "Got job IDs 1, 2\n" + asked + asked +
			"Exiting early due to user request, \n1jobset(s) submitted: \n[[(1,JOB_STATUS_SUCCESS),(2,JOB_STATUS_SUCCESS)]]\n" +
			"2 jobset(s) not submitted:\n[[[INSTANCE_MIGRATE(c)]],[[INSTANCE_MIGRATE(d)]]]\n", nil},
		"SIGTERM": {[]os.Signal{syscall.SIGTERM}, nil, "Got job IDs 1, 2\nDouble cancel request, exiting now...\n", fault.Status(2)},
		"a job fails": {nil, map[int]job.Status{3: job.Error}, "Got job IDs 1, 2\nGot job IDs 3\n",
			Fail("htools: Not all jobs completed successfully: [(JobId {fromJobId = 3},JOB_STATUS_ERROR)]\nAborting.\n")},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			q := &signalled{send: c.send, ends: c.ends}
			q.x = &execution{env: &cli.Env{Out: &out, Err: &out}, tool: "htools", queue: q, signals: make(chan os.Signal, 8)}
			var sets [][]job.Request
			for _, names := range []string{"ab", "c", "d"} {
				var set []job.Request
				for name := range strings.SplitSeq(names, "") {
					set = append(set, job.Request{Ops: []job.Operation{instance.Migrate{Name: name}}})
				}
				sets = append(sets, set)
			}
			if err := q.x.run(t.Context(), sets); out.String() != c.out || !errors.Is(err, c.failed) {
				t.Errorf("got %q and %v", out.String(), err)
			}
		})
	}
}
