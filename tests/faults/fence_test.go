package faults

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// changing are commands that change something. None of them may do anything on a master whose time is over.
var changing = []string{
	"gnt-cluster add-tags late",
	"gnt-cluster modify --candidate-pool-size=5",
	"gnt-cluster redist-conf",
	"gnt-instance startup down.example.com",
	"gnt-instance shutdown --timeout=0 up.example.com",
	"gnt-instance failover -f -n node2 up.example.com",
	"gnt-instance modify -B vcpus=2 up.example.com",
	"gnt-instance remove -f up.example.com",
	"gnt-instance reboot up.example.com",
	"gnt-instance reinstall -f down.example.com",
	"gnt-instance migrate -f -n node2 up.example.com",
	"gnt-instance add-tags up.example.com late",
	addCommand("late.example.com", "fake", "diskless", "node3"),
	"gnt-node modify -D yes node3",
	markOffline,
	"gnt-group add late",
	"gnt-network add --network=10.5.0.0/24 late",
	runCommand, copyFile, pauseWatcher,
	"ganeti-watcher",
	"ganeti-watcher --boot",
}

const (
	markOffline  = "gnt-node modify -O yes node3"
	runCommand   = "gnt-cluster command touch /root/late"
	copyFile     = "gnt-cluster copyfile /etc/hostname"
	pauseWatcher = "gnt-cluster watcher pause 1h"
)

// byWord are those that need no majority. A higher epoch stops them as well.
var byWord = []string{markOffline, runCommand, copyFile, pauseWatcher}

// withInstances is a cluster with an instance that is up and one that is down, on the same node.
func withInstances(t *testing.T, nodes int) *cluster {
	t.Helper()
	c := start(t, nodes)
	c.add(t, "up.example.com", "fake", "sharedfile", "node3")
	c.add(t, "down.example.com", "fake", "sharedfile", "node3")
	c.Must(t, "node1", "gnt-instance shutdown --timeout=0 down.example.com")
	return c
}

// nothingChanges runs commands on a node, each of which has to fail, for this reason or because a node cannot even be looked at.
// The others' state must stay.
func (c *cluster) nothingChanges(t *testing.T, node, master, reason string) {
	t.Helper()
	before := c.inventory(t, master)
	for _, command := range changing {
		if reason == tooFew && slices.Contains(byWord, command) {
			continue // a person's word, or nothing that is started or committed: nobody who answers knows better
		}
		r := c.Run(node, command)
		said := r.Stdout + r.Stderr
		if r.Status == 0 || !strings.Contains(said, reason) && !strings.Contains(said, "unreachable") {
			t.Errorf("%s: %s: status %d\n%s%s", node, command, r.Status, r.Stdout, r.Stderr)
		}
	}
	after := c.inventory(t, master)
	for n, digest := range before.digests {
		if after.digests[n] != digest {
			t.Errorf("the configuration of %s has changed", n)
		}
	}
	if len(after.guests) != len(before.guests) || len(after.on("up.example.com")) != 1 || len(after.on("down.example.com")) != 0 {
		t.Errorf("guests were %v and are %v", before.guests, after.guests)
	}
}

const (
	takenOver = "another master has taken over"
	tooFew    = "master candidates answer"
)

func TestTheOldMasterChangesNothing(t *testing.T) {
	t.Parallel()
	c := withInstances(t, 3)
	must(t, c.CutBetween("node1", "node2"))
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	if got := strings.TrimSpace(c.Must(t, "node2", "gnt-cluster getmaster")); got != "node2.example.com" {
		t.Fatalf("the master is %s", got)
	}
	t.Run("cut from the new master", func(t *testing.T) { c.nothingChanges(t, "node1", "node2", takenOver) })
	c.healBetween(t, "node1", "node2")
	t.Run("which is back", func(t *testing.T) { c.nothingChanges(t, "node1", "node2", takenOver) })
	must(t, c.Cut("node1"))
	t.Run("cut from all", func(t *testing.T) { c.nothingChanges(t, "node1", "node2", tooFew) })
	must(t, c.Heal("node1"))

	// the old one's copy stops nobody, and is replaced
	c.Must(t, "node2", "gnt-cluster add-tags new && gnt-cluster redist-conf")
	if got := strings.TrimSpace(c.Must(t, "node1", "gnt-cluster getmaster")); got != "node2.example.com" {
		t.Errorf("node1 takes %s for the master", got)
	}
}

func TestAFailoverInTheMiddleOfAJobStopsIt(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	for _, node := range []string{"node1", "node2", "node3"} { // an OS that takes its time
		c.Must(t, node, "printf '#!/bin/sh\\ntouch /run/installing\\nsleep 15\\n' >/usr/share/ganeti/os/empty/create")
	}
	c.Must(t, "node1", strings.Replace(addCommand("late.example.com", "kvm", "sharedfile", "node3"), " add ", " add --submit ", 1))
	for end := time.Now().Add(time.Minute); c.Run("node3", "test -e /run/installing").Status != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the OS is not being installed")
		}
	}
	must(t, c.CutBetween("node1", "node2"))
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	time.Sleep(20 * time.Second)
	if on := c.inventory(t, "node2").on("late.example.com"); on != nil {
		t.Errorf("a job of the old master has started an instance on %v", on)
	}
	if said := c.Run("node1", "cat /var/lib/ganeti/queue/job-*").Stdout; !strings.Contains(said, takenOver) {
		t.Errorf("its job does not say why it ended:\n%s", said)
	}
	if r := c.Run("node2", "gnt-instance startup late.example.com"); r.Status == 0 || !strings.Contains(r.Stderr, "Cannot prove") {
		t.Errorf("started while a node is cut off: status %d\n%s", r.Status, r.Stderr)
	}
	c.healBetween(t, "node1", "node2")
	c.Must(t, "node2", "gnt-instance startup late.example.com")
	if on := c.inventory(t, "node2").on("late.example.com"); len(on) != 1 {
		t.Errorf("the new master has started it on %v", on)
	}
}

func TestCandidatesThatAreOffCanBeMarked(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	must(t, c.Kill("node2"))
	must(t, c.Kill("node3"))
	r := c.Run("node1", "gnt-cluster add-tags early")
	if r.Status == 0 || !strings.Contains(r.Stderr, tooFew) {
		t.Errorf("with one of three candidates: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	c.Must(t, "node1", "gnt-node modify -O yes node2")
	c.Must(t, "node1", "gnt-node modify -O yes node3")
	c.Must(t, "node1", "gnt-cluster add-tags late")
	if got := c.Must(t, "node1", "gnt-cluster list-tags"); strings.TrimSpace(got) != "late" {
		t.Errorf("tags %q", got)
	}
}

func TestOfTwoCandidatesOneIsEnough(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	must(t, c.Kill("node2"))
	c.Must(t, "node1", "gnt-cluster add-tags alone")
	c.Must(t, "node1", "gnt-node modify -O yes node2")
	c.Must(t, "node1", "gnt-cluster add-tags still")
}

// One candidate alone, the other nodes off: they can be marked so, and what was on them comes back.
func TestTheOnlyCandidateGoesOn(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.Must(t, "node1", "gnt-cluster modify --candidate-pool-size=1 && gnt-node modify -C no node2 && gnt-node modify -C no node3")
	c.add(t, "web.example.com", "fake", "sharedfile", "node3")
	must(t, c.Kill("node2"))
	must(t, c.Kill("node3"))
	c.Must(t, "node1", "gnt-node modify -O yes node2 && gnt-node modify -O yes node3")
	c.Must(t, "node1", "gnt-instance failover -f -n node1 web.example.com")
	if on := c.inventory(t, "node1").on("web.example.com"); len(on) != 1 || on[0] != "node1" {
		t.Errorf("it runs on %v", on)
	}
}

// sameSerial gives a candidate's copy another content with the same epoch and serial, as after a disk was restored on one side.
const sameSerial = `cd /var/lib/ganeti && sed "s/^tags = .*/tags = ['other']/" config.toml | head -n -1 >/root/body && ! cmp -s /root/body config.toml &&
(cat /root/body; printf "digest = '%s'\n" $(sha256sum </root/body | cut -d' ' -f1)) >config.toml`

// Two copies of one epoch and serial that differ: nobody can say which is right, so both sides stop, and say what helps.
func TestTwoCopiesOfOneSerialStopBoth(t *testing.T) {
	t.Parallel()
	c := withInstances(t, 3)
	c.Must(t, "node1", "gnt-cluster add-tags first")
	c.Must(t, "node3", sameSerial)
	const said = "have the same epoch and serial"
	c.nothingChanges(t, "node1", "node1", said)
	for _, word := range []string{"", " --no-voting --yes-do-it"} {
		if r := c.Run("node3", "gnt-cluster master-failover"+word); r.Status == 0 || !strings.Contains(r.Stderr, said) {
			t.Errorf("master-failover%s on the other side: status %d\n%s", word, r.Status, r.Stderr)
		}
	}
	c.Must(t, "node3", "rm /var/lib/ganeti/config.toml")
	c.Must(t, "node1", "gnt-cluster redist-conf && gnt-cluster add-tags second")
	if inv := c.inventory(t, "node1"); inv.digests["node3"] != inv.digests["node1"] {
		t.Error("node3 has not got the right one")
	}
}

// healBetween undoes CutBetween also when an address has moved meanwhile.
func (c *cluster) healBetween(t *testing.T, nodes ...string) {
	t.Helper()
	for _, node := range nodes {
		c.Must(t, node, "ip neigh flush nud permanent")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
