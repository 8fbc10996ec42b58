package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/job"
)

// Jobs are several jobs that a command submits together and then follows, one
// after the other in the order in which they get to run.
type Jobs struct {
	Each    bool // submit one after the other instead of all together
	Quiet   bool // leave out the line with the ids, as commands do that were given one name
	env     *Env
	entries []*entry
}

// entry is one job: to be submitted, or existing already.
type entry struct {
	name    string
	request job.Request
	id      int   // 0 before it is submitted
	refused error // why it could not be submitted
	JobResult
}

// JobResult is what became of one of several jobs.
type JobResult struct {
	ID      int
	Results []json.RawMessage // of its operations
	Err     error
}

// Jobs makes an empty list.
func (env *Env) Jobs() *Jobs { return &Jobs{env: env} }

// Add lists a job of these operations. The name, which may be empty, is what the lines about the job call it.
func (j *Jobs) Add(name string, ops ...job.Operation) {
	j.AddDepending(name, nil, ops...)
}

// AddDepending is Add for a job that waits for others to end; negative ids count back in this list.
func (j *Jobs) AddDepending(name string, depends []job.Dependency, ops ...job.Operation) {
	r := j.env.request(ops...)
	r.Depends = depends
	j.entries = append(j.entries, &entry{name: name, request: r})
}

// AddRequest is Add for a job that says itself how it is to be run; priority and dry run of the command line count besides.
func (j *Jobs) AddRequest(name string, r job.Request) {
	ours := j.env.request()
	r.Reason = append(r.Reason, ours.Reason...)
	if j.env.cmd.common.priority.given {
		r.Priority = ours.Priority
	}
	if ours.DryRun != nil && *ours.DryRun {
		r.DryRun = ours.DryRun
	}
	r.Debug = ours.Debug
	j.entries = append(j.entries, &entry{name: name, request: r})
}

// AddJob lists a job that another job has submitted.
func (j *Jobs) AddJob(name string, id int) {
	j.entries = append(j.entries, &entry{name: name, id: id})
}

// AddRefused lists a job that could not be submitted.
func (j *Jobs) AddRefused(name string, err error) {
	j.entries = append(j.entries, &entry{name: name, refused: err})
}

// Run follows all jobs, or with --submit prints their ids. The results are in the order of the list.
func (j *Jobs) Run(ctx context.Context) ([]JobResult, error) {
	if j.env.cmd.common.submit {
		return j.show(ctx)
	}
	return j.Wait(ctx)
}

func (j *Jobs) show(ctx context.Context) ([]JobResult, error) {
	if err := j.Submit(ctx); err != nil {
		return nil, err
	}
	for _, e := range j.entries {
		if e.refused != nil {
			j.env.Warn("Failure for %s: %v", e.name, e.refused)
			continue
		}
		j.env.Println("%d: %s", e.id, e.name)
	}
	return j.results(), nil
}

// Wait submits what is not submitted yet and follows all jobs to their ends.
// What went wrong is printed at once; the commands only count it.
func (j *Jobs) Wait(ctx context.Context) ([]JobResult, error) {
	if err := j.Submit(ctx); err != nil {
		return nil, err
	}
	j.announce()
	queue, err := j.env.Queue()
	if err != nil {
		return nil, err
	}
	pending := j.accepted()
	for len(pending) > 0 {
		i := next(queue, pending)
		if err := j.follow(ctx, pending[i]); err != nil {
			return nil, err
		}
		pending = append(pending[:i], pending[i+1:]...)
	}
	return j.results(), nil
}

// SubmitJobs runs an operation that submits jobs, and follows those.
func (e *Env) SubmitJobs(ctx context.Context, op job.Operation) ([]JobResult, error) {
	var result job.Submitted
	if err := e.SubmitFor(ctx, op, &result); err != nil {
		return nil, err
	}
	jobs := e.Jobs()
	for _, id := range result.IDs() {
		jobs.AddJob("", id)
	}
	return jobs.Wait(ctx)
}

// SubmitWithJobs is SubmitJobs for an operation that does something itself and may submit jobs besides. The status tells of theirs.
func (e *Env) SubmitWithJobs(ctx context.Context, op job.Operation) error {
	results, err := e.SubmitJobs(ctx, op)
	if err == nil && Failures(results) > 0 {
		err = fault.Status(1)
	}
	return err
}

// Failures counts the jobs that did not end well.
func Failures(results []JobResult) (failed int) {
	for _, r := range results {
		if r.Err != nil {
			failed++
		}
	}
	return failed
}

// Submit puts all jobs into the queue that are not there yet.
func (j *Jobs) Submit(ctx context.Context) error {
	if !j.Each {
		return together(j.submit(ctx, j.entries))
	}
	for i := range j.entries {
		if err := j.submit(ctx, j.entries[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// together has a refusal of one job's words name the request that takes several jobs at once.
func together(err error) error {
	if refused, ok := errors.AsType[*fault.Error](err); ok && refused.Class == fault.Protocol {
		return fault.New(fault.Protocol, "%s", strings.Replace(refused.Error(), ": SubmitJob: ", ": SubmitManyJobs: ", 1))
	}
	return err
}

// submit puts those of some jobs into the queue that are not there yet, together.
func (j *Jobs) submit(ctx context.Context, entries []*entry) error {
	var requests []job.Request
	var waiting []*entry
	for _, e := range entries {
		if e.id == 0 && e.refused == nil {
			requests, waiting = append(requests, e.request), append(waiting, e)
		}
	}
	if len(requests) == 0 {
		return nil
	}
	ids, err := j.env.enqueue(ctx, requests...)
	if err != nil {
		return err
	}
	for i, e := range waiting {
		e.id = ids[i]
	}
	return nil
}

func (j *Jobs) accepted() []*entry {
	var list []*entry
	for _, e := range j.entries {
		if e.refused == nil {
			list = append(list, e)
		}
	}
	return list
}

// announce prints which jobs there are.
func (j *Jobs) announce() {
	var ids []string
	for _, e := range j.accepted() {
		ids = append(ids, strconv.Itoa(e.id))
	}
	if len(ids) > 0 && !j.Quiet {
		j.env.Println("Submitted jobs %s", strings.Join(ids, ", "))
	}
	for _, e := range j.entries {
		if e.refused != nil {
			j.env.Warn("Failed to submit job%s: %v", e.called(), e.refused)
			e.Err = e.refused
		}
	}
}

// next picks the job to follow: the first that runs or has ended, else the first.
func next(queue Queue, pending []*entry) int {
	if len(pending) == 1 {
		return 0
	}
	for i, e := range pending {
		state, err := queue.Load(e.id)
		if err != nil {
			return i // following it will say what is wrong
		}
		switch state.Status() {
		case job.Queued, job.Waiting, job.Canceling:
		default:
			return i
		}
	}
	return 0
}

// follow follows one job. Only an end of the command itself is an error here.
func (j *Jobs) follow(ctx context.Context, e *entry) error {
	env := j.env
	env.Println("Waiting for job %d%s ...", e.id, e.called())
	e.Results, e.Err = env.FollowJob(ctx, e.id)
	if e.Err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(e.Err, ctx.Err()) {
		return e.Err
	}
	if fault.Of(e.Err).Class == fault.JobLost {
		env.Warn("Job %d%s has been archived, cannot check its result", e.id, e.called())
		return nil
	}
	text, _ := fault.Text(e.Err)
	env.Warn("Job %d%s has failed: %s", e.id, e.called(), text)
	return nil
}

func (e *entry) called() string {
	if e.name == "" {
		return ""
	}
	return fmt.Sprintf(" for %s", e.name)
}

func (j *Jobs) results() []JobResult {
	results := make([]JobResult, len(j.entries))
	for i, e := range j.entries {
		e.ID = e.id
		results[i] = e.JobResult
	}
	return results
}
