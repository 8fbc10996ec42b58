package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// Intent is a change that a job announced before it sent the command that makes it.
type Intent struct {
	N         int      `json:"n"` // counts from 1 within the job
	Op        int      `json:"op,omitempty"`
	Time      Time     `json:"time"`
	Node      string   `json:"node"`
	Changes   string   `json:"changes"`             // kind, then the exact object: "lv-create vg_ganeti/0e4f.disk0"
	Line      string   `json:"line,omitempty"`      // the command
	Work      string   `json:"work,omitempty"`      // id of the detached work on the node, which may still be running
	Instances []string `json:"instances,omitempty"` // that the job had locked, by name
	Outcome   string   `json:"-"`                   // "" until the command ended; then done, failed, unknown or resolved
	By        int      `json:"-"`                   // the job that resolved it
}

// Resolved is the outcome of an intent whose real effect a later job found out and dealt with.
const Resolved = "resolved"

// Open says that nobody knows what became of it.
func (in Intent) Open() bool { return in.Outcome == "" || in.Outcome == remote.Unknown.String() }

// Kind is the first word of what it changes; resolvers are found by it.
func (in Intent) Kind() string {
	kind, _, _ := strings.Cut(in.Changes, " ")
	return kind
}

// Object is what follows the kind.
func (in Intent) Object() string {
	_, object, _ := strings.Cut(in.Changes, " ")
	return object
}

// OpenIntent is an open intent of a job that has ended.
type OpenIntent struct {
	Job  int
	OpID string // of the operation that made the change
	Intent
	All []Intent // of the job, in order: what it had done before belongs to the same unfinished work
}

// String is how verify and the next job on the instance name it, with all that the same operation had done: what it was about to
// make may be used by nobody now, and what it had made before as well.
func (o OpenIntent) String() string {
	text := fmt.Sprintf("job %d ended without knowing what became of \"%s\" on node %s", o.Job, o.Changes, o.Node)
	if o.Kind() == unfinished {
		text = fmt.Sprintf("job %d ended and %s", o.Job, o.Changes)
	}
	var done []string
	for _, in := range o.All {
		if in.Op == o.Op && in.N < o.N && in.Outcome == remote.Done.String() {
			done = append(done, fmt.Sprintf("\"%s\" on node %s", in.Changes, in.Node))
		}
	}
	if done == nil {
		return text
	}
	return text + "; before that it did " + strings.Join(done, ", ")
}

// hasOpen says whether a job has open intents.
func (j *Job) hasOpen() bool { return slices.ContainsFunc(j.Intents, Intent.Open) }

// unfinished is the kind of an intent that says that a job was cut off between two changes, or does not know what came of them: none of
// its commands is in doubt, but what it has made may belong to nobody.
const unfinished = "leaves"

// interrupt writes such an intent for a job that died, or lost sight of things, while an opcode was changing instances, unless it has one
// open anyway.
func (w *writer) interrupt() error {
	op := slices.IndexFunc(w.job.Ops, func(op Op) bool { return op.Status == Running })
	if op < 0 {
		return nil
	}
	var last Intent
	for _, in := range w.job.Intents {
		if len(in.Instances) > 0 && in.Open() {
			return nil
		}
		if len(in.Instances) > 0 && in.Op == op && in.Outcome == remote.Done.String() {
			last = in
		}
	}
	if last.N == 0 {
		return nil
	}
	return w.record(event{Kind: evIntent, Intent: &Intent{N: w.job.Intents[len(w.job.Intents)-1].N + 1, Op: op, Time: w.stamp(),
		Node: w.job.Owner.Host, Changes: unfinished + " " + w.job.Ops[op].OpID() + " unfinished", Instances: last.Instances}})
}

func (q *Queue) intentPath(id int) string { return q.path("intents/" + strconv.Itoa(id)) }

// markIntents puts a job that is about to end on the list of those with open intents, if it has any.
func (q *Queue) markIntents(j *Job) error {
	if !j.hasOpen() {
		return nil
	}
	file, err := os.OpenFile(q.intentPath(j.ID), os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("noting the open intents of job %d: %w", j.ID, err)
	}
	return errors.Join(file.Close(), syncDir(q.path("intents")))
}

// OpenIntents lists what jobs that ended left unknown, oldest first. Jobs that still run are not in it.
func (q *Queue) OpenIntents() ([]OpenIntent, error) {
	entries, err := os.ReadDir(q.path("intents"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var open []OpenIntent
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		j, err := q.Load(id)
		if err != nil {
			q.warn("open intents of job %d: %v", id, err)
			continue
		}
		for _, in := range j.Intents {
			if in.Open() {
				o := OpenIntent{Job: id, Intent: in, All: j.Intents}
				if in.Op >= 0 && in.Op < len(j.Ops) {
					o.OpID = j.Ops[in.Op].OpID()
				}
				open = append(open, o)
			}
		}
	}
	slices.SortStableFunc(open, func(a, b OpenIntent) int { return a.Job - b.Job })
	return open, nil
}

// resolved notes that job by dealt with an open intent of a job that ended.
func (q *Queue) resolved(o OpenIntent, by int) error {
	return q.locked(func() error {
		w, err := take(q.jobPath(o.Job), q.Now)
		if errors.Is(err, fs.ErrNotExist) {
			w, err = take(q.archivePath(o.Job), q.Now)
		}
		if err != nil {
			return fmt.Errorf("resolving an intent of job %d: %w", o.Job, err)
		}
		defer w.close()
		if err := w.record(event{Kind: evOutcome, Time: w.stamp(), N: o.N, Outcome: Resolved, By: by}); err != nil {
			return err
		}
		if w.job.hasOpen() {
			return nil
		}
		return os.Remove(q.intentPath(o.Job))
	})
}
