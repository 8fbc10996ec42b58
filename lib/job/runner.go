package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gantry/lib/config/store"
	"gantry/lib/fault"
)

// Resolver finds out what became of an intent that an earlier job left open, and puts it in order: nothing of it is there
// any more, or it is as the configuration says. The new job holds the locks of the instance.
type Resolver func(ctx context.Context, env *Env, open OpenIntent) error

// ErrLater is in the chain when a Resolver cannot do it now and the new job need not wait for it: the node is marked offline. The
// intent stays open.
var ErrLater = errors.New("this has to wait")

// Runtime is what a runner needs to work.
type Runtime struct {
	Table     Table
	Nodes     Nodes
	Store     Store
	Resolvers map[string]Resolver // by kind of intent; "" is for all other kinds
}

// errCanceled ends an opcode that was waiting when somebody canceled the job.
var errCanceled = errors.New("canceled")

// runner is the process of one job.
type runner struct {
	Runtime
	queue *Queue
	id    int
	w     *writer
	bell  *bell

	mu      sync.Mutex // guards intent, serial and stopped
	intent  int        // number of the last intent
	serial  int        // of the last message
	stopped error      // why the fence did not let a change pass

	fenced atomic.Bool // this job has asked the fence at least once
}

// RunJob is the life of a job's process. An error means that the job was not run; what happens to the job itself stands in
// its file.
func RunJob(ctx context.Context, q *Queue, id int, rt Runtime) error {
	w, err := q.takeOver(id)
	if err != nil {
		return err
	}
	defer w.close()
	ctx = context.WithoutCancel(ctx) // a signal that comes now is meant for all that is left of the unit which this process was started from
	if err := intoScope(ctx, id, os.Getpid(), 10*time.Second); err != nil {
		q.warn("job %d: %v", id, err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	r := &runner{Runtime: rt, queue: q, id: id, w: w, serial: w.job.LastSerial(), intent: len(w.job.Intents)}
	if r.bell, err = q.hang(id); err != nil {
		return err
	}
	defer r.bell.file.Close()
	if err := w.note(event{Kind: evOwner, Time: w.stamp(), Owner: r.owner()}); err != nil {
		return err
	}
	if err := r.all(ctx); err != nil {
		return err
	}
	q.clean(id)
	return q.Tend()
}

// FailJob ends a job whose process cannot even begin, because the configuration is not to be used.
func FailJob(q *Queue, id int, why error) error {
	w, err := q.takeOver(id)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.record(w.endings(why)...); err != nil {
		return err
	}
	q.clean(id)
	return q.Tend()
}

// takeOver makes this process the writer of the job it was started for.
func (q *Queue) takeOver(id int) (*writer, error) {
	file, err := q.inherit(id)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(file, q.Now)
	if err != nil {
		file.Close()
		return nil, err
	}
	if w.job.Status().Final() {
		w.close()
		return nil, fmt.Errorf("job %d has ended already", id)
	}
	return w, nil
}

// owner is this process. Reading the configuration here costs nothing: the first opcode needs it anyway, and the store
// keeps it.
func (r *runner) owner() *Owner {
	host, boot := thisHost()
	o := &Owner{Host: host, Boot: boot, PID: os.Getpid()}
	if cfg, err := r.Store.Load(); err == nil {
		o.Epoch = cfg.Epoch
		if err := errors.Join(r.queue.setMaxRunning(cfg.Cluster.MaxRunningJobs), r.queue.KeepFilters(cfg.Filters)); err != nil {
			r.queue.warn("job %d: %v", r.id, err)
		}
	}
	return o
}

// inherit returns the job file with the flock that start handed over as descriptor 3. A runner started by hand takes the
// flock itself.
func (q *Queue) inherit(id int) (*os.File, error) {
	want, err := os.Stat(q.jobPath(id))
	if err != nil {
		return nil, err
	}
	// no child may get the descriptor: a qemu started from here would own the job for ever
	syscall.CloseOnExec(3)
	var have syscall.Stat_t
	if stat, ok := want.Sys().(*syscall.Stat_t); ok && syscall.Fstat(3, &have) == nil && have.Dev == stat.Dev && have.Ino == stat.Ino {
		file := os.NewFile(3, q.jobPath(id))
		if err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			return nil, fmt.Errorf("job %d: descriptor 3 does not hold its lock: %w", id, err)
		}
		return file, nil
	}
	var file *os.File
	err = q.locked(func() (err error) {
		file, err = claim(q.jobPath(id))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("taking job %d: %w", id, err)
	}
	return file, nil
}

// all runs the opcodes of the job in order, up to the first that fails.
func (r *runner) all(ctx context.Context) error {
	for i := range r.w.job.Ops {
		if r.w.job.Ops[i].Status.Final() {
			continue // done by an earlier process of this job
		}
		result, err := r.op(ctx, i)
		if err := r.finish(i, result, err); err != nil {
			return err
		}
		if r.w.job.Status().Final() {
			return nil
		}
	}
	return nil
}

// finish ends an opcode, and with it the job if it failed or was the last. The locks go before the status, so that whoever
// sees the job end finds them free.
func (r *runner) finish(i int, result json.RawMessage, failure error) error {
	last := failure != nil || i == len(r.w.job.Ops)-1
	if last {
		if err := r.queue.markIntents(r.w.job); err != nil {
			return err
		}
	}
	if err := errors.Join(r.supersede(), r.queue.dropTicket(r.id)); err != nil {
		r.queue.warn("job %d: %v", r.id, err)
	}
	switch {
	case errors.Is(failure, errCanceled):
		return r.w.record(r.w.endings(nil)...)
	case failure != nil:
		return r.w.record(r.w.endings(failure)...)
	}
	e := r.w.status(i, Success)
	e.Result, e.Last = result, last
	return r.w.record(e)
}

// op runs one opcode.
func (r *runner) op(ctx context.Context, i int) (result json.RawMessage, err error) {
	if _, err := r.heed(i); err != nil {
		return nil, err
	}
	if err := r.w.record(r.w.status(i, Waiting)); err != nil {
		return nil, err
	}
	input := r.w.job.Ops[i].common()
	if err := r.awaitDependencies(ctx, i, input.Depends); err != nil {
		return nil, err
	}
	operation, err := r.decode(i)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			r.queue.warn("job %d: %s: %v\n%s", r.id, operation.OpID(), p, debug.Stack())
			err = fault.Exec("internal error in %s: %v", operation.OpID(), p)
		}
	}()
	env := &Env{
		Job: r.id, Op: operation.OpID(), Priority: r.w.job.Ops[i].Priority, Debug: input.Debug, Clock: r.queue.Now,
		DryRun: input.DryRun != nil && *input.DryRun, runner: r, index: i, input: input, strength: store.Decide,
	}
	env.Nodes = recorded{env, r.Nodes}
	if c, ok := r.Store.(Configuration); ok {
		env.Store = c.Store
	}
	if s, ok := operation.(Sworn); ok && s.PersonsWord() {
		env.strength = store.Look
	}
	value, err := r.perform(ctx, env, operation.Work(env))
	if err != nil {
		return nil, err
	}
	if result, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("writing the result of %s: %w", operation.OpID(), err)
	}
	return result, nil
}

// decode makes the operation of an opcode.
func (r *runner) decode(i int) (Operation, error) {
	operation, err := r.Table.Decode(r.w.job.Ops[i].Input)
	if err != nil {
		return nil, err
	}
	if err := r.queue.addSecrets(r.id, i, operation); err != nil {
		return nil, err
	}
	return operation, nil
}

// heed does what others asked of the job while it waits, and returns the opcode's priority.
func (r *runner) heed(i int) (int, error) {
	asked := r.queue.asked(r.id)
	if asked.Cancel {
		if err := r.w.record(r.w.status(i, Canceling)); err != nil {
			return 0, err
		}
		return 0, errCanceled
	}
	if asked.Priority != nil {
		if events := r.w.priorities(*asked.Priority); len(events) > 0 {
			if err := r.w.record(events...); err != nil {
				return 0, err
			}
		}
	}
	return r.w.job.Ops[i].Priority, nil
}

// awaitDependencies waits for other jobs to end, and judges how they did.
func (r *runner) awaitDependencies(ctx context.Context, i int, depends []Dependency) error {
	for _, d := range depends {
		if d.Job == r.id {
			return fault.Exec("Job can't depend on itself")
		}
		for {
			other, err := r.queue.Load(d.Job)
			if err != nil {
				return fault.Exec("Dependency error: %v", err)
			}
			if status := other.Status(); status.Final() {
				if err := judge(d, status); err != nil {
					return err
				}
				break
			}
			// the scheduler starts no job before; this one was started by hand, or an opcode's ids came later
			r.bell.wait(ctx, lookAgain)
			if _, err := r.heed(i); err != nil {
				return err
			}
			if err := errors.Join(ctx.Err(), r.queue.Tend()); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge says whether a job may go on after one it depends on ended.
func judge(d Dependency, status Status) error {
	switch {
	case len(d.Status) == 0 || slices.Contains(d.Status, status):
		return nil
	case status == Canceled:
		return errCanceled
	}
	wanted := make([]string, len(d.Status))
	for i, s := range d.Status {
		wanted[i] = string(s)
	}
	return fault.Exec("Dependency job %d finished with status '%s', not one of '%s' as required", d.Job, status, strings.Join(wanted, ", "))
}

// message adds to the job's log.
func (r *runner) message(i int, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serial++
	now := r.w.stamp()
	if err := r.w.note(event{Kind: evLog, Op: i, Log: &LogEntry{r.serial, now, "message", text}}); err != nil {
		r.queue.warn("%v", err)
	}
}

func (r *runner) hasOpen() bool { return slices.ContainsFunc(r.intents(), Intent.Open) }

// failed is the result of an opcode that failed.
func failed(err error) json.RawMessage {
	data, merr := json.Marshal(fault.Of(err))
	if merr != nil {
		return json.RawMessage(strconv.Quote(err.Error()))
	}
	return data
}
