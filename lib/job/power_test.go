package job

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What a power cut leaves: a job is on the disk before its id is told, and what it changes, and that its status has changed, before anything
// goes on. That is seen in the order of system calls only.
func TestJobsReachTheDiskBeforeWhatTheyAnnounce(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("NOT TESTED: strace is missing, and only it shows the order of write and fsync")
	}
	q := newQueue(t)
	q.Runner = nil // by hand, below
	id := submit(t, q, &delay{Make: []string{filepath.Join(t.TempDir(), "made")}}, Options{})
	trace := filepath.Join(t.TempDir(), "trace")
	calls := traced(t, strace, trace, q, "run", "1")
	if id != 1 {
		t.Fatalf("job %d", id)
	}
	for what, order := range map[string][]string{
		"the status before the work":           {`write job-1 .*"status":"running"`, `fsync job-1`, `exec touch`},
		"the intent before its command":        {`write job-1 .*"event":"intent"`, `fsync job-1`, `exec touch`},
		"the locks' end before the job's":      {`exec touch`, `rename locks`, `write job-1 .*"status":"success"`, `fsync job-1`},
		"the first status before any other is": {`write job-1 .*"status":"waiting"`, `fsync job-1`, `write job-1 .*"status":"running"`},
	} {
		t.Run(what, func(t *testing.T) { follows(t, calls, order) })
	}

	q = newQueue(t)
	calls = traced(t, strace, trace, q, "submit", "1")
	follows(t, calls, []string{`write serial`, `fsync serial`, `rename serial`, `write job-1`, `fsync job-1`, `rename job-1`, `fsync queue`})
}

// traced runs the test binary as a process of the queue and lists what it did to the queue's files, and the commands it ran.
func traced(t *testing.T, strace, trace string, q *Queue, words ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	argv := append([]string{"-f", "-y", "-s", "2000", "-e", "trace=write,pwrite64,fsync,rename,renameat,renameat2,execve", "-o", trace, self}, words...)
	if out, err := exec.Command(strace, argv...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("NOT TESTED: strace may not trace here: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for line := range strings.Lines(string(text)) {
		m := call.FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[1] == "execve" && strings.Contains(m[2], `"touch"`):
			calls = append(calls, "exec touch")
		case strings.HasPrefix(m[1], "rename") && strings.Contains(m[2], q.Dir):
			from, _, _ := strings.Cut(strings.Split(m[2], `"`)[1], ".new")
			calls = append(calls, "rename "+filepath.Base(from))
		default:
			if path := opened.FindStringSubmatch(m[2]); path != nil && strings.HasPrefix(path[1], q.Dir) {
				base, _, _ := strings.Cut(filepath.Base(path[1]), ".new")
				calls = append(calls, strings.Trim(m[1], "p64")+" "+base+" "+strings.ReplaceAll(m[2], `\"`, `"`))
			}
		}
	}
	return calls
}

var (
	call   = regexp.MustCompile(`^\d+ +(write|pwrite64|fsync|rename|renameat|renameat2|execve)\((.*)`)
	opened = regexp.MustCompile(`^\d+<([^>]*)>`)
)

// follows fails unless calls match the patterns in this order, others between.
func follows(t *testing.T, calls []string, order []string) {
	t.Helper()
	rest := calls
	for _, want := range order {
		pattern, i := regexp.MustCompile("^"+want), 0
		for i < len(rest) && !pattern.MatchString(rest[i]) {
			i++
		}
		if i == len(rest) {
			t.Fatalf("%q is missing, or comes too early, in\n%s", want, strings.Join(calls, "\n"))
		}
		rest = rest[i+1:]
	}
}
