package faults

import (
	"strings"
	"testing"
	"time"
)

// A job that runs is only ended by force; what it held is free then, and the next one has it.
func TestAJobThatIsKilledLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	first := c.begin(t, "gnt-debug delay -n node2 300")
	c.until(t, "node1", "gnt-job list --no-headers -o status "+first+" | grep -q running", time.Minute)
	second := c.begin(t, "gnt-debug delay -n node2 0.1")
	c.until(t, "node1", "gnt-job list --no-headers -o status "+second+" | grep -q waiting", time.Minute)
	if said := c.Must(t, "node1", "gnt-debug locks --no-headers -o name,mode,owner,pending"); !strings.Contains(said, " exclusive "+first+" exclusive:"+second+"\n") {
		t.Errorf("the locks of job %s, for which %s waits:\n%s", first, second, said)
	}
	if r := c.Run("node1", "gnt-job cancel "+first); r.Status == 0 || !strings.Contains(r.Stdout+r.Stderr, "can't cancel") {
		t.Errorf("a job that runs is canceled: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	if r := c.Run("node1", "gnt-job cancel --kill "+first); r.Status == 0 {
		t.Errorf("killed without a word that it is meant: %s%s", r.Stdout, r.Stderr)
	}
	c.Must(t, "node1", "gnt-job cancel --kill --yes-do-it "+first)
	if got := strings.TrimSpace(c.Must(t, "node1", "gnt-job list --no-headers -o status "+first)); got != "error" {
		t.Errorf("the job that was killed is %s", got)
	}
	if status, said := c.end(t, second, time.Minute); status != "success" {
		t.Errorf("the one that waited: %s: %s", status, said)
	}
	if left := c.Must(t, "node1", "gnt-debug locks --no-headers -o name,owner | grep -v -- '-$'; pgrep -f 'gnt-job [r]un'; true"); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// A queue that is drained takes no job, lets those in it end, and the watcher does nothing.
func TestADrainedQueue(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	job := c.begin(t, "gnt-debug delay 5")
	c.Must(t, "node1", "gnt-cluster queue drain")
	if r := c.Run("node1", "gnt-cluster add-tags late"); r.Status == 0 || !strings.Contains(r.Stderr, "drained") {
		t.Errorf("a job is taken: status %d, %s", r.Status, r.Stderr)
	}
	if r := c.Run("node1", "ganeti-watcher"); r.Status == 0 {
		t.Error("the watcher goes on")
	}
	if status, said := c.end(t, job, time.Minute); status != "success" {
		t.Errorf("the job in it: %s: %s", status, said)
	}
	if got := c.Must(t, "node1", "gnt-cluster queue info"); got != "The drain flag is set\n" {
		t.Errorf("info: %q", got)
	}
	c.Must(t, "node1", "gnt-cluster queue undrain && gnt-cluster add-tags late && ganeti-watcher")
}

// The cleaner takes away what is old, and nothing else.
func TestTheCleaner(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	c.Must(t, "node1", "gnt-cluster add-tags x")
	c.Must(t, "node1", "gnt-job archive 1 && touch -d '30 days ago' /var/lib/ganeti/queue/archive/0/job-1")
	c.Must(t, "node1", "ganeti-cleaner master && ganeti-cleaner node")
	if got := c.Must(t, "node1", "ls /var/lib/ganeti/queue/archive/0 2>/dev/null; ls /var/lib/ganeti/queue/job-*"); !strings.Contains(got, "job-2") || strings.Contains(got, "job-1\n") {
		t.Errorf("left:\n%s", got)
	}
	if r := c.Run("node1", "ganeti-cleaner other"); r.Status == 0 {
		t.Error("it takes any word")
	}
}

// Once it is written down what a new instance takes, its nodes are free for others: two installations on one node run at the same time.
func TestCreationsOnOneNodeRunTogether(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	c.Must(t, "node2", "cat >"+osCreate+" <<'END'\n#!/bin/sh\ntouch /run/begun.$INSTANCE_NAME\nn=0\nuntil [ -e /run/begun.a.example.com -a -e /run/begun.b.example.com ] || [ $n -gt 60 ]; do sleep 1; n=$((n + 1)); done\n[ $n -le 60 ]\nEND\n")
	first := c.begin(t, addCommand("a.example.com", "fake", "file", "node2"))
	second := c.begin(t, addCommand("b.example.com", "fake", "file", "node2"))
	for _, id := range []string{first, second} {
		if status, said := c.end(t, id, 3*time.Minute); status != "success" {
			t.Errorf("job %s: %s: %s", id, status, said)
		}
	}
}
