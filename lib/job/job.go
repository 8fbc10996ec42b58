// Package job is the queue and the runner. A job is a file of the queue directory; a running job is a process of its own
// ("gnt-job run ID") that holds a flock on that file as long as it lives. There is no daemon: whoever submits, whoever ends
// and every run of the watcher starts what comes next. DESIGN.md tells the states, who may write, and what a crash leaves.
package job

import (
	"context"
	"encoding/json"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
)

// Operation is what a job does: plain data whose JSON names are the attributes of Ganeti's opcode.
type Operation interface {
	OpID() string // "OP_INSTANCE_MIGRATE"
	Work(env *Env) Work
}

// Work is one execution of an operation.
type Work interface {
	// Locks names what the work has to hold. It is asked again with the configuration of the moment the locks were granted.
	Locks(cfg *config.Config) ([]Lock, error)
	// Check looks at everything that could refuse the work, and changes nothing.
	Check(ctx context.Context) error
	// Hooks is asked before Run for the pre phase and after it for the post phase; nil runs none.
	Hooks() *hooks.Plan
	// Run does the work. Its result is that of Ganeti's opcode, to be written as JSON.
	Run(ctx context.Context) (any, error)
}

// Rehearsed is a Work whose dry run gives a result.
type Rehearsed interface{ DryRunResult() any }

// Heedful is a Work that wants to see what its post hooks said and may change its result (the verification of a group).
type Heedful interface {
	HooksRan(reports []hooks.Report, result any) any
}

// Secretive is an Operation with parameters that are not to be in the job file. Its JSON shows them as Ganeti does
// ("<redacted>"); Secrets gives them by attribute name, and they are put back over the redacted ones before it works.
type Secretive interface {
	Secrets() map[string]json.RawMessage
}

// Table finds an operation by its Ganeti name. The functions return pointers, so that JSON can be read into them.
type Table map[string]func() Operation

// Decode makes the operation of an opcode in Ganeti's form.
func (t Table) Decode(opcode json.RawMessage) (Operation, error) {
	id := (&Op{Input: opcode}).OpID()
	create, ok := t[id]
	if !ok {
		return nil, fault.New("OpCodeUnknown", "OpCode '%s' is not known", id)
	}
	operation := create()
	if err := json.Unmarshal(opcode, operation); err != nil {
		return nil, fault.Refuse(fault.WrongInput, "reading the parameters of %s: %w", id, err)
	}
	return operation, nil
}

// Status of a job or of one of its opcodes.
type Status string

const (
	Queued    Status = "queued"
	Waiting   Status = "waiting" // for locks
	Canceling Status = "canceling"
	Running   Status = "running"
	Canceled  Status = "canceled"
	Success   Status = "success"
	Error     Status = "error"
)

// Final says that nothing will change any more.
func (s Status) Final() bool { return s == Canceled || s == Success || s == Error }

// Priorities, from what --priority offers to what a job can reach.
const (
	PriorityLowest  = 19
	PriorityLow     = 10
	PriorityNormal  = 0
	PriorityHigh    = -10
	PriorityHighest = -20
)

// Job is what a job file says.
type Job struct {
	ID       int
	Ops      []Op
	Received Time
	Start    Time
	End      Time
	Archived bool
	Owner    Owner // the process that runs or ran it
	Starts   int   // how many processes it was given
	Intents  []Intent
}

// Op is one opcode of a job.
type Op struct {
	Input    json.RawMessage // in Ganeti's own shape, OP_ID and the common parameters included
	Status   Status
	Result   json.RawMessage // nil until there is one; of a failure the pair that lib/fault reads
	Log      []LogEntry
	Priority int
	Start    Time // began to wait for its locks
	Exec     Time // had them
	End      Time
}

// Owner identifies the process of a job. Whether it lives is only decided on the same host.
type Owner struct {
	Host  string `json:"host"`
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`
	Epoch int64  `json:"epoch,omitempty"` // of the configuration it began with
}

// Status of the whole job, computed from its opcodes as Ganeti does.
func (j *Job) Status() Status {
	status, success := Queued, true
	for _, op := range j.Ops {
		if op.Status == Success {
			continue
		}
		success = false
		switch op.Status {
		case Waiting, Running:
			status = op.Status
		case Canceling, Error, Canceled:
			return op.Status
		}
	}
	if success {
		return Success
	}
	return status
}

// Priority is the most urgent one of the opcodes that are still to be done.
func (j *Job) Priority() int {
	priority, pending := PriorityNormal, false
	for _, op := range j.Ops {
		if !op.Status.Final() && (!pending || op.Priority < priority) {
			priority, pending = op.Priority, true
		}
	}
	return priority
}

// OpID is the opcode's Ganeti name.
func (op *Op) OpID() string {
	var in struct {
		ID string `json:"OP_ID"`
	}
	if json.Unmarshal(op.Input, &in) != nil {
		return ""
	}
	return in.ID
}
