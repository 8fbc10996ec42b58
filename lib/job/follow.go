package job

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// Follower reads a job's file as it grows. It keeps reading when the job is archived meanwhile.
type Follower struct {
	Job    *Job // as of the last call of Next
	q      *Queue
	file   *os.File
	notify *os.File // inotify
	offset int64
	tended time.Time
}

// Follow opens a job for following. Job holds what there is already.
func (q *Queue) Follow(id int) (*Follower, error) {
	file, err := os.Open(q.jobPath(id))
	if errors.Is(err, os.ErrNotExist) {
		file, err = os.Open(q.archivePath(id))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoJob
	}
	if err != nil {
		return nil, err
	}
	f := &Follower{q: q, file: file, tended: q.Now()}
	if f.notify, err = watch(file.Name()); err != nil {
		file.Close()
		return nil, err
	}
	if _, err := f.read(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// watch tells of changes of a file. Reading from what it returns waits for one.
func watch(path string) (*os.File, error) {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init", err)
	}
	notify := os.NewFile(uintptr(fd), "inotify")
	if _, err := syscall.InotifyAddWatch(fd, path, syscall.IN_MODIFY); err != nil && !errors.Is(err, syscall.ENOENT) {
		notify.Close()
		return nil, os.NewSyscallError("inotify_add_watch", err)
	}
	return notify, nil
}

// Close ends the following.
func (f *Follower) Close() error { return errors.Join(f.file.Close(), f.notify.Close()) }

// Next waits until the job changed, and says true, or until limit is over, and says false. A job that has ended does not
// change any more. While it waits it sees to it that the queue moves: the process that should have done so may be dead.
func (f *Follower) Next(ctx context.Context, limit time.Duration) (bool, error) {
	end := f.q.Now().Add(limit)
	for {
		changed, err := f.read()
		if err != nil || changed || f.Job.Status().Final() {
			return changed, err
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		now := f.q.Now()
		if !now.Before(end) {
			return false, nil
		}
		if now.Sub(f.tended) >= lookAgain {
			if err := f.q.Tend(); err != nil {
				return false, err
			}
			f.tended = f.q.Now()
			continue
		}
		f.sleep(ctx, min(end.Sub(now), lookAgain))
	}
}

func (f *Follower) sleep(ctx context.Context, limit time.Duration) {
	if f.notify.SetReadDeadline(time.Now().Add(limit)) != nil {
		time.Sleep(20 * time.Millisecond)
		return
	}
	stop := context.AfterFunc(ctx, func() { f.notify.SetReadDeadline(time.Now()) })
	defer stop()
	_, _ = f.notify.Read(make([]byte, 4096)) // an error is the end of the time
}

// read takes in what has been added since.
func (f *Follower) read() (changed bool, err error) {
	data, err := io.ReadAll(io.NewSectionReader(f.file, f.offset, 1<<62-f.offset))
	if err != nil {
		return false, err
	}
	if f.Job == nil {
		f.Job, err = parse(data)
		if err != nil {
			return false, err
		}
		f.offset = wholeLines(data)
		return true, nil
	}
	n, err := f.Job.extend(data, 0)
	f.offset += int64(n)
	return n > 0, err
}

// Wait follows a job to its end.
func (q *Queue) Wait(ctx context.Context, id int) (*Job, error) {
	f, err := q.Follow(id)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for !f.Job.Status().Final() {
		if _, err := f.Next(ctx, time.Minute); err != nil {
			return nil, err
		}
	}
	return f.Job, nil
}
