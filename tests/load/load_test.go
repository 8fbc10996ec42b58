package load

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/tests/inside"
	"gantry/tests/lab"
)

func TestMain(m *testing.M) {
	mine, err := inLab(filepath.Base(os.Args[0]), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if !mine {
		os.Exit(m.Run())
	}
}

const (
	nodes        = 8
	submitters   = 10
	perSubmitter = 10
	memoryMiB    = 1024 // for all runners together
)

// long says whether there is time for all of it.
func long() bool { return os.Getenv("GANTRY_FAULTS") == "all" }

// cluster is a lab of eight nodes with four instances of the fake hypervisor.
func cluster8(t *testing.T) *lab.Lab {
	t.Helper()
	dir := lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-job", "gnt-debug")
	for _, name := range []string{submitName, fillName} {
		if err := inside.CopySelf(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	l := lab.Start(t, lab.Options{Nodes: nodes, Bin: dir})
	l.Init(t, nodes)
	for i := range 4 {
		l.Must(t, "node1", fmt.Sprintf("gnt-instance add -t diskless -n node%d -o noop -H fake --no-install --no-ip-check --no-name-check web%d.example.com", i+2, i))
	}
	return l
}

// ended is what a job's file says of it.
type ended struct {
	id       int
	status   string
	priority int
	summary  string
	received time.Time
	waiting  time.Time // since when it waited for its locks
	running  time.Time
	end      time.Time
	result   string
}

// jobs reads the files of jobs.
func jobs(t *testing.T, l *lab.Lab, ids []int) []ended {
	t.Helper()
	var all []ended
	for _, id := range ids {
		all = append(all, readJob(t, id, l.Must(t, "node1", fmt.Sprintf("cat /var/lib/ganeti/queue/job-%d", id))))
	}
	return all
}

func readJob(t *testing.T, id int, text string) ended {
	t.Helper()
	j := ended{id: id, status: "queued"}
	at := func(pair [2]int64) time.Time { return time.Unix(pair[0], pair[1]*1000) }
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var e struct {
			Received [2]int64 `json:"received_timestamp"`
			Ops      []struct {
				ID       string `json:"OP_ID"`
				Name     string `json:"instance_name"`
				Priority int    `json:"priority"`
			} `json:"ops"`
			Event, Status string
			Time          [2]int64
			Priority      int
			Result        json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("job %d: %v in %s", id, err, line)
		}
		if i == 0 {
			j.received, j.priority, j.summary = at(e.Received), e.Ops[0].Priority, e.Ops[0].ID+" "+e.Ops[0].Name
			continue
		}
		switch {
		case e.Event == "priority":
			j.priority = e.Priority
		case e.Event != "status":
			continue
		case e.Status == "waiting":
			j.waiting = at(e.Time)
		case e.Status == "running":
			j.running = at(e.Time)
		default:
			j.end, j.result = at(e.Time), string(e.Result)
		}
		if e.Event == "status" {
			j.status = e.Status
		}
	}
	return j
}

// watchMemory follows the resident sets of all runners together until it is told to stop, and returns the most, in MiB.
func watchMemory(t *testing.T, l *lab.Lab) (most func() int) {
	t.Helper()
	l.Must(t, "node1", `cat >/run/watch.py <<'P'
import glob, os, time
most = 0
while not os.path.exists("/run/watch.end"):
    now = 0
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(path) as f:
                fields = dict(line.split(":", 1) for line in f)
        except OSError:
            continue
        if fields["Name"].strip() == "gnt-job":
            now += int(fields.get("VmRSS", "0").split()[0])
    most = max(most, now)
    time.sleep(0.05)
open("/run/watch.most", "w").write(str(most // 1024))
P
rm -f /run/watch.end /run/watch.most
setsid python3 /run/watch.py </dev/null >/dev/null 2>&1 &`)
	return func() int {
		out := l.Must(t, "node1", "touch /run/watch.end; until [ -s /run/watch.most ]; do sleep 0.05; done; cat /run/watch.most")
		n, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// await waits for jobs to end, which each has to.
func await(t *testing.T, l *lab.Lab, ids []int, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	text := ""
	for _, id := range ids {
		text += fmt.Sprintf("gnt-job wait %d >/dev/null 2>&1\n", id)
	}
	if _, err := l.Do(ctx, "node1", text); err != nil {
		t.Errorf("jobs have not ended within %v: %v\n%s", limit, err, l.Run("node1", "gnt-job list").Stdout)
	}
}

func numbers(t *testing.T, text string) (ids []int) {
	t.Helper()
	for word := range strings.FieldsSeq(text) {
		id, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("%q is no job id, in %s", word, text)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func TestLoad(t *testing.T) {
	l := cluster8(t)
	t.Run("a hundred jobs of ten processes", func(t *testing.T) { hundredJobs(t, l) })
	t.Run("those who wait for one lock", func(t *testing.T) { inOrder(t, l) })
	sizes := []int{1, 3}
	if long() {
		sizes = []int{1, 3, 5, 20}
	}
	if err := l.Freeze("node8"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Thaw("node8"); err != nil {
			t.Error(err)
		}
	}()
	for _, million := range sizes {
		t.Run(fmt.Sprintf("eight changes at %d MB", million), func(t *testing.T) { largeConfiguration(t, l, million) })
	}
}

func hundredJobs(t *testing.T, l *lab.Lab) {
	most, began := watchMemory(t, l), time.Now()
	out := l.Must(t, "node1", fmt.Sprintf("for p in $(seq %d); do %s $p & done; wait", submitters, submitName))
	ids := numbers(t, out)
	t.Logf("%d jobs submitted in %v", len(ids), time.Since(began).Round(time.Millisecond))
	if len(slices.Compact(slices.Clone(ids))) != submitters*perSubmitter {
		t.Fatalf("ids: %v", ids)
	}
	await(t, l, ids, 5*time.Minute)
	took, states := time.Since(began), map[string]int{}
	for _, j := range jobs(t, l, ids) {
		states[j.status]++
		if j.status != "success" && j.status != "canceled" {
			t.Errorf("job %d (%s) is %s: %s", j.id, j.summary, j.status, j.result)
		}
	}
	memory := most()
	t.Logf("%v after %v; all runners together needed %d MiB", states, took.Round(time.Millisecond), memory)
	if states["canceled"] == 0 || states["success"] < 50 {
		t.Errorf("the mixture is not what it should be: %v", states)
	}
	if memory > memoryMiB {
		t.Errorf("all runners together needed %d MiB", memory)
	}
	nothingLeft(t, l)
}

// nothingLeft looks for locks, and for what verify reports.
func nothingLeft(t *testing.T, l *lab.Lab) {
	t.Helper()
	if locks := l.Must(t, "node1", "gnt-debug locks --no-headers -o name,owner,pending"); strings.Contains(locks, "job") {
		t.Errorf("locks are left:\n%s", locks)
	}
	l.Must(t, "node1", "gnt-cluster verify")
}

// inOrder has jobs of all priorities wait for an instance that another job holds, and then looks in which order they got it, each
// alone. (The locks of a job go before its end is written, so its end tells nothing of the next one.)
func inOrder(t *testing.T, l *lab.Lab) {
	hook := "/etc/ganeti/hooks/instance-modify-pre.d"
	l.Must(t, "node1", "mkdir -p "+hook+" && touch /run/hold && printf '#!/bin/sh\\nmkdir /run/inside || touch /run/both\\nwhile [ -e /run/hold ]; do sleep 0.05; done\\nsleep 0.02; rmdir /run/inside\\n' >"+hook+"/hold && chmod 755 "+hook+"/hold")
	defer l.Must(t, "node1", "rm -r "+hook)
	change := func(priority string) int {
		return numbers(t, l.Must(t, "node1", "gnt-instance modify --submit --print-jobid --priority="+priority+" -B vcpus=2 web0.example.com | grep -oE '[0-9]+$'"))[0]
	}
	first := change("low")
	var ids []int
	for i := range 12 {
		ids = append(ids, change([]string{"low", "normal", "high"}[i%3]))
	}
	waiting := func() bool {
		for _, j := range jobs(t, l, ids) {
			if j.waiting.IsZero() {
				return false
			}
		}
		return true
	}
	for end := time.Now().Add(30 * time.Second); !waiting(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the jobs do not come to wait for the lock")
		}
	}
	time.Sleep(time.Second) // the status is written before the ticket
	l.Must(t, "node1", "rm /run/hold")
	await(t, l, append(ids, first), time.Minute)
	all := jobs(t, l, ids)
	slices.SortFunc(all, func(a, b ended) int { return a.running.Compare(b.running) })
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.priority > b.priority || a.priority == b.priority && a.id > b.id {
			t.Errorf("job %d of priority %d got its lock before job %d of priority %d", a.id, a.priority, b.id, b.priority)
		}
	}
	if got := l.Must(t, "node1", "ls /run/both 2>/dev/null || true"); got != "" {
		t.Error("two of them had the lock at once")
	}
	for _, j := range all {
		if j.status != "success" {
			t.Errorf("job %d is %s: %s", j.id, j.status, j.result)
		}
	}
}

// largeConfiguration changes eight instances at once, with a candidate that answers nothing.
func largeConfiguration(t *testing.T, l *lab.Lab, million int) {
	l.Must(t, "node1", fmt.Sprintf("%s %d", fillName, million))
	size := strings.TrimSpace(l.Must(t, "node1", "stat -c %s /var/lib/ganeti/config.toml"))
	most, began := watchMemory(t, l), time.Now()
	out := l.Must(t, "node1", `for i in 8 9 10 11 12 13 14 16; do gnt-instance modify --submit --print-jobid -B vcpus=3 made$i.example.com | grep -oE '[0-9]+$' & done; wait`)
	submitted := time.Since(began)
	ids := numbers(t, out)
	await(t, l, ids, 10*time.Minute)
	var times []time.Duration
	for _, j := range jobs(t, l, ids) {
		if j.status != "success" {
			t.Errorf("job %d is %s: %s", j.id, j.status, j.result)
		}
		times = append(times, j.end.Sub(j.received).Round(time.Millisecond))
	}
	slices.Sort(times)
	t.Logf("%s bytes: submitted in %v; the jobs took %v to %v, the median %v; %d MiB for all runners", size, submitted.Round(time.Millisecond), times[0],
		times[len(times)-1], times[len(times)/2], most())
	if len(ids) != 8 {
		t.Errorf("jobs: %v", ids)
	}
}
