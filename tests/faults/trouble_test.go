package faults

import (
	"strings"
	"testing"
	"time"
)

// One candidate hangs: its kernel takes connections and nobody answers. Work goes on, and the candidate is caught up later.
func TestAFrozenCandidateHoldsUpNobody(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	must(t, c.Freeze("node3"))
	c.add(t, "web.example.com", "fake", "sharedfile", "node2")
	began := time.Now()
	c.Must(t, "node1", "gnt-instance modify -B vcpus=2 web.example.com")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("a change took %v", took)
	}
	must(t, c.Thaw("node3"))
	c.Must(t, "node1", "ganeti-watcher")
	if inv := c.inventory(t, "node1"); inv.digests["node3"] != inv.digests["node1"] || inv.digests["node1"] == "" {
		t.Errorf("the candidates differ: %v", inv.digests)
	}
}

// No room for the configuration: nothing is changed, and once there is room everything goes on.
func TestAFullDiskUnderTheConfigurationLosesNothing(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.add(t, "web.example.com", "fake", "sharedfile", "node2")
	before := c.inventory(t, "node1")
	must(t, c.Fill("node1", "/var/lib/ganeti"))
	for _, command := range []string{"gnt-cluster add-tags full", addCommand("more.example.com", "fake", "sharedfile", "node2")} {
		if r := c.Run("node1", command); r.Status == 0 || !strings.Contains(r.Stderr, "no space left on device") {
			t.Errorf("%s: status %d\n%s%s", command, r.Status, r.Stdout, r.Stderr)
		}
	}
	c.Must(t, "node1", "gnt-instance list")
	must(t, c.Drain("node1", "/var/lib/ganeti"))
	after := c.inventory(t, "node1")
	if after.digests["node1"] != before.digests["node1"] || after.extras() != nil || after.missing() != nil {
		t.Errorf("changed: %v, %v, extras %v, missing %v", before.digests, after.digests, after.extras(), after.missing())
	}
	c.Must(t, "node1", "gnt-cluster add-tags room")
	c.Must(t, "node1", addCommand("more.example.com", "fake", "sharedfile", "node2"))
}

// The node of an instance is cut off while the instance is being made: the job says that it does not know, and the next one finds out.
func TestANodeCutOffInTheMiddleOfACreation(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	for _, node := range []string{"node1", "node2", "node3"} {
		c.Must(t, node, "printf '#!/bin/sh\\ntouch /run/installing\\nsleep 5\\n' >/usr/share/ganeti/os/empty/create")
	}
	c.Must(t, "node1", strings.Replace(addCommand("web.example.com", "fake", "file", "node3"), " add ", " add --submit ", 1))
	for end := time.Now().Add(time.Minute); c.Run("node3", "test -e /run/installing").Status != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the OS is not being installed")
		}
	}
	must(t, c.Cut("node3"))
	time.Sleep(15 * time.Second)
	must(t, c.Heal("node3"))
	// a blip does not end it
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		jobs := c.Must(t, "node1", "gnt-job list --no-headers -o status,summary")
		if !strings.Contains(jobs, "running") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the job does not end:\n%s", jobs)
		}
	}
	inv := c.inventory(t, "node1")
	c.judge(t, inv)
	if on := inv.on("web.example.com"); len(on) != 1 || on[0] != "node3" {
		t.Errorf("after the blip it runs on %v:\n%s", on, c.Run("node1", "gnt-job list; gnt-job info $(gnt-job list --no-headers -o id | tail -n 1)").Stdout)
	}
}
