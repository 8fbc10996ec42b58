package faults

import (
	"slices"
	"strings"
	"testing"
)

// The cases that people have reported of Ganeti, by the numbers of its issues.

// Three nodes: a candidate is stopped, the configuration changes, and then that candidate is to become the master.
func TestAStaleCandidateIsRefusedIssue1242(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	must(t, c.Kill("node3"))
	c.Must(t, "node1", "gnt-cluster add-tags newer")
	must(t, c.Kill("node1"))
	must(t, c.Power("node3"))
	for _, word := range []string{"", " --no-voting --yes-do-it"} {
		r := c.Run("node3", "gnt-cluster master-failover"+word)
		if r.Status != 1 || !strings.Contains(r.Stderr, "newer configuration") || !strings.Contains(r.Stderr, "node2.example.com") {
			t.Errorf("master-failover%s on the stale one: status %d\n%s", word, r.Status, r.Stderr)
		}
	}
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	if got := c.Must(t, "node2", "gnt-cluster list-tags"); !strings.Contains(got, "newer") {
		t.Errorf("the change is lost: %q", got)
	}
	if c.inventory(t, "node2").digests["node3"] != c.inventory(t, "node2").digests["node2"] {
		t.Error("the stale candidate was not caught up")
	}
}

// The master is killed, another takes over, the first one boots.
func TestAMasterThatBootsAgainChangesNothingIssue1018(t *testing.T) {
	t.Parallel()
	c := withInstances(t, 3)
	must(t, c.Kill("node1"))
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	must(t, c.Power("node1"))
	c.nothingChanges(t, "node1", "node2", takenOver)
	c.Must(t, "node2", "ganeti-watcher")
	if got := strings.TrimSpace(c.Must(t, "node1", "gnt-cluster getmaster")); got != "node2.example.com" {
		t.Errorf("after the new master's watcher node1 takes %s for the master", got)
	}
}

// A node that is not off is marked offline, and its instance is to move.
func TestANodeWronglyMarkedOfflineIssue669(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.add(t, "web.example.com", "kvm", "sharedfile", "node2")
	c.Must(t, "node1", "gnt-node modify -O yes node2")
	r := c.Run("node1", "gnt-instance failover -f --shutdown-timeout=0 -n node3 web.example.com")
	if r.Status == 0 || !strings.Contains(r.Stderr, "runs there") {
		t.Errorf("failover: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	if on := c.inventory(t, "node1").on("web.example.com"); !slices.Equal(on, []string{"node2"}) {
		t.Errorf("it runs on %v", on)
	}
	must(t, c.Kill("node2")) // now it is off
	c.Must(t, "node1", "gnt-instance failover -f --shutdown-timeout=0 -n node3 web.example.com")
	if on := c.inventory(t, "node1").on("web.example.com"); !slices.Equal(on, []string{"node3"}) {
		t.Errorf("after the node was off it runs on %v", on)
	}
	must(t, c.Power("node2"))
	c.Must(t, "node1", "ganeti-watcher")
	if on := c.inventory(t, "node1").on("web.example.com"); !slices.Equal(on, []string{"node3"}) {
		t.Errorf("after the node came back it runs on %v", on)
	}
}

// Two nodes, and the master is dead: a person has to say so.
func TestTheLastOfTwoNeedsAPersonsWordIssue116(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	must(t, c.Kill("node1"))
	r := c.Run("node2", "gnt-cluster master-failover")
	if r.Status != 1 || !strings.Contains(r.Stderr, "use the --no-voting option") || !strings.Contains(r.Stderr, "['node1.example.com']") {
		t.Errorf("without a word: status %d\n%s", r.Status, r.Stderr)
	}
	r = c.Run("node2", "gnt-cluster master-failover --no-voting </dev/null")
	if r.Status != 1 {
		t.Errorf("without an answer: status %d\n%s", r.Status, r.Stderr)
	}
	c.Must(t, "node2", "gnt-cluster master-failover --no-voting --yes-do-it; test $? -le 1")
	c.Must(t, "node2", "gnt-node modify -O yes node1")
	c.add2(t)
	must(t, c.Power("node1"))
	if r := c.Run("node1", "gnt-cluster add-tags late"); r.Status == 0 || !strings.Contains(r.Stderr, takenOver) {
		t.Errorf("the old master: status %d\n%s", r.Status, r.Stderr)
	}
}

// add2 makes an instance on the second node, which is the master.
func (c *cluster) add2(t *testing.T) {
	t.Helper()
	c.Must(t, "node2", addCommand("web.example.com", "fake", "diskless", "node2"))
	if on := c.inventory(t, "node2").on("web.example.com"); !slices.Equal(on, []string{"node2"}) {
		t.Errorf("it runs on %v", on)
	}
}

// A node that is no candidate any more keeps no configuration, also when it could not be reached at that moment.
func TestADemotedCandidateKeepsNoConfigurationIssue899(t *testing.T) {
	t.Parallel()
	c := start(t, 4)
	c.Must(t, "node1", "gnt-cluster modify --candidate-pool-size=2")
	c.Must(t, "node1", "gnt-node modify -C no node3")
	if r := c.Run("node3", "ls /var/lib/ganeti/config.toml /var/lib/ganeti/queue/serial 2>/dev/null"); strings.Contains(r.Stdout, "config.toml") {
		t.Errorf("node3 has %s", r.Stdout)
	}
	if r := c.Run("node3", "gnt-cluster master-failover"); r.Status != 1 || !strings.Contains(r.Stderr, "not among the nodes marked as master candidates") {
		t.Errorf("master-failover there: status %d\n%s", r.Status, r.Stderr)
	}
	must(t, c.Cut("node4"))
	c.Must(t, "node1", "gnt-node modify -C no node4")
	must(t, c.Heal("node4"))
	redist := c.Must(t, "node1", "gnt-cluster redist-conf 2>&1")
	if r := c.Run("node4", "cat /var/lib/ganeti/config.toml /var/lib/ganeti/.ssconf.version"); strings.Contains(r.Stdout, "epoch = ") {
		t.Errorf("node4, which was cut off, has kept its configuration; redist-conf said:\n%s\nnode4 has:\n%s", redist, r.Stdout)
	}
}
