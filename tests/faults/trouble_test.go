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

// No SSH to the master itself: what has to be repaired there is repaired from there.
func TestABrokenServerOnTheMasterStopsNothing(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	c.Must(t, "node1", "kill $(cat /run/sshd.pid)")
	c.Must(t, "node1", "gnt-cluster add-tags late")
	c.Must(t, "node1", addCommand("web.example.com", "fake", "file", "node1"))
	c.once(t, "web.example.com", "node1")
	c.Must(t, "node1", "gnt-instance reboot --shutdown-timeout=0 web.example.com && gnt-instance shutdown --timeout=0 web.example.com")
}
