package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTakeoverRaisesTheEpochAndNamesTheMaster(t *testing.T) {
	l, _ := newLab(t, 3)
	before := l.header(n2)
	l.set(l.cut, true, n1)
	c, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, tag("mine"))
	if err != nil || c.State != Committed {
		t.Fatalf("TakeOver = %+v, %v", c, err)
	}
	h := l.same(n2, n3)
	if h.Epoch != before.Epoch+1 || h.Serial != before.Serial+1 || h.Parent != before.Digest || h.Master != n2 {
		t.Errorf("the first version of the new master is %+v", h)
	}
	if c.Config.MasterNode().Name != n2 || !hasTag(t, l.store(n3), "mine") {
		t.Error("the new configuration does not say so")
	}
	if l.header(n1) != before {
		t.Error("the unreachable old master has changed")
	}
}

// Ganeti issue 1242: three nodes, a candidate stopped, the configuration changed, then a failover to the stale candidate.
func TestAStaleCandidateDoesNotBecomeMasterIssue1242(t *testing.T) {
	l, s := newLab(t, 3)
	l.set(l.cut, true, n3)
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	l.set(l.cut, false, n3)
	l.set(l.cut, true, n1)
	for _, noVoting := range []bool{false, true} {
		_, err := l.store(n3).TakeOver(t.Context(), l.as(n3), n3, noVoting, nil)
		var stale *Stale
		if !errors.As(err, &stale) || stale.Node != n2 {
			t.Errorf("TakeOver = %v, want a refusal that names %s", err, n2)
		}
	}
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Errorf("TakeOver of the candidate that is not stale = %v", err)
	}
	if !hasTag(t, l.store(n3), "blue") {
		t.Error("the change is lost")
	}
}

// Ganeti issue 116: two nodes, the master dead.
func TestTheLastOfTwoTakesOverWithAPersonsWordIssue116(t *testing.T) {
	l, _ := newLab(t, 2)
	l.set(l.cut, true, n1)
	var few *NoMajority
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); !errors.As(err, &few) || few.Needed != 2 {
		t.Errorf("TakeOver without a word = %v", err)
	}
	if h := l.header(n2); h.Epoch != 1 {
		t.Errorf("the refused take-over left %s", h)
	}
	s := l.store(n2)
	if _, err := s.TakeOver(t.Context(), l.as(n2), n2, true, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), l.as(n2), tag("blue")); err != nil {
		t.Errorf("Update after it = %v", err)
	}
}

// Ganeti issue 1018: master B killed, failover to A, B boots.
func TestAMasterThatComesBackChangesNothingIssue1018(t *testing.T) {
	l, _ := newLab(t, 3)
	l.set(l.cut, true, n1)
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Fatal(err)
	}
	l.set(l.cut, false, n1)
	before := l.same(n2, n3)
	s := l.store(n1)
	var f *Fenced
	if err := s.Fence(t.Context(), l.as(n1), Look); !errors.As(err, &f) || !strings.Contains(err.Error(), "another master has taken over") {
		t.Errorf("Fence = %v", err)
	}
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &f) {
		t.Errorf("Update = %v", err)
	}
	if l.same(n2, n3) != before {
		t.Error("the old master changed something")
	}
}

func TestATakeoverNeedsAMajority(t *testing.T) {
	l, _ := newLab(t, 5)
	l.set(l.cut, true, n1, n3, n4)
	var few *NoMajority
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); !errors.As(err, &few) || few.Answered != 2 || few.Needed != 3 {
		t.Errorf("TakeOver = %v", err)
	}
	l.set(l.cut, false, n3)
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Errorf("TakeOver with three of five = %v", err)
	}
}

func TestOnlyACandidateCanTakeOver(t *testing.T) {
	l, _ := newLab(t, 2)
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n5, true, nil); err == nil || !strings.Contains(err.Error(), "not a master candidate") {
		t.Errorf("TakeOver = %v", err)
	}
}

// The old master died between its candidates' commit and its own: what one candidate has is not lost.
func TestATakeoverKeepsWhatTheOldMasterHadNotFinished(t *testing.T) {
	l, s := newLab(t, 3)
	crashed := crashing(func() {
		s.Inject = func(_, what string) func() {
			return func() {
				if what == "commit on candidates" {
					panic(errCrash)
				}
			}
		}
		s.Update(t.Context(), l.as(n1), tag("blue"))
	})
	if !crashed {
		t.Fatal("the old master did not die")
	}
	l.set(l.cut, true, n1)
	if _, err := l.store(n2).TakeOver(t.Context(), l.as(n2), n2, false, nil); err != nil {
		t.Fatal(err)
	}
	if !hasTag(t, l.store(n3), "blue") {
		t.Error("a version that candidates had is lost")
	}
	l.set(l.cut, false, n1)
	var f *Fenced
	if _, err := l.store(n1).Update(t.Context(), l.as(n1), tag("red")); !errors.As(err, &f) {
		t.Errorf("Update of the old master, which has the version pending = %v", err)
	}
}

// What a master noted in an earlier reign about who has which ssconf files is not true any more.
func TestAMasterThatReturnsPublishesAnew(t *testing.T) {
	l, s := newLab(t, 3)
	if _, err := s.Update(t.Context(), l.as(n1), tag("first")); err != nil {
		t.Fatal(err)
	}
	for _, master := range []string{n2, n1} {
		if _, err := l.store(master).TakeOver(t.Context(), l.as(master), master, false, nil); err != nil {
			t.Fatal(err)
		}
		for _, node := range []string{n1, n2, n3} {
			got, err := os.ReadFile(filepath.Join(l.dir(node), "ssconf_master_node"))
			if err != nil || strings.TrimSpace(string(got)) != master {
				t.Errorf("after %s has taken over, %s takes %q for the master (%v)", master, node, got, err)
			}
		}
	}
}

func TestEveryNodeWitnessesATakeover(t *testing.T) {
	l, s := newLab(t, 3)
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil { // all nodes have ssconf files
		t.Fatal(err)
	}
	testify := func(node string) error {
		out, err := l.as(n1).Run(t.Context(), node, Witness(l.dir(n1)))
		if err != nil {
			t.Fatal(err)
		}
		return Testify(node, out.Stdout, 1)
	}
	for _, n := range labNodes {
		if err := testify(n); err != nil {
			t.Errorf("before: %v", err)
		}
	}
	l.set(l.cut, true, n1)
	if _, err := l.store(n3).TakeOver(t.Context(), l.as(n3), n3, false, nil); err != nil {
		t.Fatal(err)
	}
	l.set(l.cut, false, n1)
	for _, n := range labNodes[1:] { // the last two keep no configuration
		var f *Fenced
		if err := testify(n); !errors.As(err, &f) || f.Node != n || f.Theirs.Master != n3 {
			t.Errorf("%s: %v", n, err)
		}
	}
	if err := testify(n1); err != nil {
		t.Errorf("the old master itself: %v", err)
	}
}
