package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// node makes a node with files of these ages in days.
func node(t *testing.T, files map[string]int) places {
	t.Helper()
	at := places{data: filepath.Join(t.TempDir(), "lib"), log: filepath.Join(t.TempDir(), "log")}
	for name, days := range files {
		path := filepath.Join(at.data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		when := now.AddDate(0, 0, -days)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

const group = "e5afd3bf-dda6-4d74-a09d-fe4c87e4f7be"

func files() map[string]int {
	return map[string]int{
		"config.toml": 400, "ssconf_master_node": 400, "queue/job-7": 30, "queue/serial": 30, "watcher.pause": 30,
		"queue/archive/0/job-1": 22, "queue/archive/0/job-2": 20, "queue/archive/1/job-10000": 22,
		"queue/archive/0/job-3": 90, "queue/intents/3": 90, // it left something open
		"watcher." + group + ".data": 22, "watcher." + group + ".instance-status": 1,
	}
}

func TestTheMasterLosesOldArchivedJobsOnly(t *testing.T) {
	at := node(t, files())
	if status := run([]string{"ganeti-cleaner", "master"}, at, now); status != 0 {
		t.Fatalf("status %d", status)
	}
	want := []string{"config.toml", "queue/archive/0/job-2", "queue/archive/0/job-3", "queue/intents/3", "queue/job-7", "queue/serial", "ssconf_master_node",
		"watcher." + group + ".data", "watcher." + group + ".instance-status", "watcher.pause"}
	if got := left(t, at.data); !slices.Equal(got, want) {
		t.Errorf("left %q", got)
	}
	logs := left(t, at.log)
	text, _ := os.ReadFile(filepath.Join(at.log, logs[0]))
	if !strings.HasPrefix(logs[0], "master-cleaner/cleaner-") || strings.Count(string(text), "removed '") != 2 {
		t.Errorf("log %q: %s", logs, text)
	}
}

func TestANodeLosesOldFilesOfTheWatcherOnly(t *testing.T) {
	at := node(t, files())
	if status := run([]string{"ganeti-cleaner", "node"}, at, now); status != 0 {
		t.Fatalf("status %d", status)
	}
	if got := left(t, at.data); len(got) != len(files())-1 || slices.Contains(got, "watcher."+group+".data") {
		t.Errorf("left %q", got)
	}
}

func TestAMachineWithoutAClusterIsLeftAlone(t *testing.T) {
	at := node(t, map[string]int{"queue/archive/0/job-1": 400})
	if status := run([]string{"ganeti-cleaner", "master"}, at, now); status != 0 || len(left(t, at.data)) != 1 {
		t.Errorf("status %d, left %q", status, left(t, at.data))
	}
}

func TestFiftyLogsAreKept(t *testing.T) {
	at := node(t, nil)
	dir := filepath.Join(at.log, "cleaner")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("cleaner-2026-01-%02dT02_45.1.log", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if status := run([]string{"ganeti-cleaner", "node"}, at, now); status != 0 {
		t.Fatalf("status %d", status)
	}
	if logs := left(t, dir); len(logs) != 50 || logs[0] != "cleaner-2026-01-11T02_45.1.log" {
		t.Errorf("%d logs, the first is %s", len(logs), logs[0])
	}
}

func TestOtherWordsAreRefused(t *testing.T) {
	at := node(t, nil)
	for status, words := range map[int][]string{0: {"x", "--help"}, 1: {"x", "both"}} {
		if got := run(words, at, now); got != status {
			t.Errorf("%q: status %d", words, got)
		}
	}
	if got := run([]string{"x"}, at, now); got != 1 {
		t.Errorf("without a word: status %d", got)
	}
}
