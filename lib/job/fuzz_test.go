package job

import (
	"os"
	"slices"
	"testing"
	"time"
)

// FuzzLockTable: whatever the file holds, the table is read or begun anew, and nobody is given what another has.
func FuzzLockTable(f *testing.F) {
	f.Add([]byte(`{"tickets":[{"job":1,"priority":0,"since":5,"held":true,"locks":[{"level":"instance","name":"web"}]},` +
		`{"job":2,"priority":-10,"since":4,"locks":[{"level":"instance","name":"[lockset]","shared":true},{"level":"cluster","name":"BGL","shared":true}]}]}`))
	f.Add([]byte(`{"tickets":[{"job":1,"since":-9223372036854775808,"locks":null},{"job":1}]}`))
	q, err := OpenQueue(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := q.tableOf(text)
		if err != nil {
			t.Fatalf("no job runs, and the table is refused: %v", err)
		}
		before := table.held()
		table.grant(time.Unix(1000, 0))
		for i, a := range table.Tickets {
			for _, b := range table.Tickets[:i] {
				if a.Held && b.Held && a.hinders(b) && !(slices.Contains(before, a.Job) && slices.Contains(before, b.Job)) {
					t.Errorf("%+v and %+v have the same", a, b)
				}
			}
		}
	})
}

// FuzzLiveFiles: what lies beside a job's bell, and the numbers of the queue, are used or as if they were not there.
func FuzzLiveFiles(f *testing.F) {
	f.Add([]byte(`{"cancel":true,"priority":-20}`))
	f.Add([]byte(`{"id":12,"silent":99}`))
	f.Add([]byte("17\n"))
	q, err := OpenQueue(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{q.requestPath(1), q.path("serial.bound"), q.path("serial"), q.path("max_running_jobs"), q.path("unfinished")} {
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q.asked(1)
		if n := q.maxRunning(); n <= 0 {
			t.Errorf("%d jobs may run", n)
		}
		if ids := q.unfinished(); !slices.IsSorted(ids) {
			t.Errorf("unfinished %v", ids)
		}
		q.readBound()
		if n, err := q.lastID(1); err == nil && n < 0 {
			t.Errorf("the last id is %d", n)
		}
	})
}
