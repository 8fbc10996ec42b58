package query

// JobRow is one job of the queue. Times are [seconds, microseconds], nil where the job has not come that far.
type JobRow struct {
	ID                   int
	Missing              bool // asked for by its number, and neither in the queue nor in the archive
	Status               string
	Archived             bool
	Priority             int
	Received, Start, End any
	Ops                  []JobOp
}

// JobOp is one operation of a job.
type JobOp struct {
	Opcode           any // as in the job file
	Summary          string
	Status           string
	Priority         int
	Result           any
	Log              []any
	Start, Exec, End any
}

// Jobs is the resource of gnt-job list.
func Jobs() *Resource[*JobRow] {
	return &Resource[*JobRow]{Noun: "Job", NameField: "id", Loose: true, Fields: jobFields}
}

var jobFields = []Field[*JobRow]{
	{Name: "id", Title: "ID", Kind: Number, Doc: "Number of the job", Get: func(r *JobRow) Cell { return value(int64(r.ID)) }},
	{Name: "status", Title: "Status", Kind: Text, Doc: "queued, waiting, canceling, running, canceled, success or error",
		Get: ofJob(func(r *JobRow) any { return r.Status })},
	{Name: "summary", Title: "Summary", Kind: Other, Doc: "What its operations are, a list", Get: jobOps(func(o JobOp) any { return o.Summary })},
	{Name: "priority", Title: "Priority", Kind: Number, Doc: "Smallest priority of its unfinished operations; a small number goes first",
		Get: ofJob(func(r *JobRow) any { return int64(r.Priority) })},
	{Name: "archived", Title: "Archived", Kind: Bool, Doc: "Taken out of the queue", Get: ofJob(func(r *JobRow) any { return r.Archived })},
	{Name: "received_ts", Title: "Received", Kind: Other, Doc: "When it was submitted", Compare: AsTime, Get: jobTime(func(r *JobRow) any { return r.Received })},
	{Name: "start_ts", Title: "Start", Kind: Other, Doc: "When it began", Compare: AsTime, Get: jobTime(func(r *JobRow) any { return r.Start })},
	{Name: "end_ts", Title: "End", Kind: Other, Doc: "When it ended", Compare: AsTime, Get: jobTime(func(r *JobRow) any { return r.End })},
	{Name: "ops", Title: "OpCodes", Kind: Other, Doc: "Its operations with all parameters, a list", Get: jobOps(func(o JobOp) any { return o.Opcode })},
	{Name: "opstatus", Title: "OpCode_status", Kind: Other, Doc: "Status of each operation", Get: jobOps(func(o JobOp) any { return o.Status })},
	{Name: "oppriority", Title: "OpCode_prio", Kind: Other, Doc: "Priority of each operation", Get: jobOps(func(o JobOp) any { return int64(o.Priority) })},
	{Name: "opresult", Title: "OpCode_result", Kind: Other, Doc: "Result of each operation", Get: jobOps(func(o JobOp) any { return o.Result })},
	{Name: "oplog", Title: "OpCode_log", Kind: Other, Doc: "Messages of each operation", Get: jobOps(func(o JobOp) any { return o.Log })},
	{Name: "opstart", Title: "OpCode_start", Kind: Other, Doc: "When each operation was taken up", Get: jobOps(func(o JobOp) any { return o.Start })},
	{Name: "opexec", Title: "OpCode_exec", Kind: Other, Doc: "When each operation had its locks", Get: jobOps(func(o JobOp) any { return o.Exec })},
	{Name: "opend", Title: "OpCode_end", Kind: Other, Doc: "When each operation ended", Get: jobOps(func(o JobOp) any { return o.End })},
}

// ofJob is a field that a missing job does not have.
func ofJob(part func(*JobRow) any) func(*JobRow) Cell {
	return func(r *JobRow) Cell {
		if r.Missing {
			return unavailable
		}
		return value(part(r))
	}
}

// jobTime is a time that has not come for every job.
func jobTime(part func(*JobRow) any) func(*JobRow) Cell {
	return func(r *JobRow) Cell {
		if part(r) == nil {
			return unavailable
		}
		return ofJob(part)(r)
	}
}

func jobOps(part func(JobOp) any) func(*JobRow) Cell {
	return ofJob(func(r *JobRow) any {
		list := make([]any, len(r.Ops))
		for i, o := range r.Ops {
			list[i] = part(o)
		}
		return list
	})
}
