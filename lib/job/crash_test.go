package job

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// points lists the injection points that a job passes in its runner, as AREA:NUMBER.
func points(t *testing.T, op *delay) []string {
	t.Helper()
	q := newQueue(t)
	list := filepath.Join(t.TempDir(), "points")
	t.Setenv("GANTRY_FAULT", "list:"+list)
	ended(t, q, submit(t, q, op, Options{}), Success)
	data, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			found = append(found, fields[1])
		}
	}
	return found
}

// A runner killed at any moment leaves a job that says so, nothing made that is not written down, and an instance on which
// the next job puts everything in order.
func TestKilledAnywhere(t *testing.T) {
	all := points(t, &delay{Want: exclusive("web"), Make: []string{filepath.Join(t.TempDir(), "x"), filepath.Join(t.TempDir(), "y")}})
	if len(all) < 10 {
		t.Fatalf("only %d points: %v", len(all), all)
	}
	ends := map[Status]int{}
	for _, point := range all {
		for _, moment := range []string{"before", "after"} {
			t.Run(point+":"+moment, func(t *testing.T) {
				ends[killedAt(t, point+":"+moment)]++
			})
		}
	}
	t.Logf("killed at %d points: %v", 2*len(all), ends)
	if ends[Error] == 0 || ends[Success] == 0 {
		t.Errorf("the points do not reach all that can happen: %v", ends)
	}
}

func killedAt(t *testing.T, point string) Status {
	t.Helper()
	q := newQueue(t)
	dir := t.TempDir()
	made := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	t.Setenv("GANTRY_FAULT", point)
	id := submit(t, q, &delay{Want: exclusive("web"), Make: made}, Options{})
	for owned(q.jobPath(id)) {
		time.Sleep(time.Millisecond)
	}
	t.Setenv("GANTRY_FAULT", "")
	if err := q.Tend(); err != nil {
		t.Fatal(err)
	}
	j, err := q.Wait(t.Context(), id) // one that had not begun is started again
	if err != nil {
		t.Fatal(err)
	}
	for owned(q.jobPath(id)) {
		time.Sleep(time.Millisecond)
	}
	if err := accounted(j, made); err != nil {
		t.Error(err)
	}
	open, err := q.OpenIntents()
	if err != nil {
		t.Fatal(err)
	}
	next := ended(t, q, submit(t, q, &delay{Want: exclusive("web")}, Options{}), Success)
	if strings.Count(text(next), "resolved") != len(open) {
		t.Errorf("%d intents were open, the next job said %q", len(open), text(next))
	}
	if left, err := q.OpenIntents(); err != nil || len(left) > 0 {
		t.Errorf("open after the next job: %v, %v", left, err)
	}
	for _, o := range open {
		if _, err := os.Stat(o.Object()); err == nil {
			t.Errorf("%s is still there", o.Object())
		}
	}
	return j.Status()
}

// accounted says whether all that is there is known: made by a command whose end was seen, or on the list of what is open.
func accounted(j *Job, made []string) error {
	if j.Status() == Success && j.hasOpen() {
		return fmt.Errorf("job %d ended well with open intents: %+v", j.ID, j.Intents)
	}
	for _, path := range made {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		known := false
		for _, in := range j.Intents {
			known = known || in.Object() == path && (in.Open() || in.Outcome == "done")
		}
		if !known {
			return fmt.Errorf("%s was made and nothing says so: %+v", path, j.Intents)
		}
	}
	return nil
}
