package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// places are the directories of a node.
type places struct{ data, log string }

const (
	keepFor  = 21 * 24 * time.Hour // archived jobs and the watcher's files
	keepLogs = 50                  // of the cleaner itself
)

// clean removes what is old on a node, or on the master, and logs what it did. A machine without a cluster is left alone.
func clean(role string, at places, now time.Time) error {
	dir := filepath.Join(at.log, map[string]string{"node": "cleaner", "master": "master-cleaner"}[role])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	name := fmt.Sprintf("cleaner-%s.%d.log", now.Local().Format("2006-01-02T15_04"), os.Getpid())
	log, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c := cleaning{places: at, before: now.Add(-keepFor), say: func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }}
	c.say("Cleaner started at %s", now.Local().Format(time.UnixDate))
	return errors.Join(c.logs(dir), c.cluster(role))
}

// cleaning is the state of one run.
type cleaning struct {
	places
	before time.Time
	say    func(format string, args ...any)
}

// logs removes the oldest logs of the cleaner. Their names sort by time.
func (c cleaning) logs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return c.remove(names[:max(0, len(names)-keepLogs)])
}

func (c cleaning) cluster(role string) error {
	if _, err := os.Stat(filepath.Join(c.data, "ssconf_master_node")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	patterns := []string{"watcher.*-*-*-*.data", "watcher.*-*-*-*.instance-status"}
	if role == "master" {
		patterns = []string{"queue/archive/*/*"}
	}
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(c.data, pattern))
		if err != nil {
			return err
		}
		if err := c.remove(slices.DeleteFunc(names, func(name string) bool { return c.young(name) || c.open(name) })); err != nil {
			return err
		}
	}
	return nil
}

// young says whether a file is to be kept: it is not old enough, or no plain file.
func (c cleaning) young(name string) bool {
	info, err := os.Lstat(name)
	return err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(c.before)
}

// open says whether an archived job left something of which nobody knows yet what became of it: the next job on its instance reads it.
func (c cleaning) open(name string) bool {
	_, err := os.Lstat(filepath.Join(c.data, "queue/intents", strings.TrimPrefix(filepath.Base(name), "job-")))
	return err == nil
}

func (c cleaning) remove(names []string) error {
	var errs []error
	for _, name := range names {
		err := os.Remove(name)
		if err == nil {
			c.say("removed '%s'", name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
