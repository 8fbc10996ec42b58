package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
)

const n1, n2, n3, n4, n5 = "node1.example.com", "node2.example.com", "node3.example.com", "node4.example.com", "node5.example.com"

func TestAnUpdateReachesEveryCandidateAndNoOtherNode(t *testing.T) {
	l, s := newLab(t, 3)
	before := l.same(n1, n2, n3)
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err != nil || c.State != Committed || len(c.Warnings) > 0 {
		t.Fatalf("Update = %+v, %v", c, err)
	}
	h := l.same(n1, n2, n3)
	if h.Serial != before.Serial+1 || h.Parent != before.Digest || h.Epoch != before.Epoch || h.Master != n1 {
		t.Errorf("the new version is %+v after %+v", h, before)
	}
	if !hasTag(t, l.store(n2), "blue") || c.Config.Serial != h.Serial {
		t.Error("the change is not in the new version")
	}
	for _, n := range []string{n4, n5} {
		if h := l.header(n); h != (Header{}) {
			t.Errorf("%s, which is no candidate, has %s", n, h)
		}
	}
	for _, n := range labNodes {
		if got, err := os.ReadFile(filepath.Join(l.dir(n), "ssconf_cluster_tags")); err != nil || string(got) != "blue\nctag\n" {
			t.Errorf("ssconf_cluster_tags on %s = %q, %v", n, got, err)
		}
	}
}

func TestFilesHaveGanetisModes(t *testing.T) {
	l, s := newLab(t, 2)
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		n1 + "/config.toml": 0o600, n2 + "/config.toml": 0o600, n1 + "/ssconf_node_list": 0o444, n5 + "/ssconf_node_list": 0o444,
	} {
		info, err := os.Stat(filepath.Join(l.root, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

func TestNothingIsLeftBesideTheFiles(t *testing.T) {
	l, s := newLab(t, 3)
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	for _, n := range labNodes {
		for _, pattern := range []string{".config.toml.staged.*", newName, pendingName, ".ssconf.new/*"} {
			if left, _ := filepath.Glob(filepath.Join(l.dir(n), pattern)); left != nil {
				t.Errorf("left: %v", left)
			}
		}
	}
}

func TestAFailingFunctionChangesNothing(t *testing.T) {
	l, s := newLab(t, 3)
	before := l.same(n1, n2, n3)
	no := errors.New("no")
	c, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error { c.Cluster.Tags = nil; return no })
	if !errors.Is(err, no) || c.State != NotCommitted {
		t.Errorf("Update = %v, %v", c.State, err)
	}
	if h := l.same(n1, n2, n3); h != before || !hasTag(t, s, "ctag") {
		t.Error("the configuration changed")
	}
}

func TestAnInvalidChangeIsRefused(t *testing.T) {
	l, s := newLab(t, 1)
	for name, tt := range map[string]struct {
		change func(*config.Config)
		says   string
	}{
		"two instances of one name": {func(c *config.Config) { c.Instances[1].Name = c.Instances[0].Name }, "duplicate instance name"},
		"one MAC twice":             {func(c *config.Config) { c.Instances[1].NICs[0].MAC = c.Instances[0].NICs[0].MAC }, "duplicate"},
		"no such primary":           {func(c *config.Config) { c.Instances[1].PrimaryNode = "x" }, "invalid primary node"},
		"not UTF-8":                 {func(c *config.Config) { c.Instances[1].OS = "\xff" }, "not UTF-8"},
		"no master":                 {func(c *config.Config) { c.Cluster.MasterNode = "" }, "invalid primary node"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error { tt.change(c); return nil })
			var invalid *Invalid
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Update = %v, want a refusal with %q", err, tt.says)
			}
		})
	}
}

func TestAnOldFlawDoesNotStopAnotherChange(t *testing.T) {
	l, s := newLab(t, 1)
	l.rewrite(n1, func(c *config.Config) { c.Instances[1].NICs[0].MAC = c.Instances[0].NICs[0].MAC })
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Errorf("Update = %v", err)
	}
}

func TestADamagedFileIsNotOverwritten(t *testing.T) {
	l, s := newLab(t, 1)
	text, err := os.ReadFile(s.File())
	if err != nil {
		t.Fatal(err)
	}
	cut := text[:len(text)/2]
	if err := os.WriteFile(s.File(), cut, 0o600); err != nil {
		t.Fatal(err)
	}
	var d *Damaged
	if _, err := l.store(n1).Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &d) {
		t.Errorf("Update = %v, want damage", err)
	}
	if left, _ := os.ReadFile(s.File()); string(left) != string(cut) {
		t.Error("the damaged file was written over")
	}
}

func TestAFileOfANewerProgramIsReadButNotWritten(t *testing.T) {
	l, s := newLab(t, 1)
	before := l.rewrite(n1, func(c *config.Config) { c.Format = Format + 1 })
	if _, err := l.store(n1).Load(); err != nil {
		t.Errorf("Load = %v", err)
	}
	var newer *NewerFormat
	if _, err := l.store(n1).Update(t.Context(), l.as(n1), tag("blue")); !errors.As(err, &newer) || newer.File != s.File() {
		t.Errorf("Update = %v", err)
	}
	if l.header(n1) != before {
		t.Error("the file was written")
	}
}

func TestASilentCandidateOfThreeIsAWarningAndIsCaughtUp(t *testing.T) {
	l, s := newLab(t, 3)
	l.set(l.cut, true, n3)
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err != nil || len(c.Warnings) == 0 || !strings.Contains(strings.Join(c.Warnings, "\n"), n3) {
		t.Fatalf("Update = %+v, %v, want a warning about %s", c, err, n3)
	}
	if h := l.header(n3); h.Serial >= l.same(n1, n2).Serial {
		t.Errorf("the silent candidate has %s", h)
	}
	l.set(l.cut, false, n3)
	if c, err := s.Update(t.Context(), l.as(n1), tag("red")); err != nil || len(c.Warnings) > 0 {
		t.Errorf("Update = %+v, %v", c, err)
	}
	l.same(n1, n2, n3)
	if got, _ := os.ReadFile(filepath.Join(l.dir(n3), "ssconf_cluster_tags")); string(got) != "blue\nctag\nred\n" {
		t.Errorf("ssconf on the node that was silent: %q", got)
	}
}

func TestWithoutAMajorityNothingIsCommitted(t *testing.T) {
	l, s := newLab(t, 3)
	before := l.same(n1, n2, n3)
	l.set(l.cut, true, n2, n3)
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	var few *NoMajority
	if !errors.As(err, &few) || few.Answered != 1 || few.Needed != 2 || few.Candidates != 3 || c.State != NotCommitted {
		t.Fatalf("Update = %v, %v", c.State, err)
	}
	if h := l.same(n1, n2, n3); h != before {
		t.Errorf("something was changed: %s", h)
	}
}

func TestAPersonsWordTakesDeadCandidatesOutOfTheCount(t *testing.T) {
	l, s := newLab(t, 3)
	l.set(l.cut, true, n2, n3)
	offline := func(name string) func(*config.Config) error {
		return func(c *config.Config) error {
			n := c.NodeByName(name)
			n.Offline, n.MasterCandidate = true, false
			return nil
		}
	}
	for _, n := range []string{n2, n3} {
		if _, err := s.UpdateWith(t.Context(), l.as(n1), Look, offline(n)); err != nil {
			t.Fatalf("marking %s offline: %v", n, err)
		}
	}
	if c, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil || len(c.Warnings) > 0 {
		t.Errorf("Update with both marked offline = %+v, %v", c, err)
	}
}

func TestAnswersLostAfterTheCommitLeaveItOpenAndTheNextLookFinishesIt(t *testing.T) {
	l, s := newLab(t, 3)
	l.before = func(node, script string) {
		if script == "commit" {
			l.set(l.lose, true, n2, n3)
		}
	}
	c, err := s.Update(t.Context(), l.as(n1), tag("blue"))
	if err == nil || c.State != Unknown || c.Config != nil {
		t.Fatalf("Update = %+v, %v, want unknown", c, err)
	}
	if hasTag(t, l.store(n1), "blue") {
		t.Error("an open change is shown as if it held")
	}
	l.before = nil
	l.set(l.lose, false, n2, n3)
	settled, err := s.Settle(t.Context(), l.as(n1))
	if err != nil || !hasTag(t, s, "blue") || settled.Config == nil {
		t.Errorf("Settle = %+v, %v", settled, err)
	}
	l.same(n1, n2, n3)
}

func TestADemotedCandidateKeepsNoConfigurationIssue899(t *testing.T) {
	l, s := newLab(t, 4)
	c, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error {
		c.NodeByName(n3).MasterCandidate = false
		return nil
	})
	if err != nil || len(c.Warnings) > 0 {
		t.Fatalf("Update = %+v, %v", c, err)
	}
	if h := l.header(n3); h != (Header{}) {
		t.Errorf("the demoted candidate has %s", h)
	}
	l.same(n1, n2, n4)
}

func TestANewCandidateGetsTheConfiguration(t *testing.T) {
	l, s := newLab(t, 2)
	if _, err := s.Update(t.Context(), l.as(n1), func(c *config.Config) error {
		c.NodeByName(n5).MasterCandidate = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	l.same(n1, n2, n5)
}

func TestAFrozenCandidateIsWaitedForOnce(t *testing.T) {
	l, s := newLab(t, 3)
	l.set(l.frozen, true, n3)
	if err := s.Fence(t.Context(), l.as(n1), Look); err != nil || !s.isSlow(n3) {
		t.Fatalf("whoever asked it has not noted that it is slow: %v", err)
	}
	start := time.Now()
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("a candidate known as slow cost %v", took)
	}
	l.set(l.frozen, false, n3)
	if c, err := s.Redistribute(t.Context(), l.as(n1)); err != nil || len(c.Warnings) > 0 || s.isSlow(n3) {
		t.Errorf("redistributing when it is back: %+v, %v; slow: %v", c.Warnings, err, s.isSlow(n3))
	}
	s.markSlow(n3)
	s.Now = func() time.Time { return time.Now().Add(slowFor + time.Second) }
	if s.isSlow(n3) {
		t.Error("it is still taken as slow after 30 seconds")
	}
}

// Where a majority cannot be had without those that were slow, they get the time that others get.
func TestTheSlowAreWaitedForWhereTheyAreNeeded(t *testing.T) {
	_, s := newLab(t, 3)
	if got := s.hurried([]string{n2}); len(got) != 0 {
		t.Errorf("hurried: %v, and none was slow", got)
	}
	s.markSlow(n2)
	for _, c := range []struct {
		others []string
		want   int
	}{{[]string{n2}, 1}, {[]string{n2, n3}, 1}, {[]string{n2, n3, n4}, 1}} {
		if got := s.hurried(c.others); len(got) != c.want || !got[n2] {
			t.Errorf("of %v one is slow; hurried: %v", c.others, got)
		}
	}
	s.markSlow(n3)
	for _, others := range [][]string{{n2, n3}, {n2, n3, n4}} {
		if got := s.hurried(others); len(got) != 0 {
			t.Errorf("of %v two are slow and needed; hurried: %v", others, got)
		}
	}
	if got := s.hurried([]string{n2, n3, n4, n5}); len(got) != 2 {
		t.Errorf("of five two are slow, and three are enough; hurried: %v", got)
	}
}

func TestEndingTheContextChangesNothing(t *testing.T) {
	l, s := newLab(t, 3)
	before := l.same(n1, n2, n3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := s.Update(ctx, l.as(n1), tag("blue")); err == nil || c.State != NotCommitted {
		t.Errorf("Update = %v, %v", c.State, err)
	}
	if h := l.same(n1, n2, n3); h != before {
		t.Error("something was changed")
	}
}

func TestUpdatesAtOnceLoseNothing(t *testing.T) {
	l, _ := newLab(t, 3)
	errs := make(chan error)
	tags := strings.Fields("a b c d e f g h i j k l")
	for _, name := range tags {
		s := l.store(n1) // as a process of its own
		go func() { _, err := s.Update(context.WithoutCancel(t.Context()), l.as(n1), tag(name)); errs <- err }()
	}
	for range tags {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for _, name := range tags {
		if !hasTag(t, l.store(n1), name) {
			t.Errorf("the change %s is lost", name)
		}
	}
	l.same(n1, n2, n3)
}

func TestASnapshotIsNotChangedByALaterUpdate(t *testing.T) {
	l, s := newLab(t, 1)
	old, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), l.as(n1), tag("blue")); err != nil {
		t.Fatal(err)
	}
	if len(old.Cluster.Tags) != 1 || !hasTag(t, s, "blue") {
		t.Errorf("the old snapshot has the tags %v", old.Cluster.Tags)
	}
}

func TestCreateDoesNotOverwrite(t *testing.T) {
	_, s := newLab(t, 1)
	before, _ := os.ReadFile(s.File())
	if err := s.Create(t.Context(), labConfig(t, 1)); err == nil {
		t.Error("Create over an existing configuration succeeded")
	}
	if after, _ := os.ReadFile(s.File()); string(after) != string(before) {
		t.Error("the configuration changed")
	}
}

// Three candidates, their scripts in a local shell: what a transaction costs besides the network.
func BenchmarkUpdate(b *testing.B) {
	l, s := newLab(b, 4)
	for b.Loop() {
		if _, err := s.Update(b.Context(), l.as(n1), mark("blue")); err != nil {
			b.Fatal(err)
		}
	}
}

// The command that prints the master's name reads the header and nothing else.
func BenchmarkHeader(b *testing.B) {
	_, s := newLab(b, 1)
	for b.Loop() {
		if _, err := s.Header(); err != nil {
			b.Fatal(err)
		}
	}
}
