package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// fileFormat is the version of the job file that this program writes, and the newest it reads.
const fileFormat = 1

// header is the first line of a job file.
type header struct {
	Format   int               `json:"format"`
	ID       int               `json:"id"`
	Received Time              `json:"received_timestamp"`
	Ops      []json.RawMessage `json:"ops"` // the inputs of the opcodes
}

// event is any other line: a change, with the moment it happened. Fields that do not belong to its kind are absent.
type event struct {
	Kind     string          `json:"event"`
	Time     Time            `json:"time,omitzero"`
	Op       int             `json:"op,omitempty"`
	Status   Status          `json:"status,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Priority int             `json:"priority,omitempty"`
	Owner    *Owner          `json:"owner,omitempty"`
	Log      *LogEntry       `json:"log,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	Intent   *Intent         `json:"intent,omitempty"`
	N        int             `json:"n,omitempty"` // number of the intent that an outcome is about
	Outcome  string          `json:"outcome,omitempty"`
	By       int             `json:"by,omitempty"`   // job that resolved the intent
	Last     bool            `json:"last,omitempty"` // the job has ended: what endedAt looks for
}

// Kinds of events.
const (
	evStart    = "start"    // the job is being given a process
	evOwner    = "owner"    // a process took the job
	evStatus   = "status"   // an opcode changed its status
	evLog      = "log"      // a message
	evPriority = "priority" // of an opcode
	evInput    = "input"    // an opcode's input was completed (ids of dependencies, the reason trail)
	evIntent   = "intent"   // something is about to be changed
	evOutcome  = "outcome"  // what became of an intent
)

// parse reads a job file. What a crash left of the last line is ignored: it was never acknowledged to anybody.
func parse(data []byte) (*Job, error) {
	line, rest, whole := bytes.Cut(data, []byte("\n"))
	if !whole {
		return nil, errors.New("line 1 is not complete")
	}
	j, err := parseHeader(line)
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	_, err = j.extend(rest, 2)
	return j, err
}

func parseHeader(line []byte) (*Job, error) {
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, err
	}
	switch {
	case h.Format > fileFormat:
		return nil, fmt.Errorf("format %d is newer than this program", h.Format)
	case h.Format < 1:
		return nil, errors.New("no format is given")
	case h.ID < 1 || len(h.Ops) == 0:
		return nil, errors.New("a job needs an id and at least one opcode")
	}
	j := &Job{ID: h.ID, Received: h.Received, Ops: make([]Op, len(h.Ops))}
	for i, input := range h.Ops {
		var common struct {
			Priority int `json:"priority"`
		}
		if err := json.Unmarshal(input, &common); err != nil {
			return nil, fmt.Errorf("opcode %d: %w", i, err)
		}
		j.Ops[i] = Op{Input: input, Status: Queued, Priority: common.Priority}
	}
	return j, nil
}

// extend applies the whole lines of data, of which the first has this number, and says how many bytes they were.
func (j *Job) extend(data []byte, number int) (int, error) {
	used := 0
	for {
		line, _, whole := bytes.Cut(data[used:], []byte("\n"))
		if !whole {
			return used, nil
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return used, fmt.Errorf("line %d: %w", number, err)
		}
		if err := j.apply(e); err != nil {
			return used, fmt.Errorf("line %d: %w", number, err)
		}
		used += len(line) + 1
		number++
	}
}

// apply makes one change. It is the only place that knows what an event means; writers go through it too.
func (j *Job) apply(e event) error {
	if e.Op < 0 || e.Op >= len(j.Ops) {
		return fmt.Errorf("there is no opcode %d", e.Op)
	}
	op := &j.Ops[e.Op]
	switch e.Kind {
	case evStart:
		j.Starts++
	case evOwner:
		if e.Owner == nil {
			return errors.New("the owner is missing")
		}
		j.Owner = *e.Owner
	case evStatus:
		j.setStatus(op, e)
	case evLog:
		if e.Log == nil {
			return errors.New("the message is missing")
		}
		op.Log = append(op.Log, *e.Log)
	case evPriority:
		op.Priority = e.Priority
	case evInput:
		op.Input = e.Input
	case evIntent:
		if e.Intent == nil {
			return errors.New("the intent is missing")
		}
		j.Intents = append(j.Intents, *e.Intent)
	case evOutcome:
		i := slices.IndexFunc(j.Intents, func(in Intent) bool { return in.N == e.N })
		if i < 0 {
			return fmt.Errorf("there is no intent %d", e.N)
		}
		j.Intents[i].Outcome, j.Intents[i].By = e.Outcome, e.By
	}
	return nil // a kind this program does not know was added without raising the format: it can be ignored
}

func (j *Job) setStatus(op *Op, e event) {
	op.Status = e.Status
	switch {
	case e.Status == Waiting && op.Start.IsZero():
		op.Start = e.Time
		if j.Start.IsZero() {
			j.Start = e.Time
		}
	case e.Status == Running:
		op.Exec = e.Time
	case e.Status.Final():
		op.End, op.Result = e.Time, e.Result
		if j.Status().Final() && !e.Time.IsZero() { // opcodes after a failed one end without a time
			j.End = e.Time
		}
	}
}

// LastSerial is the serial of the newest message.
func (j *Job) LastSerial() int {
	last := 0
	for _, op := range j.Ops {
		if n := len(op.Log); n > 0 {
			last = max(last, op.Log[n-1].Serial)
		}
	}
	return last
}

// NewMessages returns the messages after a serial.
func (j *Job) NewMessages(since int) []LogEntry {
	var entries []LogEntry
	for _, op := range j.Ops {
		for _, e := range op.Log {
			if e.Serial > since {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// endedAt says whether the last line of a job file ends the job. It reads only the end of the file; false may also mean that
// the answer is not to be had that way.
func endedAt(path string) bool {
	const enough = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false
	}
	tail := make([]byte, min(info.Size(), enough))
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return false
	}
	tail = bytes.TrimSuffix(tail[:wholeLines(tail)], []byte("\n"))
	var e event
	return json.Unmarshal(tail[wholeLines(tail):], &e) == nil && e.Last
}

// read loads a job file.
func read(path string) (*Job, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	j, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading job file %s: %w", path, err)
	}
	return j, nil
}
