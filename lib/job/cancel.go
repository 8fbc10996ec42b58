package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"

	"gantry/lib/fault"
)

// request is what somebody wants of a job that has a process. It lies in a file beside the job's bell; the runner reads it
// whenever the bell rings and before it goes a step further.
type request struct {
	Cancel   bool `json:"cancel,omitempty"`
	Priority *int `json:"priority,omitempty"`
}

func (q *Queue) requestPath(id int) string { return q.path("live/" + strconv.Itoa(id) + ".request") }

// ask adds to the requests of a job and rings its bell. The queue's flock is held.
func (q *Queue) ask(id int, change func(r *request)) error {
	r := q.asked(id)
	change(&r)
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := replace(q.requestPath(id), data, false); err != nil {
		return err
	}
	q.wake(id)
	return nil
}

// asked reads the requests of a job.
func (q *Queue) asked(id int) (r request) {
	if data, err := os.ReadFile(q.requestPath(id)); err == nil && json.Unmarshal(data, &r) != nil {
		return request{}
	}
	return r
}

// cancelPatience is how long Cancel waits for a runner to obey. One that runs an opcode does not until that has ended.
const cancelPatience = 15 * time.Second

// Cancel ends a job that has not begun to change anything: one in the queue at once, one that waits for locks by its
// runner. kill ends the process of any job. It says whether that was done, and how, in Ganeti's words.
func (q *Queue) Cancel(ctx context.Context, id int, kill bool) (bool, string, error) {
	var said string
	var done, wait bool
	err := q.locked(func() error {
		j, err := read(q.jobPath(id))
		if errors.Is(err, fs.ErrNotExist) || err == nil && j.Status().Final() {
			said = fmt.Sprintf("Job %d not found in queue", id)
			return nil
		}
		if err != nil {
			return err
		}
		w, err := take(q.jobPath(id), q.Now)
		if errors.Is(err, errBusy) {
			wait = true
			if kill = kill && j.Owner.PID != 0; kill {
				return nil // one that is only starting obeys
			}
			return q.ask(id, func(r *request) { r.Cancel = true })
		}
		if err != nil {
			return err
		}
		defer w.close()
		if done = w.job.Status() == Queued; done {
			said = fmt.Sprintf("Dequeued job %d", id)
			return q.end(w, nil)
		}
		said = "Job exited before it could have been canceled, status " + luxiName(Error)
		return q.end(w, lastWords(w.job))
	})
	switch {
	case err != nil:
		return false, "", fmt.Errorf("canceling job %d: %w", id, err)
	case !wait:
		return done, said, q.Tend() // others may have waited for this one
	case kill:
		return q.kill(ctx, id)
	}
	return q.awaitCancel(ctx, id)
}

// end ends a job that has no process, as canceled if there is no failure. Commands it had announced and not seen the end of
// are put on the list of open intents first, so that no crash in here loses them. The queue's flock is held.
func (q *Queue) end(w *writer, failure error) error {
	if err := w.interrupt(); err != nil {
		return err
	}
	if err := q.markIntents(w.job); err != nil {
		return err
	}
	if err := w.record(w.endings(failure)...); err != nil {
		return err
	}
	q.clean(w.job.ID)
	return q.dropTicket(w.job.ID)
}

// awaitCancel waits for what a runner makes of the request.
func (q *Queue) awaitCancel(ctx context.Context, id int) (bool, string, error) {
	f, err := q.Follow(id)
	if err != nil {
		return false, "", err
	}
	defer f.Close()
	end := q.Now().Add(cancelPatience)
	for {
		switch status := f.Job.Status(); {
		case status == Canceled:
			return true, "Job successfully cancelled", nil
		case status.Final():
			return false, "Job exited before it could have been canceled, status " + luxiName(status), nil
		case status == Running:
			return false, "Job no longer waiting, can't cancel (informed it anyway)", nil
		case q.Now().After(end):
			return false, "Job could not be canceled, status " + luxiName(status), nil
		}
		if _, err := f.Next(ctx, time.Second); err != nil {
			return false, "", err
		}
	}
}

// luxiName is a status as Ganeti's queue daemon prints it in messages.
func luxiName(s Status) string {
	names := map[Status]string{
		Queued: "QUEUED", Waiting: "WAITING", Canceling: "CANCELING", Running: "RUNNING",
		Canceled: "CANCELED", Success: "SUCCESS", Error: "ERROR",
	}
	return "JOB_STATUS_" + names[s]
}

// kill ends the process of a job without asking it. What it was doing stays half done and on the list of open intents.
func (q *Queue) kill(ctx context.Context, id int) (bool, string, error) {
	j, err := q.Load(id)
	if err != nil {
		return false, "", err
	}
	host, boot := thisHost()
	if j.Owner.PID == 0 || j.Owner.Host != host || j.Owner.Boot != boot {
		return false, fmt.Sprintf("Job %d has no process on this node", id), nil
	}
	process, err := os.FindProcess(j.Owner.PID) // a handle: if the job ends meanwhile, no other process is hit
	if err == nil && owned(q.jobPath(id)) {
		err = process.Signal(syscall.SIGKILL)
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return false, "", fmt.Errorf("killing the process of job %d: %w", id, err)
	}
	for owned(q.jobPath(id)) {
		select {
		case <-ctx.Done():
			return false, "", ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := q.locked(func() error {
		if j, err := read(q.jobPath(id)); err == nil && !j.Status().Final() {
			if err := q.bury(j); err != nil {
				return err
			}
		}
		return q.tend()
	}); err != nil {
		return false, "", err
	}
	if j, err = q.Load(id); err != nil {
		return false, "", err
	}
	if status := j.Status(); status == Success || status == Canceled {
		return false, "Job exited before it could have been canceled, status " + luxiName(status), nil
	}
	return true, "SIGKILL send to the process", nil // Ganeti's word, and to it the job has failed
}

// ChangePriority gives the opcodes of a job that have not begun another priority.
func (q *Queue) ChangePriority(id, priority int) (bool, string, error) {
	if priority < PriorityHighest || priority > PriorityLowest {
		return false, "", fault.Refuse(fault.WrongInput, "Job priority %d is not between %d and %d", priority, PriorityHighest, PriorityLowest)
	}
	var said string
	done := false
	err := q.locked(func() error {
		j, err := read(q.jobPath(id))
		if errors.Is(err, fs.ErrNotExist) || err == nil && j.Status().Final() {
			said = fmt.Sprintf("Job %d not found in queue", id)
			return nil
		}
		if err != nil {
			return err
		}
		done = true
		w, err := take(q.jobPath(id), q.Now)
		if errors.Is(err, errBusy) {
			said = fmt.Sprintf("Job %d with pid %d signaled", id, j.Owner.PID)
			return q.ask(id, func(r *request) { r.Priority = &priority })
		}
		if err != nil {
			return err
		}
		defer w.close()
		said = fmt.Sprintf("Priorities of pending opcodes for job %d have been changed to %d", id, priority)
		return w.record(w.priorities(priority)...)
	})
	if err != nil {
		return false, "", fmt.Errorf("changing the priority of job %d: %w", id, err)
	}
	return done, said, nil
}

// priorities are the events that give all opcodes that have not begun a priority.
func (w *writer) priorities(priority int) []event {
	var events []event
	for i, op := range w.job.Ops {
		if (op.Status == Queued || op.Status == Waiting) && op.Priority != priority {
			events = append(events, event{Kind: evPriority, Op: i, Priority: priority})
		}
	}
	return events
}
