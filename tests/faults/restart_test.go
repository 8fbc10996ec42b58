package faults

import (
	"strings"
	"sync"
	"testing"
	"time"

	"gantry/tests/lab"
)

// All nodes lose their power at once, and come back: as the boot unit and cron do it, every instance comes back exactly once.
func TestAllNodesStartAnew(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.add(t, "a.example.com", "kvm", "sharedfile", "node2")
	c.add(t, "b.example.com", "fake", "diskless", "node3")
	c.add(t, "c.example.com", "fake", "file", "node1")
	c.Must(t, "node1", "gnt-instance shutdown --timeout=0 c.example.com")
	for n := 1; n <= c.nodes; n++ {
		must(t, c.Kill(lab.Name(n)))
	}
	must(t, c.PowerAll())
	for n := 1; n <= c.nodes; n++ {
		c.Must(t, lab.Name(n), "ganeti-watcher --boot && test -d /run/ganeti/instance-disks")
	}
	if got := c.Must(t, "node1", "ip -o addr show to 192.0.2.10"); !strings.Contains(got, "br0") {
		t.Errorf("the cluster's address is not up: %q", got)
	}
	for n := 1; n <= c.nodes; n++ {
		c.Must(t, lab.Name(n), "ganeti-watcher")
	}
	inv := c.inventory(t, "node1")
	for name, node := range map[string]string{"a.example.com": "node2", "b.example.com": "node3"} {
		if on := inv.on(name); len(on) != 1 || on[0] != node {
			t.Errorf("%s runs on %v", name, on)
		}
	}
	if on := inv.on("c.example.com"); on != nil {
		t.Errorf("an instance that was down runs on %v", on)
	}
	status := c.Must(t, "node1", "ganeti-watcher && cat /run/ganeti/instance-status")
	if status != "a.example.com running\nb.example.com running\nc.example.com ADMIN_down\n" {
		t.Errorf("instance-status %q", status)
	}
}

// The same when one of them still takes itself for the master: it brings up no address and starts nothing.
func TestAllNodesStartAnewWithAnOldMasterAmongThem(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.add(t, "a.example.com", "kvm", "sharedfile", "node3")
	c.add(t, "b.example.com", "fake", "sharedfile", "node3")
	must(t, c.Kill("node1"))
	c.Must(t, "node2", "gnt-cluster master-failover; test $? -le 1")
	if r := c.Run("node2", "gnt-instance failover -f --shutdown-timeout=0 -n node2 a.example.com"); r.Status == 0 || !strings.Contains(r.Stderr, "Cannot prove") {
		t.Errorf("moved while a node is silent: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
	if on := c.inventory(t, "node2").on("a.example.com"); len(on) != 1 {
		t.Errorf("after a failover that was refused it runs on %v", on)
	}
	c.Must(t, "node2", "gnt-node modify -O yes node1 && gnt-instance shutdown --timeout=0 b.example.com")
	c.Must(t, "node2", "gnt-instance failover -f --shutdown-timeout=0 -n node2 a.example.com")
	must(t, c.Kill("node2"))
	must(t, c.Kill("node3"))
	must(t, c.PowerAll())
	var all sync.WaitGroup
	for n := 1; n <= c.nodes; n++ {
		all.Go(func() { c.Run(lab.Name(n), "ganeti-watcher --boot; ganeti-watcher; ganeti-watcher") })
	}
	all.Wait()
	inv := c.inventory(t, "node2")
	if on := inv.on("a.example.com"); len(on) != 1 || on[0] != "node2" {
		t.Errorf("a runs on %v", on)
	}
	if on := inv.on("b.example.com"); on != nil {
		t.Errorf("b, which was down, runs on %v", on)
	}
	if r := c.Run("node1", "ip -o addr show to 192.0.2.10"); r.Stdout != "" {
		t.Errorf("the old master has the cluster's address: %s", r.Stdout)
	}
	c.Must(t, "node2", "ip -o addr show to 192.0.2.10 | grep -q br0")
}

// What does not stay up is given up after a few attempts; a paused watcher does nothing.
func TestTheWatcherRestartsAFewTimes(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	c.add(t, "a.example.com", "fake", "diskless", "node1")
	end := "rm /run/ganeti/fake-hypervisor/a.example.com"
	c.Must(t, "node1", end+"; gnt-cluster watcher pause 1h; ganeti-watcher")
	if on := c.inventory(t, "node1").on("a.example.com"); on != nil {
		t.Error("a paused watcher has started an instance")
	}
	c.Must(t, "node1", "ganeti-watcher --ignore-pause")
	for i := 2; i <= 5; i++ {
		c.Must(t, "node1", end+"; gnt-cluster watcher continue; ganeti-watcher")
		if on := c.inventory(t, "node1").on("a.example.com"); len(on) != 1 {
			t.Errorf("attempt %d: it runs on %v", i, on)
		}
	}
	c.Must(t, "node1", end+"; ganeti-watcher")
	if on := c.inventory(t, "node1").on("a.example.com"); on != nil {
		t.Error("it was started a sixth time")
	}
	if log := c.Must(t, "node1", "cat /var/log/ganeti/watcher.log"); !strings.Contains(log, "Could not restart instance 'a.example.com' after 5 attempts, giving up") {
		t.Errorf("the log:\n%s", log)
	}
}

// Candidates that missed changes get them from the watcher, and jobs whose process died are ended by it.
func TestTheWatcherCatchesUp(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	must(t, c.Kill("node3"))
	c.Must(t, "node1", "gnt-cluster add-tags missed")
	must(t, c.Power("node3"))
	c.Must(t, "node1", "ganeti-watcher")
	inv := c.inventory(t, "node1")
	if inv.digests["node3"] != inv.digests["node1"] {
		t.Error("node3 still lacks the change")
	}
	c.Must(t, "node1", "GANTRY_FAULT=gnt-job/job:3:before gnt-cluster add-tags --submit dead; true")
	time.Sleep(3 * time.Second)
	c.Must(t, "node1", "ganeti-watcher")
	if jobs := c.Must(t, "node1", "gnt-job list --no-headers -o status"); strings.Contains(jobs, "running") || !strings.Contains(jobs, "error") {
		t.Errorf("jobs:\n%s", jobs)
	}
}
