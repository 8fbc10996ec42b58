package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Queue is what cli needs of the job queue.
type Queue interface {
	SubmitMany(ctx context.Context, requests []job.Request) ([]int, error)
	Load(id int) (*job.Job, error)
	Follow(id int) (Follower, error)
}

// Follower tells of the changes of one job: see job.Follower.
type Follower interface {
	State() *job.Job
	Next(ctx context.Context, limit time.Duration) (changed bool, err error)
	Close() error
}

// jobQueue is the real queue.
type jobQueue struct{ *job.Queue }

type jobFollower struct{ *job.Follower }

func (f jobFollower) State() *job.Job { return f.Job }

func (q jobQueue) Follow(id int) (Follower, error) {
	f, err := q.Queue.Follow(id)
	if err != nil {
		return nil, err
	}
	return jobFollower{f}, nil
}

// notChanged is how long a job may be silent before the user is told what it waits for.
const notChanged = 29 * time.Second

// Submit puts an operation into the queue and follows its job, or, with
// --submit, ends the command with the job's id.
func (env *Env) Submit(ctx context.Context, op job.Operation) error {
	return env.SubmitFor(ctx, op, nil)
}

// SubmitFor is Submit for an operation whose result is wanted: it is read into
// the value result points to.
func (env *Env) SubmitFor(ctx context.Context, op job.Operation, result any) error {
	results, err := env.SubmitTogether(ctx, op)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(results[0], result); err != nil {
		return fmt.Errorf("reading the result of %s: %w", op.OpID(), err)
	}
	return nil
}

// SubmitTogether is Submit for several operations that are one job, and gives their results.
func (env *Env) SubmitTogether(ctx context.Context, ops ...job.Operation) ([]json.RawMessage, error) {
	ids, err := env.enqueue(ctx, env.request(ops...))
	if err != nil {
		return nil, err
	}
	id := ids[0]
	if env.cmd.common.printJob {
		env.Println("%d", id)
	}
	if env.cmd.common.submit {
		// Ganeti reports the id by way of its failures: on standard error, with status 0
		return nil, fault.Plain{Message: fmt.Sprintf("JobID: %d", id)}
	}
	return env.FollowJob(ctx, id)
}

// wellFormed is an operation that can tell that its words are none that a queue would take.
type wellFormed interface{ WellFormed() error }

// enqueue puts jobs into the queue.
func (env *Env) enqueue(ctx context.Context, requests ...job.Request) ([]int, error) {
	for _, r := range requests {
		for _, op := range r.Ops {
			if w, ok := op.(wellFormed); ok {
				if err := w.WellFormed(); err != nil {
					return nil, err
				}
			}
		}
	}
	queue, err := env.Queue()
	if err != nil {
		return nil, err
	}
	if err := env.Alone(); err != nil {
		return nil, err
	}
	return queue.SubmitMany(ctx, requests)
}

// request is a job of these operations with the options of the command line.
func (env *Env) request(ops ...job.Operation) job.Request {
	c := env.cmd.common
	r := job.Request{Ops: ops, Options: job.Options{Debug: c.debug, Priority: c.priority.number}}
	if c.dryFlag != nil {
		r.DryRun = &c.dry
	}
	now := env.Now().UnixNano()
	r.Reason = append(env.UserReason(), job.Reason{Source: "gnt:client:" + env.binary, Text: env.typed, Time: now})
	return r
}

// UserReason is what --reason said, as the first entry of a trail; nothing without it.
func (env *Env) UserReason() (trail []job.Reason) {
	if text := env.cmd.common.reason; text != nil {
		trail = append(trail, job.Reason{Source: "gnt:user", Text: *text, Time: env.Now().UnixNano()})
	}
	return trail
}

// FollowJob prints the messages of a job until it ends, and returns the results
// of its operations, or the failure of the first that failed.
func (env *Env) FollowJob(ctx context.Context, id int) ([]json.RawMessage, error) {
	queue, err := env.Queue()
	if err != nil {
		return nil, err
	}
	f, err := queue.Follow(id)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	serial, told := 0, map[job.Status]bool{}
	for {
		for _, m := range f.State().NewMessages(serial) {
			env.message(m)
			serial = m.Serial
		}
		if f.State().Status().Final() {
			return outcome(f.State())
		}
		changed, err := f.Next(ctx, notChanged)
		if err != nil {
			return nil, err
		}
		if status := f.State().Status(); !changed && !told[status] {
			told[status] = true
			env.waiting(id, status)
		}
	}
}

// message prints one message of a job.
func (env *Env) message(m job.LogEntry) {
	env.Println("%s %s", unit.Ctime(m.Time.Time()), unit.SafeText(m.Message))
}

// waiting says what a job that does nothing waits for.
func (env *Env) waiting(id int, status job.Status) {
	switch status {
	case job.Queued:
		env.Warn("Job %d is waiting in queue", id)
	case job.Waiting:
		env.Warn("Job %d is trying to acquire all necessary locks", id)
	}
}

// outcome is what an ended job came to.
func outcome(j *job.Job) ([]json.RawMessage, error) {
	status := j.Status()
	if status == job.Canceled || status == job.Canceling {
		return nil, fault.New(fault.JobCanceled, "Job was canceled")
	}
	results := make([]json.RawMessage, len(j.Ops))
	done := false
	for i, op := range j.Ops {
		results[i] = op.Result
		switch op.Status {
		case job.Success:
			done = true
		case job.Error:
			return nil, failure(i, op.Result, done)
		}
	}
	return results, nil
}

// failure is the error that the result of a failed operation stands for.
func failure(index int, result json.RawMessage, partial bool) error {
	if err := fault.Decode(result); err != nil {
		return err
	}
	var text string
	if json.Unmarshal(result, &text) != nil {
		text = string(result)
	}
	if partial {
		return fault.Exec("partial failure (opcode %d): %s", index, text)
	}
	return fault.Exec("%s", text)
}
