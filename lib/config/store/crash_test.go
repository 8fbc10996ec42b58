package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/config"
)

// A master is killed at every step of a transaction, and the next look must find one version that holds, and everybody at it.
func TestAMasterKilledAtAnyStepLeavesWhatTheNextOneFinishes(t *testing.T) {
	fresh, _ := newLab(t, 3)
	steps := countSteps(t)
	for name, after := range recoveries {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && after.cut == nil {
				t.Skip("the cases with a candidate cut off say more")
			}
			t.Parallel()
			for at := 1; at <= steps; at++ {
				crashAndRecover(fresh.copy(t), at, after)
			}
		})
	}
}

func countSteps(t *testing.T) int {
	l, s := newLab(t, 3)
	l.crash = &crasher{}
	if _, err := s.Update(t.Context(), l.as(n1), mark("blue")); err != nil {
		t.Fatal(err)
	}
	for _, must := range []string{"write .config.toml.new", "fsync .config.toml.new", "rename .config.toml.new config.toml.pending",
		"rename config.toml.pending config.toml", "commit on candidates", n2 + " stage", n3 + " commit", "fsync " + n1} {
		if !strings.Contains(strings.Join(l.crash.log, "\n")+"\n", must+"\n") {
			t.Fatalf("%q is no step of\n%s", must, strings.Join(l.crash.log, "\n"))
		}
	}
	return l.crash.n
}

// recovery is how a cluster goes on after its master's end.
type recovery struct {
	cut    []string // candidates, while it recovers
	update bool     // by the next change, not by Settle
	disk   *disk    // what a power cut leaves; nil if only the program died
}

var recoveries = map[string]recovery{
	"all there":                      {},
	"all there, next change":         {update: true},
	"one candidate cut":              {cut: []string{n2}},
	"the other cut, and next change": {cut: []string{n3}, update: true},
}

func crashAndRecover(l *lab, at int, after recovery) (crashed bool) {
	t := l.t
	t.Helper()
	s := l.store(n1)
	base := l.same(n1, n2, n3)
	l.crash = &crasher{at: at}
	if l.disk = after.disk; l.disk != nil {
		l.disk.note(l)
	}
	var c Commit
	crashed = crashing(func() { c, _ = s.Update(t.Context(), l.as(n1), mark("blue")) }) // if it crashed, its outcome is nobody's any more
	where := l.crash.log[len(l.crash.log)-1]
	l.crash = nil
	if l.disk != nil {
		l.disk.lose(l)
		l.disk = nil
	}

	seen := c.State == Committed // may anybody have relied on the new version, here or on a candidate?
	for _, n := range []string{n1, n2, n3} {
		h := l.header(n)
		seen = seen || h.Serial == base.Serial+1
		if h.Serial != base.Serial && h.Serial != base.Serial+1 {
			t.Errorf("%s: %s has %s", where, n, h)
		}
	}
	committed := hasMark(t, l.store(n1), "blue")

	l.set(l.cut, true, after.cut...)
	s = l.store(n1)
	want := base.Serial
	if after.update {
		if _, err := s.Update(t.Context(), l.as(n1), mark("red")); err != nil {
			t.Errorf("%s: the next change: %v", where, err)
			return crashed
		}
		want++
	} else if _, err := s.Settle(t.Context(), l.as(n1)); err != nil {
		t.Errorf("%s: Settle: %v", where, err)
		return crashed
	}
	if hasMark(t, s, "blue") {
		want++
	} else if committed || seen {
		t.Errorf("%s: a version that was committed or on a candidate is lost", where)
	}
	l.set(l.cut, false, after.cut...)
	if _, err := s.Redistribute(t.Context(), l.as(n1)); err != nil {
		t.Errorf("%s: Redistribute: %v", where, err)
	}
	if h := l.same(n1, n2, n3); h.Serial != want {
		t.Errorf("%s: serial %d, want %d", where, h.Serial, want)
	}
	noLeftovers(t, l, where)
	return crashed
}

func noLeftovers(t testing.TB, l *lab, where string) {
	t.Helper()
	for _, n := range labNodes {
		for _, pattern := range []string{pendingName, newName, ".config.toml.staged.*", ".ssconf.new/*"} {
			if left, _ := filepath.Glob(filepath.Join(l.dir(n), pattern)); left != nil {
				t.Errorf("%s: left %v", where, left)
			}
		}
	}
}

// Two crashes in a row: the recovery itself is killed at every step.
func TestARecoveryKilledAtAnyStepCanBeRepeated(t *testing.T) {
	fresh, _ := newLab(t, 3)
	for at := 1; ; at++ {
		l := fresh.copy(t)
		s := l.store(n1)
		s.Inject = func(_, what string) func() {
			return func() {
				if what == "commit on candidates" {
					panic(errCrash)
				}
			}
		}
		if !crashing(func() { s.Update(t.Context(), l.as(n1), mark("blue")) }) {
			t.Fatal("no crash")
		}
		l.crash = &crasher{at: at}
		again := crashing(func() { l.store(n1).Settle(t.Context(), l.as(n1)) })
		finished := l.crash.n < at
		l.crash = nil
		s = l.store(n1)
		if _, err := s.Update(t.Context(), l.as(n1), mark("red")); err != nil {
			t.Fatalf("step %d: %v", at, err)
		}
		if !hasMark(t, s, "blue") || !hasMark(t, s, "red") {
			t.Errorf("step %d: a change is lost", at)
		}
		l.same(n1, n2, n3)
		if finished && !again {
			return
		}
	}
}

// A job that starts must not work with a version that its first look at the fence is about to replace.
func TestWhatIsLeftUndecidedIsFinishedBeforeAJobReadsTheConfiguration(t *testing.T) {
	l, s := newLab(t, 3)
	s.Inject = func(_, what string) func() {
		if what == "commit on candidates" {
			panic(errCrash)
		}
		return func() {}
	}
	if !crashing(func() { s.Update(t.Context(), l.as(n1), mark("blue")) }) {
		t.Fatal("no crash")
	}
	marked := func() bool {
		t.Helper()
		c, err := l.store(n1).LoadSettled(t.Context(), l.as(n1))
		if err != nil {
			t.Fatal(err)
		}
		return c.Instances[0].OSParams.String("blue") != ""
	}
	unlock, err := s.lock(t.Context(), transactionLock) // as of a transaction that runs
	if err != nil {
		t.Fatal(err)
	}
	if marked() {
		t.Error("it was finished by somebody else while its transaction ran")
	}
	unlock()
	if !marked() {
		t.Error("it was not finished")
	}
}

// A candidate's copy that this master began to write and knows nothing of any more (its disk lost the pending file).
func TestAnUnfinishedVersionOnACandidateIsAdopted(t *testing.T) {
	for name, recover := range map[string]func(*lab, *Store) error{
		"by a change": func(l *lab, s *Store) error { _, err := s.Update(l.t.Context(), l.as(n1), tag("red")); return err },
		"by Settle":   func(l *lab, s *Store) error { _, err := s.Settle(l.t.Context(), l.as(n1)); return err },
		"by a fence":  func(l *lab, s *Store) error { return s.Fence(l.t.Context(), l.as(n1), Look) },
	} {
		t.Run(name, func(t *testing.T) {
			l, s := newLab(t, 3)
			base := l.same(n1, n2, n3)
			l.rewrite(n3, func(c *config.Config) {
				c.Serial, c.Parent = base.Serial+1, base.Digest
				c.Cluster.Tags = append(c.Cluster.Tags, "blue")
			})
			if err := recover(l, s); err != nil {
				t.Fatal(err)
			}
			if !hasTag(t, s, "blue") {
				t.Error("the candidate's version was not adopted")
			}
			l.same(n1, n2, n3)
		})
	}
}

func TestAFullDiskUnderTheConfigurationIsRefusedCleanly(t *testing.T) {
	if os.Getuid() == 0 { // a directory that cannot be written does not stop root, so a directory stands in the way
		t.Log("as root: the new file's name is taken by a directory")
	}
	l, s := newLab(t, 3)
	before := l.same(n1, n2, n3)
	if err := os.MkdirAll(s.path(newName)+"/x", 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err == nil || c.State != NotCommitted {
		t.Errorf("Update = %v, %v", c.State, err)
	}
	if l.same(n1, n2, n3) != before {
		t.Error("something was changed")
	}
}

func TestACandidateWhoseDiskIsFullIsAWarning(t *testing.T) {
	l, s := newLab(t, 3)
	if err := os.RemoveAll(l.dir(n3)); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err != nil || !strings.Contains(fmt.Sprint(c.Warnings), n3) {
		t.Errorf("Update = %+v, %v", c, err)
	}
	l.same(n1, n2)
}
