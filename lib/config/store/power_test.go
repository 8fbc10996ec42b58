package store

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPowerHelper is the traced half of the next test: one transaction in the lab at POWER_LAB.
func TestPowerHelper(t *testing.T) {
	root := os.Getenv("POWER_LAB")
	if root == "" {
		t.Skip("only under TestWritesReachTheDiskInOrder")
	}
	l := &lab{t: t, root: root}
	if _, err := l.store(n1).Update(t.Context(), l.as(n1), mark("blue")); err != nil {
		t.Fatal(err)
	}
}

// What a power cut leaves depends on the order in which content, names and directories reach the disk.
func TestWritesReachTheDiskInOrder(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("NOT TESTED: strace is missing, and only it shows the order of write, fsync and rename")
	}
	l, _ := newLab(t, 2)
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-e", "trace=write,fsync,rename,renameat,renameat2", "-o", trace, os.Args[0], "-test.run=^TestPowerHelper$")
	cmd.Env = append(os.Environ(), "POWER_LAB="+l.root)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			t.Skipf("NOT TESTED: strace may not trace here: %s", out)
		}
		t.Fatalf("%v: %s", err, out)
	}
	events := readTrace(t, trace, l.root)
	staged := regexp.MustCompile(`\.config\.toml\.staged\.[^ ]*`)
	for i := range events {
		events[i] = staged.ReplaceAllString(events[i], "STAGED")
	}
	inOrder(t, events, // the candidate writes while this node does
		"fsync "+n2+"/STAGED",
		"rename "+n1+"/.config.toml.new "+n1+"/config.toml.pending",
	)
	inOrder(t, events,
		"write "+n1+"/.config.toml.new",
		"fsync "+n1+"/.config.toml.new",
		"fsync "+n1, // the names after this one need not be on disk
		"rename "+n1+"/.config.toml.new "+n1+"/config.toml.pending",
		"rename STAGED config.toml", // on node2, whose script works in its directory
		"fsync "+n2,
		"rename "+n1+"/config.toml.pending "+n1+"/config.toml",
		"fsync "+n1, // before anybody is told
	)
}

// The power of the master fails at every step of a transaction, and right after it, and nothing is left of what was done to the names
// since its directory was synced last.
func TestAMasterWithoutPowerLosesNothingThatHeldAndGivesNoNumberTwice(t *testing.T) {
	for name, after := range recoveries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh, _ := newLab(t, 3)
			for at := 1; ; at++ {
				after.disk = &disk{}
				if crashed := crashAndRecover(fresh.copy(t), at, after); !crashed {
					return
				}
			}
		})
	}
}

// A new master whose power fails right after its takeover is still the master.
func TestATakeoverThatHeldOutlivesAPowerCut(t *testing.T) {
	l, _ := newLab(t, 3)
	l.disk = &disk{of: n2}
	l.disk.note(l)
	if c, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil || c.State != Committed {
		t.Fatalf("TakeOver = %v, %v", c.State, err)
	}
	l.disk.lose(l)
	l.disk = nil
	s := l.store(n2)
	s.Node = n2
	if _, err := s.Update(t.Context(), l.as(n2), mark("blue")); err != nil {
		t.Error(err)
	}
	if h := l.same(n1, n2, n3); h.Epoch != 2 || h.Master != n2 {
		t.Errorf("all have %s", h)
	}
}

// What somebody else asks the master right after a version was committed, and its power failed, is that version.
func TestWhatWasCommittedIsShownAfterAPowerCut(t *testing.T) {
	l, s := newLab(t, 2)
	l.disk = &disk{}
	l.set(l.cut, true, n2) // of two, one is enough
	c, err := s.Update(t.Context(), l.as(n1), mark("blue"))
	if err != nil {
		t.Fatal(err)
	}
	l.disk.lose(l)
	l.disk = nil
	l.set(l.cut, false, n2)
	if h := l.header(n1); h.Serial != c.Config.Serial {
		t.Errorf("it shows %s", h)
	}
	var stale *Stale
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); !errors.As(err, &stale) {
		t.Errorf("the candidate that has not got it becomes the master: %v", err)
	}
}

func TestTheOnlyCandidateLosesNothingWithoutPower(t *testing.T) {
	fresh, _ := newLab(t, 1)
	for at, crashed := 1, true; crashed; at++ {
		l := fresh.copy(t)
		l.disk = &disk{}
		s := l.store(n1)
		l.disk.note(l)
		l.crash = &crasher{at: at}
		var c Commit
		crashed = crashing(func() { c, _ = s.Update(t.Context(), l.as(n1), mark("blue")) })
		l.crash = nil
		l.disk.lose(l)
		s = l.store(n1)
		if _, err := s.Settle(t.Context(), l.as(n1)); err != nil {
			t.Fatalf("step %d: %v", at, err)
		}
		if c.State == Committed && !hasMark(t, s, "blue") {
			t.Errorf("step %d: a version that was committed is lost", at)
		}
		noLeftovers(t, l, fmt.Sprint("step ", at))
	}
}

// disk is which of the configuration's names in a master's directory survive a power cut, with what.
type disk struct {
	of    string // the node, "" is the first
	files map[string][]byte
}

func (d *disk) dir(l *lab) string { return l.dir(cmp.Or(d.of, n1)) }

var namesOnDisk = []string{fileName, pendingName, newName}

// note is what a sync of the directory does.
func (d *disk) note(l *lab) {
	d.files = map[string][]byte{}
	for _, name := range namesOnDisk {
		if text, err := os.ReadFile(filepath.Join(d.dir(l), name)); err == nil {
			d.files[name] = text
		}
	}
}

func (d *disk) lose(l *lab) {
	for _, name := range namesOnDisk {
		path := filepath.Join(d.dir(l), name)
		text, kept := d.files[name]
		err := os.Remove(path)
		if kept {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.t.Fatal(err)
		}
	}
}

var (
	traceLine   = regexp.MustCompile(`^(\d+) +(write|fsync|rename|renameat|renameat2)\((.*)$`)
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>.*= 0`)
	handle      = regexp.MustCompile(`^\d+<([^>]*)>`)
	quoted      = regexp.MustCompile(`"([^"]*)"`)
)

// readTrace lists what strace saw, with paths below root. An fsync counts when it has returned, the rest when it begins.
func readTrace(t *testing.T, file, root string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	below := func(path string) string { return strings.TrimPrefix(path, root+"/") }
	pending := map[string]string{} // process to the fsync it waits for
	var events []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := resumedLine.FindStringSubmatch(lines.Text()); m != nil && pending[m[1]] != "" {
			events = append(events, pending[m[1]])
			delete(pending, m[1])
			continue
		}
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		pid, call, args := m[1], m[2], m[3]
		switch call {
		case "write", "fsync":
			h := handle.FindStringSubmatch(args)
			if h == nil || !strings.HasPrefix(h[1], root) {
				continue
			}
			event := call + " " + below(h[1])
			if call == "fsync" && strings.Contains(args, "unfinished") {
				pending[pid] = event
				continue
			}
			events = append(events, event)
		default:
			if names := quoted.FindAllStringSubmatch(args, 2); len(names) == 2 {
				events = append(events, fmt.Sprintf("rename %s %s", below(names[0][1]), below(names[1][1])))
			}
		}
	}
	return events
}

// inOrder fails unless want is found in events in this order, others between.
func inOrder(t *testing.T, events []string, want ...string) {
	t.Helper()
	rest := events
	for _, w := range want {
		i := slices.Index(rest, w)
		if i < 0 {
			t.Fatalf("%q is missing, or comes too early, in\n%s", w, strings.Join(events, "\n"))
		}
		rest = rest[i+1:]
	}
}
