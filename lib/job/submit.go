package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Options are the parameters common to all opcodes of a job.
type Options struct {
	Priority int
	Reason   []Reason
	Depends  []Dependency
	Comment  *string
	DryRun   *bool // nil for commands that have no such option: the opcode then lacks it, as in Ganeti
	Debug    int
}

// Request is one job to be submitted.
type Request struct {
	Ops []Operation
	Options
}

// Submit puts a job into the queue and starts it if its turn has come. When it returns without an error the job and its id
// are durable.
func (q *Queue) Submit(ctx context.Context, ops []Operation, o Options) (int, error) {
	ids, err := q.SubmitMany(ctx, []Request{{ops, o}})
	if err != nil {
		return 0, err
	}
	return ids[0], nil
}

// SubmitMany puts jobs into the queue together, all or none, with ids in a row.
func (q *Queue) SubmitMany(ctx context.Context, requests []Request) ([]int, error) {
	if len(requests) == 0 {
		return nil, nil
	}
	for range 10 {
		if err := q.cover(ctx, len(requests)); err != nil {
			return nil, fmt.Errorf("submitting a job: %w", err)
		}
		var ids []int
		err := q.locked(func() (err error) {
			ids, err = q.enqueue(requests)
			return err
		})
		switch {
		case errors.Is(err, errUncovered):
			continue
		case err != nil:
			return nil, err
		}
		if err := q.Tend(); err != nil {
			q.warn("%v", err) // the jobs are in the queue; whoever follows them tries again
		}
		return ids, nil
	}
	return nil, fault.New(fault.JobQueue, "%v", errUncovered)
}

// enqueue writes the files of new jobs. The queue's flock is held.
func (q *Queue) enqueue(requests []Request) ([]int, error) {
	if q.Drained() {
		return nil, fault.New(fault.JobQueue, "Queue drained")
	}
	first, err := q.takeIDs(len(requests))
	if err != nil {
		return nil, err
	}
	ids := make([]int, len(requests))
	texts := make([][]byte, len(requests))
	for i, r := range requests {
		ids[i] = first + i
		if texts[i], err = q.header(r, ids[i], first); err != nil {
			return nil, err
		}
	}
	// the list goes first: an id in it without a file is harmless, a file that is not in it would wait for the next scan
	if err := q.setUnfinished(append(q.unfinished(), ids...)); err != nil {
		return nil, err
	}
	for i, r := range requests {
		if err := q.create(ids[i], texts[i], r.Ops); err != nil {
			return nil, errors.Join(err, q.discard(ids[:i+1]))
		}
	}
	return ids, syncDir(q.Dir)
}

func (q *Queue) create(id int, text []byte, ops []Operation) error {
	if err := q.writeSecrets(id, ops); err != nil {
		return fmt.Errorf("writing job %d: %w", id, err)
	}
	defer remote.Inject("job", "create "+strconv.Itoa(id))()
	if err := replace(q.jobPath(id), text, true); err != nil {
		return fmt.Errorf("writing job %d: %w", id, err)
	}
	return nil
}

// discard takes back the files of a submission that failed on the way.
func (q *Queue) discard(ids []int) error {
	var all error
	for _, id := range ids {
		for _, path := range []string{q.jobPath(id), q.secretsPath(id)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				all = errors.Join(all, err)
			}
		}
	}
	return all
}

// header is the first line of a job's file.
func (q *Queue) header(r Request, id, first int) ([]byte, error) {
	if len(r.Ops) == 0 {
		return nil, fault.New(fault.Generic, "A job needs at least one opcode")
	}
	depends, err := absolute(r.Depends, id, first)
	if err != nil {
		return nil, err
	}
	r.Depends = depends
	now := q.Now()
	h := header{Format: fileFormat, ID: id, Received: At(now)}
	for i, op := range r.Ops {
		source := "gnt:opcode:" + strings.ToLower(strings.TrimPrefix(op.OpID(), "OP_"))
		text := fmt.Sprintf("job=%d;index=%d", id, i)
		o := r.Options
		o.Reason = append(slices.Clone(o.Reason), Reason{source, text, h.Received.Time().UnixNano()})
		input, err := encode(op, o)
		if wrong, ok := errors.AsType[*json.UnsupportedValueError](err); ok && wrong.Value.CanFloat() { // a float that is no number
			return nil, fault.NoNumber(wrong.Value.Float())
		}
		if err != nil {
			return nil, fmt.Errorf("submitting a job: %w", err)
		}
		h.Ops = append(h.Ops, input)
	}
	text, err := json.Marshal(h)
	return append(text, '\n'), err
}

// absolute turns negative job ids into those of the submission that began with first.
func absolute(depends []Dependency, id, first int) ([]Dependency, error) {
	depends = slices.Clone(depends)
	for i, d := range depends {
		if d.Job < 0 {
			depends[i].Job += id
		}
		if d.Job == 0 || d.Job < 0 && depends[i].Job < first {
			return nil, fault.New(fault.JobQueue, "Relative job ID %d can not be resolved", d.Job)
		}
	}
	return depends, nil
}

// common are the attributes every opcode has, in Ganeti's order.
type common struct {
	DryRun   *bool        `json:"dry_run,omitempty"`
	Debug    int          `json:"debug_level"`
	Priority int          `json:"priority"`
	Depends  []Dependency `json:"depends"`
	Comment  *string      `json:"comment"`
	Reason   []Reason     `json:"reason"`
	OpID     string       `json:"OP_ID"`
}

// OptionsOf are the common attributes that an opcode comes with from outside.
func OptionsOf(opcode json.RawMessage) (Options, error) {
	var c common
	if err := json.Unmarshal(opcode, &c); err != nil {
		return Options{}, fault.Refuse(fault.WrongInput, "reading an opcode: %w", err)
	}
	return Options{Priority: c.Priority, Reason: c.Reason, Depends: c.Depends, Comment: c.Comment, DryRun: c.DryRun, Debug: c.Debug}, nil
}

// encode is the input of an opcode: the common attributes, then those of the operation.
func encode(op Operation, o Options) (json.RawMessage, error) {
	head, err := json.Marshal(common{o.DryRun, o.Debug, o.Priority, o.Depends, o.Comment, o.Reason, op.OpID()})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(op)
	if err != nil {
		return nil, err
	}
	body = bytes.TrimPrefix(body, []byte("{"))
	if len(body) <= 1 {
		return head, nil
	}
	return slices.Concat(head[:len(head)-1], []byte(","), body), nil
}

func (q *Queue) secretsPath(id int) string {
	dir := q.Memory
	if dir == "" {
		dir = q.path("live")
	}
	return filepath.Join(dir, strconv.Itoa(id)+".secrets")
}

// writeSecrets keeps what the job file may not show until the job has ended.
func (q *Queue) writeSecrets(id int, ops []Operation) error {
	all, found := make([]map[string]json.RawMessage, len(ops)), false
	for i, op := range ops {
		if s, ok := op.(Secretive); ok {
			all[i] = s.Secrets()
			found = found || len(all[i]) > 0
		}
	}
	if !found {
		return nil
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	dir := filepath.Dir(q.secretsPath(id))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	file, err := os.OpenFile(q.secretsPath(id), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// addSecrets puts the parameters kept aside back into an operation. They do not outlive a restart of the node, unlike the job.
func (q *Queue) addSecrets(id, index int, op Operation) error {
	data, err := os.ReadFile(q.secretsPath(id))
	if errors.Is(err, os.ErrNotExist) {
		if s, ok := op.(Secretive); ok && len(s.Secrets()) > 0 {
			return fault.Exec("The parameters of this job that nothing but memory may hold were lost when the node was restarted; submit it again")
		}
		return nil
	}
	if err != nil {
		return err
	}
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil || index >= len(all) {
		return fmt.Errorf("reading %s: %w", q.secretsPath(id), err)
	}
	return json.Unmarshal(all[index], op)
}
