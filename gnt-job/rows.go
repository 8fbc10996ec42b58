package main

import (
	"bytes"
	"encoding/json"
	"errors"

	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/query"
	"gantry/lib/unit"
)

// jobID reads the number of a job.
func jobID(word string) (int, error) {
	id, err := unit.ParseInt(word)
	if err != nil {
		return 0, fault.Refuse(fault.WrongInput, "Invalid job ID passed: %v", err)
	}
	return id, nil
}

// jobIDFor is jobID for a request of that name, which Ganeti refuses in other words.
func jobIDFor(request, word string) (int, error) {
	id, err := unit.ParseInt64(word)
	if err != nil {
		return 0, fault.New(fault.Protocol, "Invalid parameter passed to %s as job id:  expected integer, got value %s", request, word)
	}
	return id, nil
}

// rows are the jobs that a filter may select: those it names, wherever they are, else all of the queue, and on request the
// archive.
func rows(q *job.Queue, filter *query.Filter, archived bool) ([]*query.JobRow, error) {
	if err := q.Tend(); err != nil { // a job whose process died is told as what it is
		return nil, err
	}
	ids, err := filter.Numbers("id")
	if err != nil {
		return nil, err
	}
	if ids != nil {
		return named(q, ids)
	}
	jobs, err := q.List(archived)
	if err != nil {
		return nil, err
	}
	list := make([]*query.JobRow, len(jobs))
	for i, j := range jobs {
		list[i] = row(j)
	}
	return list, nil
}

func named(q *job.Queue, ids []int) ([]*query.JobRow, error) {
	var list []*query.JobRow
	for _, id := range ids {
		j, err := q.Load(id)
		switch {
		case errors.Is(err, job.ErrNoJob):
			list = append(list, &query.JobRow{ID: id, Missing: true})
		case err != nil:
			return nil, err
		default:
			list = append(list, row(j))
		}
	}
	return list, nil
}

func row(j *job.Job) *query.JobRow {
	r := &query.JobRow{ID: j.ID, Status: string(j.Status()), Archived: j.Archived, Priority: j.Priority(),
		Received: stamp(j.Received), Start: stamp(j.Start), End: stamp(j.End)}
	for i := range j.Ops {
		op := &j.Ops[i]
		r.Ops = append(r.Ops, query.JobOp{Opcode: op.Input, Summary: op.Summary(), Status: string(op.Status), Priority: op.Priority,
			Result: plain(op.Result), Log: entries(op.Log), Start: stamp(op.Start), Exec: stamp(op.Exec), End: stamp(op.End)})
	}
	return r
}

// stamp is a time as the cells of jobs hold it.
func stamp(t job.Time) any {
	if t.IsZero() {
		return nil
	}
	return []any{t.Sec, t.Usec}
}

func entries(log []job.LogEntry) []any {
	out := make([]any, len(log))
	for i, e := range log {
		out[i] = []any{int64(e.Serial), stamp(e.Time), e.Kind, e.Message}
	}
	return out
}

// plain reads JSON into the values of cells: whole numbers stay whole.
func plain(text json.RawMessage) any {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(text)
	}
	return numbered(v)
}

func numbered(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // the decoder has checked it
		return f
	case []any:
		for i := range v {
			v[i] = numbered(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbered(v[k])
		}
	}
	return v
}
