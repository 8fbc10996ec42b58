package job

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/fault"
)

// Queue is the directory of jobs. Its layout is Ganeti's: job-N, archive/N/job-N, serial, version, lock, drain. Beside them
// are the lock table, the list of unfinished jobs, and what belongs to live runners (live/).
type Queue struct {
	Dir    string
	Memory string   // directory that is on no disk, for what jobs are told and nobody else; "" is live/
	Runner []string // command that runs a job; its id is added. None: jobs stay queued until somebody calls RunJob
	Output string   // file that gets what a runner prints; "" drops it
	Copy   Copier   // nil when no other node keeps a copy of the serial
	Now    func() time.Time
	Warn   func(format string, args ...any) // what stops nobody; nil says nothing
}

// ErrNoJob is the error for a job that is neither in the queue nor in its archive.
var ErrNoJob = fault.New(fault.JobLost, "Can't load job file")

// perArchive is how many jobs share a directory of the archive.
const perArchive = 10000

// OpenQueue makes a Queue of a directory, which it creates if needed. It reads nothing.
func OpenQueue(dir string) (*Queue, error) {
	q := &Queue{Dir: dir, Runner: []string{"/usr/sbin/gnt-job", "run"}, Now: time.Now}
	if _, err := os.Stat(q.path("live")); err == nil {
		return q, nil
	}
	for _, d := range []string{"", "archive", "live", "intents"} {
		if err := os.MkdirAll(q.path(d), 0o750); err != nil {
			return nil, fmt.Errorf("making the job queue: %w", err)
		}
	}
	if _, err := os.Stat(q.path("version")); errors.Is(err, fs.ErrNotExist) {
		if err := replace(q.path("version"), []byte("1\n"), true); err != nil {
			return nil, fmt.Errorf("making the job queue: %w", err)
		}
	}
	return q, nil
}

func (q *Queue) path(name string) string { return filepath.Join(q.Dir, name) }

func (q *Queue) jobPath(id int) string { return q.path("job-" + strconv.Itoa(id)) }

func (q *Queue) archivePath(id int) string {
	return q.path(filepath.Join("archive", strconv.Itoa(id/perArchive), "job-"+strconv.Itoa(id)))
}

func (q *Queue) warn(format string, args ...any) {
	if q.Warn != nil {
		q.Warn(format, args...)
	}
}

// locked does something under the queue's flock. It is held for moments only: never while talking to a node.
func (q *Queue) locked(f func() error) error {
	lock, err := lockPath(q.path("lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	return f()
}

// Load reads a job from the queue or its archive.
func (q *Queue) Load(id int) (*Job, error) {
	// twice, since a job may move to the archive between the two looks
	for range 2 {
		j, err := read(q.jobPath(id))
		if !errors.Is(err, fs.ErrNotExist) {
			return j, err
		}
		j, err = read(q.archivePath(id))
		if err == nil {
			j.Archived = true
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return j, err
		}
	}
	return nil, ErrNoJob
}

// IDs returns the ids of all jobs in the queue, on request with the archived ones, in ascending order.
func (q *Queue) IDs(archived bool) ([]int, error) {
	dirs := []string{q.Dir}
	if archived {
		more, err := filepath.Glob(q.path("archive/*"))
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, more...)
	}
	var ids []int
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if number, ok := strings.CutPrefix(e.Name(), "job-"); ok {
				if id, err := strconv.Atoi(number); err == nil && id > 0 {
					ids = append(ids, id)
				}
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// List loads all jobs of the queue, on request with the archived ones. A job file that cannot be read is left out and
// warned of: one damaged file does not hide the others.
func (q *Queue) List(archived bool) ([]*Job, error) {
	ids, err := q.IDs(archived)
	if err != nil {
		return nil, err
	}
	jobs := make([]*Job, 0, len(ids))
	for _, id := range ids {
		switch j, err := q.Load(id); {
		case errors.Is(err, ErrNoJob) || err == nil && j.Archived && !archived: // moved meanwhile
		case err != nil:
			q.warn("%v", err)
		default:
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}

// Drained says that the queue takes no new jobs.
func (q *Queue) Drained() bool {
	_, err := os.Stat(q.path("drain"))
	return err == nil
}

// Drain makes the queue take no new jobs, or take them again.
func (q *Queue) Drain(on bool) error {
	if on {
		return replace(q.path("drain"), nil, true)
	}
	if err := os.Remove(q.path("drain")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// defaultRunning is Ganeti's default for the cluster's max_running_jobs.
const defaultRunning = 20

// maxRunning is the cluster's max_running_jobs as the last runner saw it: starting a job must not cost reading the
// configuration.
func (q *Queue) maxRunning() int {
	if n, err := readNumber(q.path("max_running_jobs")); err == nil && n > 0 {
		return n
	}
	return defaultRunning
}

// setMaxRunning keeps the cluster's max_running_jobs where the scheduler finds it.
func (q *Queue) setMaxRunning(n int) error {
	if n <= 0 || n == q.maxRunning() {
		return nil
	}
	return replace(q.path("max_running_jobs"), []byte(strconv.Itoa(n)+"\n"), false)
}

// readNumber reads a file that holds one number; a missing one is 0.
func readNumber(path string) (int, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return n, nil
}
