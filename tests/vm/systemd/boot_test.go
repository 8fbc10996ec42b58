package systemd

import (
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

const (
	bootUnit = "/usr/lib/systemd/system/ganeti-boot.service"
	booted   = "systemctl is-active ganeti-boot.service | grep -Eqx 'active|failed'"
	address  = "ip -o addr show to 192.0.2.10"

	// The lab's nodes boot into a target of their own, and have their network when lab.service has ended.
	onLab = "systemctl enable ganeti-boot.service && systemctl add-wants lab.target ganeti-boot.service && d=/etc/systemd/system/ganeti-boot.service.d && " +
		"mkdir -p $d && printf '[Unit]\\nAfter=lab.service lab-sshd.service\\n' >$d/lab.conf"
)

// A node whose process 1 is systemd loses its power and comes back, once as the master and once when another has taken over: the unit makes
// the run directories, asks the fence, and only then brings up the cluster's address.
func TestTheUnitAtBoot(t *testing.T) {
	vmlab.NeedAll(t)
	l := vmlab.Start(t, vmlab.Options{Nodes: 2, Systemd: true, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-job", "ganeti-watcher")})
	l.Init(t, 2)
	l.Must(t, "node1", osDefinition)
	l.Must(t, "node1", "gnt-cluster modify --enabled-hypervisors=kvm,fake && "+
		"gnt-instance add -t diskless -n node1 -H fake -o slow+default --no-install --no-ip-check --no-name-check web.example.com && gnt-instance startup web.example.com") // not installed is not started
	for _, node := range []string{"node1", "node2"} {
		if err := l.Push(node, "../../../packaging/ganeti-boot.service", bootUnit); err != nil {
			t.Fatal(err)
		}
		l.Must(t, node, onLab)
	}
	again := func(node string) {
		t.Helper()
		if err := l.Power(node); err != nil {
			t.Fatal(err)
		}
		waitOn(t, l, node, booted, 5*time.Minute)
	}

	t.Run("the master", func(t *testing.T) {
		off(t, l, "node1")
		again("node1")
		l.Must(t, "node1", "systemctl is-active ganeti-boot.service && test -d /run/ganeti/instance-disks -a -d /run/ganeti/kvm-hypervisor && test $(stat -c %a /run/ganeti/gantry) = 700")
		if got := l.Must(t, "node1", address); !strings.Contains(got, "br0") {
			t.Errorf("the cluster's address is not up: %q", got)
		}
		l.Must(t, "node1", "test -z \"$(ls /run/ganeti/fake-hypervisor)\" ") // before cron has run the watcher
		waitFor(t, l, "ganeti-watcher; ls /run/ganeti/fake-hypervisor | grep -qx web.example.com", 5*time.Minute)
		if got := running(t, l, "node1"); got != 1 {
			t.Errorf("after the watcher %d guests run", got)
		}
	})
	t.Run("one that is not the master any more", func(t *testing.T) {
		off(t, l, "node1")
		l.Must(t, "node2", "gnt-cluster master-failover --no-voting --yes-do-it; test $? -le 1")
		again("node1")
		if got := l.Run("node1", "systemctl is-active ganeti-boot.service; "+address); got.Stdout != "failed\n" {
			t.Errorf("the unit, and the cluster's address: %q", got.Stdout)
		}
		if said := l.Must(t, "node1", "cat /var/log/ganeti/watcher.log; systemctl status ganeti-boot.service; true"); !strings.Contains(said, "another master has taken over") {
			t.Errorf("it does not say why:\n%s", said)
		}
		l.Must(t, "node1", "test -d /run/ganeti/instance-disks")
		l.Run("node1", "ganeti-watcher")
		if got := running(t, l, "node1"); got != 0 {
			t.Errorf("a watcher of a reign that has ended has started %d guests", got)
		}
		l.Must(t, "node2", address+" | grep -q br0")
		waitOn(t, l, "node2", "ganeti-watcher; gnt-instance list --no-headers -o oper_state web.example.com | grep -Eqx 'Y|running'", 5*time.Minute)
		if got := running(t, l, "node1"); got != 1 {
			t.Errorf("after the new master's watcher %d guests run", got)
		}
	})
	t.Run("a node that is no candidate of anybody", func(t *testing.T) {
		l.Must(t, "node1", "rm -f /var/lib/ganeti/ssconf_master_node && systemctl reset-failed ganeti-boot.service && systemctl start ganeti-boot.service")
		if got := l.Run("node1", "systemctl is-active ganeti-boot.service").Stdout; got != "inactive\n" {
			t.Errorf("where there is no cluster the unit is %q", got)
		}
	})
}

// off takes the power away. What is not on the disk is lost.
func off(t *testing.T, l *vmlab.Lab, node string) {
	t.Helper()
	l.Must(t, node, "sync")
	if err := l.Kill(node); err != nil {
		t.Fatal(err)
	}
}

// running counts the guests of a node.
func running(t *testing.T, l *vmlab.Lab, node string) int {
	t.Helper()
	return len(strings.Fields(l.Run(node, "ls /run/ganeti/fake-hypervisor").Stdout))
}
