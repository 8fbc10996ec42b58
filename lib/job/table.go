package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// lookAgain is how often a job that waits looks whether those before it still live. It is woken at once when one gives its
// locks back; only a process that was killed does not do that.
const lookAgain = time.Second

// Locks returns the lock table as it is, without the tickets of dead jobs.
func (q *Queue) Locks() (LockTable, error) {
	var table LockTable
	err := q.withTable(func(t *LockTable) {
		q.dropDead(t, 0)
		table = *t
	})
	return table, err
}

// withTable changes the lock table under its flock, grants what has become free and wakes those who got it. The table is
// worth nothing after a restart of the node, so it is not synced.
func (q *Queue) withTable(change func(t *LockTable)) error {
	lock, err := lockPath(q.path("locks.lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	before, err := os.ReadFile(q.path("locks"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t, err := q.tableOf(before)
	if err != nil {
		return err
	}
	held := t.held()
	change(&t)
	t.grant(q.Now())
	after, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if string(after) != string(before) {
		if err := replace(q.path("locks"), after, false); err != nil {
			return fmt.Errorf("writing the lock table: %w", err)
		}
	}
	for _, id := range t.held() {
		if !slices.Contains(held, id) {
			q.wake(id)
		}
	}
	return nil
}

// tableOf is the table that a text holds. Where there is none, or one that cannot be read, nobody knows who holds what: a new
// table is begun only when no job is at work.
func (q *Queue) tableOf(text []byte) (t LockTable, err error) {
	if len(text) > 0 {
		if err = json.Unmarshal(text, &t); err == nil && slices.Contains(t.Tickets, nil) {
			err = errors.New("a ticket is empty")
		}
		if err == nil {
			return t, nil
		}
	}
	for _, id := range q.unfinished() {
		j, unread := read(q.jobPath(id))
		if unread == nil && j.Status() == Running && j.Owner.PID != os.Getpid() && owned(q.jobPath(id)) {
			return t, fmt.Errorf("the lock table %s is lost or damaged, and nobody knows what job %d, which runs, has locked: try again when "+
				"it has ended (%w)", q.path("locks"), id, cmp.Or(err, fs.ErrNotExist))
		}
	}
	return LockTable{}, nil
}

// dropDead voids the tickets of jobs without a process. A job with a ticket is never about to be started, so testing its
// flock is safe for everybody. The caller's own ticket is not tested. Whoever gets the locks next looks at the list of open
// intents, perhaps before the dead job is buried: so they go on the list first.
func (q *Queue) dropDead(t *LockTable, self int) {
	t.Tickets = slices.DeleteFunc(t.Tickets, func(x *Ticket) bool {
		return x.Job != self && !owned(q.jobPath(x.Job)) && !owned(q.archivePath(x.Job)) && q.leaves(x.Job)
	})
}

// leaves puts what a dead job left open on the list, and says whether that could be done.
func (q *Queue) leaves(id int) bool {
	j, err := q.Load(id)
	if err == nil {
		err = q.markIntents(j)
	} else if errors.Is(err, ErrNoJob) {
		return true
	}
	if err != nil {
		q.warn("%v", err)
	}
	return err == nil
}

func (q *Queue) dropTicket(id int) error {
	return q.withTable(func(t *LockTable) { t.drop(id) })
}

// acquire gets locks for a job, however long it takes. heed is called whenever the job is woken and may end the wait: the
// job was canceled or got another priority. since is its place in the line.
func (q *Queue) acquire(ctx context.Context, id int, bell *bell, locks []Lock, since time.Time, heed func() (priority int, err error)) error {
	priority, err := heed()
	if err != nil {
		return err
	}
	mine := &Ticket{Job: id, Priority: priority, Since: since.UnixNano(), Locks: normal(locks)}
	held := false
	err = q.withTable(func(t *LockTable) {
		t.drop(id)
		t.Tickets = append(t.Tickets, mine)
		if t.grant(q.Now()); !mine.Held {
			q.dropDead(t, id)
			t.grant(q.Now())
		}
		held = mine.Held
	})
	for err == nil && !held {
		bell.wait(ctx, lookAgain)
		if err = ctx.Err(); err != nil {
			break
		}
		if priority, err = heed(); err != nil {
			break
		}
		held, err = q.look(id, priority)
	}
	if err != nil {
		return errors.Join(err, q.dropTicket(id))
	}
	return nil
}

// look says whether a job has been given its locks, after voiding the tickets of dead jobs and noting its priority.
func (q *Queue) look(id, priority int) (held bool, err error) {
	lost := false
	err = q.withTable(func(t *LockTable) {
		mine := t.ticket(id)
		if mine == nil {
			lost = true
			return
		}
		if mine.Priority = priority; !mine.Held {
			q.dropDead(t, id)
			t.grant(q.Now())
		}
		held = mine.Held
	})
	if lost {
		return false, fmt.Errorf("the lock table has lost the ticket of job %d", id)
	}
	return held, err
}

// release gives locks back before the job ends.
func (q *Queue) release(id int, locks []Lock) error {
	return q.withTable(func(t *LockTable) {
		if mine := t.ticket(id); mine != nil {
			mine.release(locks)
		}
	})
}

// bell is how a live runner is woken: a named pipe. What was written into it says nothing; the sleeper looks for itself.
type bell struct{ file *os.File }

func (q *Queue) bellPath(id int) string { return q.path("live/" + strconv.Itoa(id) + ".wake") }

func (q *Queue) hang(id int) (*bell, error) {
	path := q.bellPath(id)
	if err := syscall.Mkfifo(path, 0o600); err != nil && err != syscall.EEXIST {
		return nil, fmt.Errorf("making %s: %w", path, err)
	}
	// both ends, so that reading waits instead of ending while nobody writes
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	return &bell{file}, nil
}

// wait returns when the bell rings, ctx ends or the time is up.
func (b *bell) wait(ctx context.Context, limit time.Duration) {
	if b.file.SetReadDeadline(time.Now().Add(limit)) != nil {
		time.Sleep(20 * time.Millisecond)
		return
	}
	stop := context.AfterFunc(ctx, func() { b.file.SetReadDeadline(time.Now()) })
	defer stop()
	_, _ = b.file.Read(make([]byte, 512)) // an error is the end of the time
}

// wake rings a job's bell, if it has one.
func (q *Queue) wake(id int) {
	file, err := os.OpenFile(q.bellPath(id), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return // nobody listens
	}
	defer file.Close()
	_, _ = file.Write([]byte{'!'}) // a full pipe will wake it as well
}
