package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gantry/lib/fault"
)

// maxStarts is how often a job is given a process that dies before the job's first opcode begins.
const maxStarts = 3

// Tend does what a daemon would do: it buries the jobs whose process died and starts the next ones, by priority, then id, up
// to max_running_jobs. Whoever submits, whoever ends, whoever waits for a job and every run of the watcher calls it.
//
// Testing whether a job has a process takes its flock for a moment, which could hide a free job from someone else who is
// about to start it. So only a holder of the queue's flock tests jobs that are queued; those that wait for locks or run may
// be tested by anybody, since nobody starts them.
func (q *Queue) Tend() error {
	return q.locked(q.tend)
}

func (q *Queue) tend() error {
	listed := q.unfinished()
	var left []int
	var ready []*Job
	rules := q.rules()
	running := 0
	var run []*Job // those of them that rules are asked about
	for _, id := range listed {
		path := q.jobPath(id)
		if owned(path) {
			if !endedAt(path) { // else it has only not quite gone
				running++
				if rules != nil {
					if j, err := read(path); err == nil {
						run = append(run, j)
					}
				}
				left = append(left, id)
			}
			continue
		}
		j, err := read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // archived, or its submission failed
			continue
		case err != nil:
			q.warn("%v", err)
		case j.Status().Final():
			continue
		case j.Status() == Queued && j.Starts < maxStarts:
			ready = append(ready, j)
		default:
			err := q.bury(j)
			if err == nil {
				continue
			}
			if !errors.Is(err, errBusy) { // busy: it was only being looked at, the next look decides
				q.warn("%v", err)
			}
		}
		left = append(left, id)
	}
	slices.SortFunc(ready, func(a, b *Job) int {
		return cmp.Or(cmp.Compare(a.Priority(), b.Priority()), cmp.Compare(a.ID, b.ID))
	})
	if !slices.Equal(left, listed) {
		if err := q.setUnfinished(left); err != nil {
			return err
		}
	}
	return q.startReady(q.reject(rules, ready), q.maxRunning()-running, newAdmission(rules, run))
}

// startReady starts jobs in this order as long as there is room, leaving out those that wait for others to end and those that
// rules keep back.
func (q *Queue) startReady(ready []*Job, room int, admit *admission) error {
	for _, j := range ready {
		if room <= 0 || len(q.Runner) == 0 {
			return nil
		}
		if !q.dependenciesEnded(j) || !admit.lets(j) {
			continue
		}
		if err := q.start(j.ID); err != nil {
			return fmt.Errorf("starting job %d: %w", j.ID, err)
		}
		room--
	}
	return nil
}

// dependenciesEnded says whether a job has nothing to wait for. What the ends mean for it, its runner decides.
func (q *Queue) dependenciesEnded(j *Job) bool {
	for i := range j.Ops {
		for _, d := range j.Ops[i].common().Depends {
			if other, err := q.Load(d.Job); err == nil && !other.Status().Final() && d.Job != j.ID {
				return false
			}
		}
	}
	return true
}

// start makes a process for a job and hands it the job's flock: there is no moment without an owner. The process is in a
// session of its own, so that neither a closed terminal nor ^C ends it.
func (q *Queue) start(id int) error {
	w, err := take(q.jobPath(id), q.Now)
	if err != nil {
		return err
	}
	defer w.close()
	// counted here and not by the process: one that dies at once would be given successors for ever
	if err := w.note(event{Kind: evStart, Time: w.stamp()}); err != nil {
		return err
	}
	argv := append(slices.Clone(q.Runner), strconv.Itoa(id))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Setsid: true}
	cmd.ExtraFiles = []*os.File{w.file}
	if q.Output != "" {
		out, err := os.OpenFile(q.Output, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err == nil {
			defer out.Close()
			cmd.Stdout, cmd.Stderr = out, out
		} else {
			q.warn("job %d: %v", id, err)
		}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := intoScope(context.Background(), id, cmd.Process.Pid, 2*time.Second); err != nil {
		q.warn("job %d: %v", id, err)
	}
	return cmd.Process.Release()
}

// bury ends a job whose process died. The queue's flock is held.
func (q *Queue) bury(j *Job) error {
	host, _ := thisHost()
	if j.Owner.Host != "" && j.Owner.Host != host {
		return fmt.Errorf("job %d was run by %s: whether its process lives can only be seen there", j.ID, j.Owner.Host)
	}
	w, err := take(q.jobPath(j.ID), q.Now)
	if err != nil {
		return err
	}
	defer w.close()
	return q.end(w, lastWords(w.job))
}

// lastWords is the result of a job that died, nil when all it had to do was to go away.
func lastWords(j *Job) error {
	if j.Status() == Canceling {
		return nil
	}
	if j.Owner.Host == "" {
		return fault.Exec("Job %d could not be run: it was given %d processes, and each ended before it began; jobs.log may say why", j.ID, j.Starts)
	}
	_, boot := thisHost()
	why := "its process ended without a word"
	if j.Owner.Boot != boot {
		why = "the node was restarted"
	}
	text := fmt.Sprintf("Job %d died on %s: %s", j.ID, j.Owner.Host, why)
	var open []string
	for _, in := range j.Intents {
		if in.Open() {
			open = append(open, fmt.Sprintf("on node %s: %s", in.Node, in.Changes))
		}
	}
	if len(open) > 0 {
		text += "; it is not known what became of this: " + strings.Join(open, "; ")
	}
	return fault.Exec("%s", text)
}

// endings are the events that end all unfinished opcodes: with the failure, or as canceled if there is none.
func (w *writer) endings(failure error) []event {
	var events []event
	for i, op := range w.job.Ops {
		if op.Status.Final() {
			continue
		}
		e := w.status(i, Error)
		switch {
		case failure == nil:
			e.Status, e.Result = Canceled, []byte(`"Job canceled by request"`)
		case len(events) > 0:
			e.Time, e.Result = Time{}, failed(fault.Exec("Preceding opcode failed"))
		default:
			e.Result = failed(failure)
		}
		events = append(events, e)
	}
	if len(events) > 0 {
		events[len(events)-1].Last = true
	}
	return events
}

// clean removes what only a live runner needs.
func (q *Queue) clean(id int) {
	live := q.path("live/" + strconv.Itoa(id))
	for _, path := range []string{live + ".wake", live + ".request", q.secretsPath(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			q.warn("cleaning up after job %d: %v", id, err)
		}
	}
}

// unfinished is the list of jobs that may not have ended: more than enough, never too few. It is kept so that scheduling
// need not read every job ever run, and made anew from the job files when it is missing or of an earlier boot.
func (q *Queue) unfinished() []int {
	_, boot := thisHost()
	data, err := os.ReadFile(q.path("unfinished"))
	if lines := strings.Fields(string(data)); err == nil && len(lines) > 0 && lines[0] == boot {
		ids := make([]int, 0, len(lines))
		for _, line := range lines[1:] {
			id, err := strconv.Atoi(line)
			if err != nil {
				return q.scan()
			}
			ids = append(ids, id)
		}
		return ids
	}
	return q.scan()
}

// scan finds the unfinished jobs by reading all files.
func (q *Queue) scan() []int {
	ids, err := q.IDs(false)
	if err != nil {
		q.warn("reading the job queue: %v", err)
	}
	return slices.DeleteFunc(ids, func(id int) bool {
		j, err := read(q.jobPath(id))
		return err == nil && j.Status().Final()
	})
}

func (q *Queue) setUnfinished(ids []int) error {
	_, boot := thisHost()
	text := boot + "\n"
	for _, id := range ids {
		text += strconv.Itoa(id) + "\n"
	}
	return replace(q.path("unfinished"), []byte(text), false)
}

// Recover makes the list of unfinished jobs anew, tends the queue, and removes what crashes left lying about. The watcher
// does it, so that nothing is forgotten for longer than its interval.
func (q *Queue) Recover() error {
	return q.locked(func() error {
		unfinished := q.scan()
		if err := q.setUnfinished(unfinished); err != nil {
			return err
		}
		live, err := filepath.Glob(q.path("live/*"))
		if err != nil {
			return err
		}
		for _, path := range live {
			number, _, _ := strings.Cut(filepath.Base(path), ".")
			if id, err := strconv.Atoi(number); err == nil && !slices.Contains(unfinished, id) {
				q.clean(id)
			}
		}
		q.removeHalfWritten()
		return q.tend()
	})
}

// removeHalfWritten removes files that were never renamed to what they were meant to be, and are older than any write takes.
func (q *Queue) removeHalfWritten() {
	found, err := filepath.Glob(q.path("*.new"))
	if err != nil {
		return
	}
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && q.Now().Sub(info.ModTime()) > time.Hour {
			if err := os.Remove(path); err != nil {
				q.warn("%v", err)
			}
		}
	}
}

// thisHost is how an owner is recognised: the name of the machine and what is new with every boot.
func thisHost() (host, boot string) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return host, "unknown"
	}
	return host, strings.TrimSpace(string(id))
}
