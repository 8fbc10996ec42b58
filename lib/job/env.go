package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/remote"
)

// Nodes is how a job reaches the nodes; a *remote.Pool does it.
type Nodes interface {
	remote.Runner
	Files
	Start(ctx context.Context, node, id string, c remote.Cmd) error
	Follow(ctx context.Context, node, id string) (remote.Result, error)
	FollowOutput(ctx context.Context, node, id string, every time.Duration, each func(stdout, stderr []byte)) (remote.Result, error)
	Stop(ctx context.Context, node, id string) error
	Forget(ctx context.Context, node, id string) error
	Hop(node, address string) ([]string, error)
}

// Store is the configuration as a job uses it; a Configuration does it.
type Store interface {
	// Load returns the newest version this node has.
	Load() (*config.Config, error)
	// Update is one transaction.
	Update(ctx context.Context, strength store.Strength, change func(cfg *config.Config) error) (store.Commit, error)
	// Fence fails when this node may not be the master any more.
	Fence(ctx context.Context, strength store.Strength) error
}

// Configuration is a store together with the way to the candidates.
type Configuration struct {
	*store.Store
	Nodes remote.Runner
}

// Load is what the configuration says once nothing is undecided that somebody left: a job must not work with what the fence is about to
// replace.
func (c Configuration) Load() (*config.Config, error) {
	return c.Store.LoadSettled(context.Background(), c.Nodes)
}

func (c Configuration) Update(ctx context.Context, strength store.Strength, change func(cfg *config.Config) error) (store.Commit, error) {
	return c.Store.UpdateWith(ctx, c.Nodes, strength, change)
}

func (c Configuration) Fence(ctx context.Context, strength store.Strength) error {
	return c.Store.Fence(ctx, c.Nodes, strength)
}

// Sworn is an Operation that a person answers for: marking a node as off, which must be possible when most candidates are
// silent because they are off. Everything else needs the word of a majority.
type Sworn interface{ PersonsWord() bool }

// Env is what an operation works with.
type Env struct {
	Job      int
	Op       string         // the operation's Ganeti name
	Store    *store.Store   // for the few operations that do more with it than Update
	Nodes    Nodes          // writes an intent for everything that changes something, and asks the fence
	Config   *config.Config // as of the moment the locks were granted, or of this job's last commit
	Priority int
	DryRun   bool
	Debug    int
	Clock    func() time.Time

	runner   *runner
	index    int // of the opcode
	locks    []Lock
	input    common
	strength store.Strength
	writes   int // commits made
}

// Say adds a message to the job's log, which the user follows.
func (e *Env) Say(format string, args ...any) {
	e.runner.message(e.index, fmt.Sprintf(format, args...))
}

// Info is a remark, Warn a problem that stops nobody, Hint advice on the problem before it, Step a phase of long work.
func (e *Env) Info(format string, args ...any) { e.Say(" - INFO: "+format, args...) }
func (e *Env) Warn(format string, args ...any) { e.Say(" - WARNING: "+format, args...) }
func (e *Env) Hint(format string, args ...any) { e.Say("      Hint: "+format, args...) }
func (e *Env) Step(n, total int, format string, args ...any) {
	e.Say(fmt.Sprintf("STEP %d/%d ", n, total)+format, args...)
}

// Update is one transaction on the configuration. change may be called more than once and works on a copy. A job should
// need three at most.
func (e *Env) Update(ctx context.Context, change func(cfg *config.Config) error) error {
	commit, err := e.runner.Store.Update(ctx, e.strength, func(cfg *config.Config) error {
		e.runner.sweep(cfg)
		return change(cfg)
	})
	for _, w := range commit.Warnings {
		e.Warn("%s", w)
	}
	before := e.Config
	if commit.Config != nil {
		e.Config = commit.Config
	}
	switch {
	case err == nil:
		e.writes++
		e.runner.fenced.Store(true) // a transaction asks all candidates
		if slices.Equal(candidates(before), candidates(e.Config)) {
			return nil
		}
		if err := e.runner.queue.coverAnew(ctx); err != nil {
			e.Warn("%v", err)
		}
	case commit.State == store.Unknown:
		return fmt.Errorf("%w (%w)", err, ErrUnknown)
	}
	return err
}

// candidates names the nodes that keep copies and can be asked.
func candidates(cfg *config.Config) []string {
	var names []string
	for _, n := range cfg.MasterCandidates() {
		if !n.Offline {
			names = append(names, n.Name)
		}
	}
	return names
}

// Commits is how many transactions the operation has made.
func (e *Env) Commits() int { return e.writes }

// Fenced fails when this node may not be the master any more. Commands that start or promote something and commits ask by
// themselves; an operation asks before anything else that must not happen twice.
func (e *Env) Fenced(ctx context.Context) error {
	if err := e.runner.Store.Fence(ctx, e.strength); err != nil {
		return err
	}
	e.runner.fenced.Store(true)
	return nil
}

// Release gives locks back before the operation ends. There is no way to get them again.
func (e *Env) Release(locks ...Lock) error {
	e.locks = slices.DeleteFunc(e.locks, func(l Lock) bool {
		return slices.ContainsFunc(locks, func(r Lock) bool { return l.Level == r.Level && l.Name == r.Name })
	})
	return e.runner.queue.release(e.Job, locks)
}

// Busy says that another job has some of these locks to itself at this moment.
func (e *Env) Busy(locks []Lock) (bool, error) {
	table, err := e.runner.queue.Locks()
	return table.busy(e.Job, locks), err
}

// Holds lists the names this operation has locked at a level.
func (e *Env) Holds(level Level) []string {
	var names []string
	for _, l := range e.locks {
		if l.Level == level {
			names = append(names, l.Name)
		}
	}
	return names
}

// Settle closes the intents of this job whose outcome was unknown and has been found out by a probe: those with these
// words on this node.
func (e *Env) Settle(node, changes string, found remote.Outcome) error {
	return e.runner.settle(node, changes, found.String())
}

// OpenIntents lists what jobs that ended left unknown.
func (e *Env) OpenIntents() ([]OpenIntent, error) { return e.runner.queue.OpenIntents() }

// Ended says that a job has ended, or that nothing is known of it any more.
func (e *Env) Ended(id int) bool {
	j, err := e.runner.queue.Load(id)
	return errors.Is(err, ErrNoJob) || err == nil && j.Status().Final()
}

// Submit puts jobs into the queue on behalf of this operation: with its priority, and its reasons behind their own.
func (e *Env) Submit(ctx context.Context, jobs [][]Operation) ([]int, error) {
	requests := make([]Request, len(jobs))
	for i, ops := range jobs {
		requests[i] = Request{Ops: ops}
	}
	return e.SubmitRequests(ctx, requests)
}

// Decode makes the operation of an opcode in Ganeti's form.
func (e *Env) Decode(opcode json.RawMessage) (Operation, error) { return e.runner.Table.Decode(opcode) }

// SubmitOpcodes submits one job of opcodes in Ganeti's form. Its result is what an operation that submits jobs ends with.
func (e *Env) SubmitOpcodes(ctx context.Context, opcodes ...map[string]any) (Submitted, error) {
	var ops []Operation
	for _, opcode := range opcodes {
		text, err := json.Marshal(opcode)
		if err != nil {
			return Submitted{}, err
		}
		op, err := e.Decode(text)
		if err != nil {
			return Submitted{}, err
		}
		ops = append(ops, op)
	}
	ids, err := e.SubmitRequests(ctx, []Request{{Ops: ops}})
	return NewSubmitted(ids), err
}

// SubmitRequests is Submit for jobs that depend on each other.
func (e *Env) SubmitRequests(ctx context.Context, requests []Request) ([]int, error) {
	requests = slices.Clone(requests)
	for i := range requests {
		r := &requests[i]
		r.Debug = e.Debug
		if r.Priority == PriorityNormal {
			r.Priority = e.input.Priority
		}
		if r.Comment == nil {
			comment := "Submitted by " + e.Op
			r.Comment = &comment
		}
		r.Reason = slices.Concat(r.Reason, e.input.Reason)
	}
	return e.runner.queue.SubmitMany(ctx, requests)
}
