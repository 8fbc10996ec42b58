package job

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Archive moves a job that has ended to the archive. It says false when there is nothing to move: no such job in the queue,
// or one that has not ended.
func (q *Queue) Archive(id int) (bool, error) {
	moved := 0
	err := q.locked(func() (err error) {
		moved, err = q.archive([]int{id}, func(*Job) bool { return true })
		return err
	})
	return moved == 1, err
}

// AutoArchive moves all jobs to the archive that ended longer ago than age (age < 0: all that ended), until the time is up.
// It says how many it moved and how many it did not get to.
func (q *Queue) AutoArchive(age, limit time.Duration) (moved, unchecked int, err error) {
	ids, err := q.IDs(false)
	if err != nil {
		return 0, 0, err
	}
	stop := q.Now().Add(limit)
	old := func(j *Job) bool { return age < 0 || q.Now().Sub(j.lastTime()) > age }
	for len(ids) > 0 && q.Now().Before(stop) {
		n := min(len(ids), 100) // in portions, so that others get at the queue in between
		var some int
		if err := q.locked(func() (err error) {
			some, err = q.archive(ids[:n], old)
			return err
		}); err != nil {
			return moved, len(ids), err
		}
		moved, ids = moved+some, ids[n:]
	}
	return moved, len(ids), nil
}

// lastTime is the last thing that is known to have happened to a job.
func (j *Job) lastTime() time.Time {
	for _, t := range []Time{j.End, j.Start, j.Received} {
		if !t.IsZero() {
			return t.Time()
		}
	}
	return time.Time{}
}

// archive moves those jobs that have ended and are wanted. The queue's flock is held.
func (q *Queue) archive(ids []int, wanted func(*Job) bool) (moved int, err error) {
	var dirs []string
	for _, id := range ids {
		j, err := read(q.jobPath(id))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			q.warn("%v", err)
			continue
		}
		if !j.Status().Final() || !wanted(j) {
			continue
		}
		dir := filepath.Dir(q.archivePath(id))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return moved, err
		}
		if err := os.Rename(q.jobPath(id), q.archivePath(id)); err != nil {
			return moved, err
		}
		moved++
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs { // the new name first: a crash may leave the job twice, never not at all
		if err := syncDir(dir); err != nil {
			return moved, err
		}
	}
	return moved, nil
}
