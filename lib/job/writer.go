package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"gantry/lib/remote"
)

// writer appends events to the file of a job. Whoever has one holds the job's flock: there is one writer at a time.
type writer struct {
	mu   sync.Mutex
	file *os.File
	size int64
	job  *Job
	now  func() time.Time
}

// newWriter takes a job file that is open for reading and writing and whose flock the caller holds. It cuts off what a
// crash left of a last line.
func newWriter(file *os.File, now func() time.Time) (*writer, error) {
	data, err := io.ReadAll(io.NewSectionReader(file, 0, 1<<62))
	if err != nil {
		return nil, err
	}
	j, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading job file %s: %w", file.Name(), err)
	}
	w := &writer{file: file, job: j, now: now, size: wholeLines(data)}
	if w.size < int64(len(data)) {
		if err := file.Truncate(w.size); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// wholeLines is the length of data without a line that is cut off.
func wholeLines(data []byte) int64 { return int64(bytes.LastIndexByte(data, '\n') + 1) }

// record writes changes as one piece and waits until they are on the disk.
func (w *writer) record(events ...event) error { return w.append(true, events) }

// note writes changes whose loss would be no harm: messages.
func (w *writer) note(events ...event) error { return w.append(false, events) }

func (w *writer) append(sync bool, events []event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var text bytes.Buffer
	what := "job " + strconv.Itoa(w.job.ID)
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("writing job %d: %w", w.job.ID, err)
		}
		text.Write(append(line, '\n'))
		what += " " + e.Kind + " " + string(e.Status)
	}
	defer remote.Inject("job", what)()
	if err := w.write(text.Bytes(), sync); err != nil {
		return fmt.Errorf("writing job %d: %w", w.job.ID, err)
	}
	for _, e := range events {
		if err := w.job.apply(e); err != nil {
			return fmt.Errorf("writing job %d: %w", w.job.ID, err)
		}
	}
	return nil
}

func (w *writer) write(text []byte, sync bool) error {
	n, err := w.file.WriteAt(text, w.size)
	if err != nil { // a full disk: no reader may see half a line followed by another one
		return errors.Join(err, w.file.Truncate(w.size))
	}
	if sync {
		if err := w.file.Sync(); err != nil {
			return err
		}
	}
	w.size += int64(n)
	return nil
}

// stamp is the moment of an event that is about to be written.
func (w *writer) stamp() Time { return At(w.now()) }

// status is the event of an opcode that changes its status now.
func (w *writer) status(op int, s Status) event {
	return event{Kind: evStatus, Time: w.stamp(), Op: op, Status: s}
}

// close gives the flock back.
func (w *writer) close() error { return w.file.Close() }

// errBusy means that another process holds the flock: the job has an owner.
var errBusy = errors.New("the job has a process")

// claim opens a job file for writing and takes its flock without waiting.
func claim(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errBusy
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return file, nil
}

// take becomes the writer of a job that has no process.
func take(path string, now func() time.Time) (*writer, error) {
	file, err := claim(path)
	if err != nil {
		return nil, err
	}
	w, err := newWriter(file, now)
	if err != nil {
		file.Close()
	}
	return w, err
}

// owned says whether a process holds the job of this file. The test takes the flock for a moment; schedule.go tells who
// may test which jobs.
func owned(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) // a process that cannot open files must not call others dead
	}
	defer file.Close()
	return flock(file, syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

func flock(file *os.File, how int) error {
	for {
		err := syscall.Flock(int(file.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}

// lockPath waits for an exclusive flock on a file that exists for nothing else. Closing the file gives it back.
func lockPath(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := flock(file, syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return file, nil
}

// replace writes a file whole or not at all.
func replace(path string, data []byte, sync bool) error {
	tmp := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	file, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil && sync {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		os.Remove(tmp)
	}
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
