package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gantry/lib/remote"
)

// A job id is given once, also when the master is lost. The other candidates keep a bound that no id has passed: one is
// asked only when the bound is reached, once in idBlock submissions. The master that takes over begins after the highest
// bound it finds, and idAhead further if it could not ask everybody.
const (
	idBlock = 64
	idAhead = 1000
)

// copyPause is how long a submission does not ask candidates again that did not answer.
const copyPause = 30 * time.Second

// Files reads and writes files on nodes.
type Files interface {
	Put(ctx context.Context, node, path string, data []byte, mode os.FileMode) error
	Get(ctx context.Context, node, path string) ([]byte, error)
}

// Copier writes a file on the other master candidates. It says how many there are and how many have it durably.
type Copier func(ctx context.Context, path string, data []byte) (copies, peers int)

// CopyTo is the Copier for the nodes that peers names. All are asked at once and given five seconds. A node that has no queue
// yet gets one.
func CopyTo(nodes interface {
	remote.Runner
	Files
}, peers func() ([]string, error)) Copier {
	return func(ctx context.Context, path string, data []byte) (copies, count int) {
		names, err := peers()
		if err != nil || len(names) == 0 {
			return 0, len(names)
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		for _, r := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (any, error) {
			if nodes.Put(ctx, node, path, data, 0o640) == nil {
				return nil, nil
			}
			if _, err := nodes.Run(ctx, node, remote.Command("mkdir", "-p", "-m", "750", filepath.Dir(path))); err != nil {
				return nil, err
			}
			return nil, nodes.Put(ctx, node, path, data, 0o640)
		}) {
			if r.Err == nil {
				copies++
			}
		}
		return copies, len(names)
	}
}

// bound is what the other candidates are known to keep, and when they last failed to answer.
type bound struct {
	ID     int   `json:"id"`
	Silent int64 `json:"silent,omitempty"` // seconds since 1970
}

func (q *Queue) readBound() (b bound) {
	if data, err := os.ReadFile(q.path("serial.bound")); err == nil && json.Unmarshal(data, &b) != nil {
		return bound{}
	}
	return b
}

func (q *Queue) writeBound(b bound) error {
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return replace(q.path("serial.bound"), data, true)
}

// cover makes sure that another candidate keeps a bound for n more ids, or that none answers. It may talk to nodes, so the
// queue's flock is not held.
func (q *Queue) cover(ctx context.Context, n int) error {
	if q.Copy == nil {
		return nil
	}
	serial, err := q.lastID(n)
	if err != nil {
		return err
	}
	b := q.readBound()
	if serial+n <= b.ID || q.Now().Unix()-b.Silent < int64(copyPause/time.Second) {
		return nil
	}
	next := serial + n + idBlock
	copies, peers := q.Copy(ctx, q.path("serial"), []byte(strconv.Itoa(next)+"\n"))
	return q.locked(func() error {
		b := q.readBound()
		switch {
		case copies > 0 || peers == 0:
			b = bound{ID: max(b.ID, next)}
		default:
			b.Silent = q.Now().Unix()
			q.warn("no other master candidate keeps the job serial: %d of them asked, none answered", peers)
		}
		return q.writeBound(b)
	})
}

// coverAnew gives candidates that have just become such the bound: they may be all that is left of it one day.
func (q *Queue) coverAnew(ctx context.Context) error {
	if err := q.locked(func() error { return q.writeBound(bound{}) }); err != nil {
		return err
	}
	return q.cover(ctx, 1)
}

// errUncovered asks for another call of cover: others took the ids meanwhile.
var errUncovered = errors.New("no other master candidate keeps a bound for these job ids")

// lastID is the last id that was given before n new ones. The file that says so may be gone, or older than the queue: then it
// comes after all that the queue shows.
func (q *Queue) lastID(n int) (int, error) {
	serial, err := readNumber(q.path("serial"))
	if err != nil {
		return 0, err
	}
	behind := serial == 0
	for id := serial + 1; id <= serial+n && !behind; id++ {
		_, err := os.Lstat(q.jobPath(id))
		behind = err == nil
	}
	if !behind {
		return serial, nil
	}
	ids, err := q.IDs(true)
	if err != nil || len(ids) == 0 {
		return serial, err
	}
	return max(serial, ids[len(ids)-1], q.readBound().ID), nil
}

// takeIDs gives n new ids and makes them durable here. The queue's flock is held.
func (q *Queue) takeIDs(n int) (first int, err error) {
	serial, err := q.lastID(n)
	if err != nil {
		return 0, err
	}
	if q.Copy != nil {
		b := q.readBound()
		if serial+n > b.ID && (b.Silent == 0 || serial+n > b.ID+idAhead) {
			return 0, errUncovered
		}
	}
	if err := replace(q.path("serial"), []byte(strconv.Itoa(serial+n)+"\n"), true); err != nil {
		return 0, fmt.Errorf("taking a job id: %w", err)
	}
	return serial + 1, nil
}

// JumpAhead makes this node the one that gives ids, when it becomes the master: after all that others may have given. peers
// are the other candidates; those that do not answer may know of more. What an earlier reign of this node left in its
// queue is ended: the cluster has gone on without it.
func (q *Queue) JumpAhead(ctx context.Context, files Files, peers []string) error {
	highest, err := readNumber(q.path("serial"))
	if err != nil {
		return err
	}
	ids, err := q.IDs(true)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		highest = max(highest, ids[len(ids)-1])
	}
	highest = max(highest, q.readBound().ID)
	for _, r := range remote.Each(ctx, peers, 0, func(ctx context.Context, node string) ([]byte, error) {
		return files.Get(ctx, node, q.path("serial"))
	}) {
		var n int
		if _, err := fmt.Sscan(string(r.Value), &n); r.Err == nil && err == nil {
			highest = max(highest, n)
		}
	}
	return q.locked(func() error {
		if err := q.endReign(); err != nil {
			return err
		}
		// nobody keeps this bound yet, so the first submission asks; if all are silent, as after the death of the other one of two
		// nodes, it is what the ids that may be given then are counted from
		if err := q.writeBound(bound{ID: highest + idAhead}); err != nil {
			return err
		}
		if err := replace(q.path("serial"), []byte(strconv.Itoa(highest+idAhead)+"\n"), true); err != nil {
			return err
		}
		return syncDir(filepath.Clean(q.Dir))
	})
}

// endReign cancels what is queued and buries what ran. The queue's flock is held.
func (q *Queue) endReign() error {
	for _, id := range q.scan() {
		w, err := take(q.jobPath(id), q.Now)
		if errors.Is(err, errBusy) {
			continue // a process of it is alive; its fence will stop it
		}
		if err != nil {
			q.warn("%v", err)
			continue
		}
		var failure error
		if w.job.Status() != Queued {
			failure = lastWords(w.job)
		}
		err = q.end(w, failure)
		w.close()
		if err != nil {
			return err
		}
	}
	return q.setUnfinished(q.scan())
}

// LastID is the number of the last job that was submitted.
func (q *Queue) LastID() (int, error) { return q.lastID(0) }
