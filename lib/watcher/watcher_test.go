package watcher

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote/remotetest"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func TestStateSurvivesARunInGanetisForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watcher.g.data")
	if err := os.WriteFile(path, []byte(`{"node": {"node1": {"bootid": "b1"}}, "instance": {"web": {"restart_count": 2, "restart_when": 1795420000}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readState(path)
	if err != nil || s.Nodes["node1"].BootID != "b1" || s.Instances["web"].Restarts != 2 {
		t.Fatalf("readState = %+v, %v", s, err)
	}
	if n := s.try("web", now); n != 3 {
		t.Errorf("attempt %d", n)
	}
	if err := s.write(path); err != nil {
		t.Fatal(err)
	}
	again, err := readState(path)
	if err != nil || again.Instances["web"] != (attempts{3, now.Unix()}) || again.Nodes["node1"] != s.Nodes["node1"] {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestADamagedStateIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(`{"instance": {"web"`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readState(path)
	if err == nil || s.Instances == nil || s.try("web", now) != 1 {
		t.Errorf("readState = %+v, %v", s, err)
	}
}

func TestOldAttemptsAndGoneInstancesAreForgotten(t *testing.T) {
	s := state{Instances: map[string]attempts{
		"recent": {2, now.Add(-7 * time.Hour).Unix()}, "old": {5, now.Add(-9 * time.Hour).Unix()}, "gone": {1, now.Unix()},
	}}
	s.expire(now, func(name string) bool { return name != "gone" })
	if len(s.Instances) != 1 || s.Instances["recent"].Restarts != 2 {
		t.Errorf("kept %v", s.Instances)
	}
}

func TestPause(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		paused bool
		broken bool
	}{
		"later":   {"1795420801\n", true, false},
		"over":    {"1795420800", false, false},
		"nothing": {"", false, true},
		"words":   {"tomorrow", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "watcher.pause"), []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			until, err := PausedUntil(dir, time.Unix(1795420800, 0))
			if !until.IsZero() != tt.paused || (err != nil) != tt.broken {
				t.Errorf("PausedUntil = %v, %v", until, err)
			}
		})
	}
	if until, err := PausedUntil(t.TempDir(), now); err != nil || !until.IsZero() {
		t.Errorf("without a file: %v, %v", until, err)
	}
}

func TestTwoWatchersDoNotRunAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Alone(path)
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	if second, err := Alone(path); err != nil || second != nil {
		t.Errorf("second: %v, %v", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := Alone(path)
	if err != nil || third == nil {
		t.Fatal("after the first ended:", third, err)
	}
	third.Close()
}

func TestTheAddressIsOnlyBroughtUpWhereItIsNot(t *testing.T) {
	c := &config.Cluster{MasterIP: "192.0.2.10", MasterNetmask: 32, MasterNetdev: "br0", UseExternalMIPScript: true}
	probe := "node1: timeout -k 5 60 ip -o addr show to 192.0.2.10"
	up := remotetest.New(t).Answer(probe, "2: br0    inet 192.0.2.10/32 scope global br0:0\n")
	if err := Address(t.Context(), up, "node1", c); err != nil {
		t.Error(err)
	}
	down := remotetest.New(t).Answer(probe, "").Answer("node1: timeout -k 5 60 /etc/ganeti/scripts/master-ip-setup start", "")
	if err := Address(t.Context(), down, "node1", c); err != nil {
		t.Error(err)
	}
	silent := remotetest.New(t).Fail(probe, 1, "no")
	if err := Address(t.Context(), silent, "node1", c); err == nil {
		t.Error("an address that cannot be looked for was brought up")
	}
}

func TestRunDirectoriesComeBackAfterAStart(t *testing.T) {
	run := filepath.Join(t.TempDir(), "ganeti")
	for range 2 {
		if err := Directories(run); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{"": 0o755, "gantry": 0o700, "kvm-hypervisor": 0o775, "uid-pool": 0o750} {
		if info, err := os.Stat(filepath.Join(run, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
}

func TestTheLogHasGanetisForm(t *testing.T) {
	var shown bytes.Buffer
	l := &Log{Path: filepath.Join(t.TempDir(), "watcher.log"), Echo: &shown, Now: func() time.Time { return now }}
	l.Debug("not this")
	l.Warn("node %s\nsays no", "node1")
	text, err := os.ReadFile(l.Path)
	if err != nil || string(text) != shown.String() || strings.Count(string(text), "\n") != 1 ||
		!strings.HasSuffix(string(text), " WARNING node node1\\nsays no\n") || !strings.Contains(string(text), ",000: ganeti-watcher pid=") {
		t.Errorf("log %q, shown %q, %v", text, shown.String(), err)
	}
}
