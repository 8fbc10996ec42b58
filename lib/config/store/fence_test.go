package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gantry/lib/config"
)

func TestAHigherEpochAnywhereStopsTheMasterAtOnce(t *testing.T) {
	for _, cut := range [][]string{nil, {n2}} {
		l, s := newLab(t, 3)
		if _, err := s.Load(); err != nil {
			t.Fatal(err)
		}
		l.set(l.cut, true, cut...)
		l.rewrite(n3, func(c *config.Config) { c.Epoch++; c.Master = n3 })
		before := l.header(n1)
		var f *Fenced
		if err := s.Fence(t.Context(), l.as(n1), Look); !errors.As(err, &f) || f.Node != n3 {
			t.Errorf("Fence = %v, want it to name %s", err, n3)
		}
		if err := s.Fence(t.Context(), l.as(n1), Decide); !errors.As(err, &f) {
			t.Errorf("Fence = %v", err)
		}
		for _, strength := range []Strength{Look, Decide} {
			c, err := s.UpdateWith(t.Context(), l.as(n1), strength, tag("blue"))
			if !errors.As(err, &f) || c.State != NotCommitted || !strings.Contains(err.Error(), n3) {
				t.Errorf("Update = %v, %v", c.State, err)
			}
		}
		if h := l.same(n1, n2); h != before {
			t.Errorf("the fenced master changed something: %s", h)
		}
	}
}

func TestANewMasterIsNotStoppedByTheOldOnesCopy(t *testing.T) {
	l, _ := newLab(t, 3)
	l.set(l.cut, true, n1)
	s2 := l.store(n2)
	if _, err := s2.TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Fatal(err)
	}
	l.set(l.cut, false, n1)
	if err := s2.Fence(t.Context(), l.as(n2), Decide); err != nil {
		t.Errorf("Fence = %v", err)
	}
	if _, err := s2.Update(t.Context(), l.as(n2), tag("blue")); err != nil {
		t.Errorf("Update = %v", err)
	}
	if h := l.same(n1, n2, n3); h.Epoch != 2 || h.Master != n2 {
		t.Errorf("all have %s", h)
	}
}

func TestAFailoverInTheMiddleOfAJobStopsTheJob(t *testing.T) {
	l, s := newLab(t, 3)
	if _, err := s.Load(); err != nil { // the job begins
		t.Fatal(err)
	}
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Fatal(err)
	}
	after := l.same(n1, n2, n3)
	var f *Fenced
	if err := s.Fence(t.Context(), l.as(n1), Look); !errors.As(err, &f) || f.Theirs.Master != n2 {
		t.Errorf("Fence = %v", err)
	}
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &f) {
		t.Errorf("Update = %v", err)
	}
	if _, err := s.Load(); !errors.As(err, &f) {
		t.Errorf("Load = %v", err)
	}
	late := l.store(n1) // the job's runner is started only now, with the epoch of its job file
	late.Pin(1)
	if _, err := late.Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &f) {
		t.Errorf("Update of an old job = %v", err)
	}
	if l.same(n1, n2, n3) != after {
		t.Error("the old master changed something")
	}
}

// The old master has staged its version everywhere when the failover happens: no candidate may put it in place.
func TestAFailoverBetweenStagingAndCommitting(t *testing.T) {
	l, s := newLab(t, 3)
	var failover error
	done := false
	s.Inject = func(_, what string) func() {
		if what == "commit on candidates" && !done {
			done = true
			_, failover = l.store(n3).TakeOver(t.Context(), l.as(n3), n3, false, nil)
		}
		return func() {}
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	var f *Fenced
	if failover != nil || !errors.As(err, &f) || c.State == Committed {
		t.Fatalf("failover %v; Update = %v, %v", failover, c.State, err)
	}
	if h := l.same(n1, n2, n3); h.Epoch != 2 || h.Master != n3 || hasTag(t, l.store(n3), "blue") {
		t.Errorf("all have %s", h)
	}
}

// The new master has staged its version everywhere when the old one, which knows nothing yet, stages another.
func TestAnOldMasterDoesNotRemoveWhatALaterOneStaged(t *testing.T) {
	l, old := newLab(t, 3)
	old.Inject = func(_, what string) func() {
		if what == "rename "+newName+" "+pendingName {
			panic(errCrash)
		}
		return func() {}
	}
	next, stopped := l.store(n3), false
	next.Inject = func(_, what string) func() {
		if what == "commit on candidates" {
			stopped = crashing(func() { old.Update(t.Context(), l.as(n1), tag("blue")) })
		}
		return func() {}
	}
	c, err := next.TakeOver(t.Context(), l.as(n3), n3, false, nil)
	if err != nil || !stopped || len(c.Warnings) > 0 {
		t.Fatalf("the old master staged: %v; TakeOver = %v, %v", stopped, c.Warnings, err)
	}
	if h := l.same(n1, n2, n3); h.Epoch != 2 || h.Master != n3 {
		t.Errorf("all have %s", h)
	}
	if _, err := next.Update(t.Context(), l.as(n3), tag("green")); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{n1, n2} { // what the old one left goes with the next version
		if left, _ := filepath.Glob(filepath.Join(l.dir(n), stagedPrefix+"*")); left != nil {
			t.Errorf("left %v", left)
		}
	}
}

// The candidates have committed when the failover reaches this node's own file.
func TestAFailoverJustBeforeTheMastersOwnRename(t *testing.T) {
	l, s := newLab(t, 3)
	l.before = nil
	s.Inject = func(_, what string) func() {
		return func() {
			if what == "commit on candidates" {
				l.rewrite(n1, func(c *config.Config) { c.Epoch, c.Master = 2, n2 })
			}
		}
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	var f *Fenced
	if !errors.As(err, &f) || c.State != Unknown {
		t.Errorf("Update = %v, %v", c.State, err)
	}
	if h := l.header(n1); h.Epoch != 2 {
		t.Errorf("the new master's version was written over: %s", h)
	}
}

func TestTwoCopiesOfOneSerialStopBothSides(t *testing.T) {
	l, s := newLab(t, 3)
	theirs := l.rewrite(n2, func(c *config.Config) { c.Cluster.Tags = []string{"other"} })
	var d *Diverged
	if err := s.Fence(t.Context(), l.as(n1), Look); !errors.As(err, &d) || d.Node != n2 || d.Theirs != theirs {
		t.Errorf("Fence = %v", err)
	}
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &d) {
		t.Errorf("Update = %v", err)
	}
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, true, nil); !errors.As(err, &d) {
		t.Errorf("TakeOver of the other = %v", err)
	}
	if l.header(n2) != theirs || hasTag(t, s, "blue") {
		t.Error("something was changed")
	}
}

func TestAMasterWhoseDiskWentBackInTimeIsStopped(t *testing.T) {
	l, s := newLab(t, 3)
	old, err := os.ReadFile(s.File())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := s.Update(t.Context(), l.as(n1), tag(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.File(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	var stale *Stale
	if _, err := l.store(n1).Update(t.Context(), l.as(n1), tag("c")); !errors.As(err, &stale) || stale.Node != n2 {
		t.Errorf("Update = %v", err)
	}
}

func TestSilenceOfTheOnlyOtherCandidateIsAWarning(t *testing.T) {
	l, s := newLab(t, 2)
	l.set(l.cut, true, n2)
	survey, err := s.Survey(t.Context(), l.as(n1), Decide)
	if err != nil || survey.Silent[n2] == nil {
		t.Errorf("Survey = %+v, %v", survey, err)
	}
	if c, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil || len(c.Warnings) == 0 {
		t.Errorf("Update = %+v, %v", c, err)
	}
}

func TestADamagedCandidateHasNoVoteAndIsMendedByRedistribute(t *testing.T) {
	l, s := newLab(t, 3)
	name := filepath.Join(l.dir(n2), fileName)
	if err := os.WriteFile(name, []byte("rubbish\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err != nil || !strings.Contains(strings.Join(c.Warnings, "\n"), "damaged") {
		t.Errorf("Update = %+v, %v", c, err)
	}
	if text, _ := os.ReadFile(name); string(text) != "rubbish\n" {
		t.Errorf("the damaged file was written over: %q", text)
	}
	l.set(l.cut, true, n3)
	var few *NoMajority
	if err := s.Fence(t.Context(), l.as(n1), Decide); !errors.As(err, &few) {
		t.Errorf("Fence = %v: a damaged copy has voted", err)
	}
	l.set(l.cut, false, n3)
	if c, err := s.Redistribute(t.Context(), l.as(n1)); err != nil || len(c.Warnings) > 0 {
		t.Errorf("Redistribute = %+v, %v", c, err)
	}
	l.same(n1, n2, n3)
}

func TestANodeThatMissedADemotionCannotBringItsCopyBack(t *testing.T) {
	l, s := newLab(t, 3)
	l.set(l.cut, true, n3)
	if _, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error {
		c.NodeByName(n3).MasterCandidate = false
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	l.set(l.cut, false, n3)
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	if h := l.header(n3); h != (Header{}) {
		t.Errorf("the demoted node still has %s", h)
	}
}

// A stale master's publishing must not take the new master's configuration away.
func TestPublishingOfAnOldVersionIsRefused(t *testing.T) {
	l, s := newLab(t, 3)
	old, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := l.header(n1)
	if _, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error {
		c.NodeByName(n5).MasterCandidate = true
		return tag("blue")(c)
	}); err != nil {
		t.Fatal(err)
	}
	s.RunDir = ""
	if warnings := s.publish(t.Context(), l.as(n1), old, h); warnings != nil {
		t.Errorf("publish: %v", warnings)
	}
	l.same(n1, n5)
	if got, _ := os.ReadFile(filepath.Join(l.dir(n4), "ssconf_cluster_tags")); string(got) != "blue\nctag\n" {
		t.Errorf("an old version of ssconf replaced the new one: %q", got)
	}
}

func TestACandidateDoesNotWriteAsIfItWereTheMaster(t *testing.T) {
	l, _ := newLab(t, 3)
	before := l.same(n1, n2, n3)
	s := l.store(n2)
	s.Node = n2
	var not *NotMaster
	if _, err := s.Update(t.Context(), l.as(n2), tag("blue")); !errors.As(err, &not) || not.Master != n1 {
		t.Errorf("Update = %v", err)
	}
	if err := s.Fence(t.Context(), l.as(n2), Look); !errors.As(err, &not) {
		t.Errorf("Fence = %v", err)
	}
	if _, err := s.Redistribute(t.Context(), l.as(n2)); !errors.As(err, &not) {
		t.Errorf("Redistribute = %v", err)
	}
	if l.same(n1, n2, n3) != before {
		t.Error("a candidate changed something")
	}
	if _, err := s.TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), l.as(n2), tag("blue")); err != nil {
		t.Errorf("Update after the take-over = %v", err)
	}
}
