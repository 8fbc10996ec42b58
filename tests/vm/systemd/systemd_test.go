// Package systemd looks at what a unit that ends leaves running, on a node whose process 1 is systemd.
package systemd

import (
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// osDefinition writes an OS whose installation takes a while.
const osDefinition = `mkdir -p /usr/share/ganeti/os/slow && cd /usr/share/ganeti/os/slow && echo 20 >ganeti_api_version && echo default >variants.list &&
: >parameters.list && for s in create export import rename verify; do printf '#!/bin/sh\nexit 0\n' >$s; done &&
printf '#!/bin/sh\ntouch /run/begun; sleep 20; touch /run/installed\n' >create && chmod +x create export import rename verify`

// inUnit runs a command as a service that ends with it: systemd then kills whatever is left of it. There is no D-Bus daemon on the node,
// so systemd-run cannot wait itself.
func inUnit(command string) string {
	return "systemd-run --quiet --collect --unit=ends -p KillMode=control-group -p TimeoutStopSec=30 sh -c '" + command + "' && " +
		"while systemctl is-active ends | grep -Eq '^(active|activating|deactivating)$'; do sleep 0.2; done"
}

func TestWhatOutlivesTheUnitThatStartedIt(t *testing.T) {
	vmlab.NeedAll(t)
	l := vmlab.Start(t, vmlab.Options{Nodes: 1, Systemd: true, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-job", "gnt-debug")})
	l.Init(t, 1)
	l.Must(t, "node1", osDefinition)

	t.Run("what systemd kills", func(t *testing.T) {
		l.Must(t, "node1", inUnit("sleep 333 & touch /run/ran; sleep 1")+" && test -e /run/ran && ! pgrep -x sleep")
	})
	t.Run("a job", func(t *testing.T) {
		l.Must(t, "node1", inUnit("gnt-debug delay --submit 60"))
		waitFor(t, l, "[ $(gnt-job list --no-headers -o status | tail -n 1) = running ]", time.Minute)
		if got := l.Must(t, "node1", "cat /proc/$(pgrep -f '[g]nt-job run [0-9]*$')/cgroup"); !strings.Contains(got, "/ganeti.slice/gantry-job-") {
			t.Errorf("its process is in %s", got)
		}
		waitFor(t, l, "[ $(gnt-job list --no-headers -o status | tail -n 1) = success ]", 4*time.Minute)
	})
	t.Run("an installation", func(t *testing.T) {
		l.Must(t, "node1", inUnit("gnt-instance add --submit --no-start -t plain -s 1g -n node1 -o slow+default --no-ip-check --no-name-check web.example.com; "+
			`timeout 60 sh -c "until [ -e /run/begun ]; do sleep 0.2; done"`))
		if r := l.Run("node1", "test -e /run/begun"); r.Status != 0 {
			t.Fatalf("the installation has not begun\n%s", l.Run("node1", "gnt-job list; gnt-job info $(gnt-job list --no-headers -o id | tail -n 1)").Stdout)
		}
		if got := l.Must(t, "node1", "cat /proc/$(pgrep -f '[o]s/slow/create|^/bin/sh ./create' | head -n 1)/cgroup"); !strings.Contains(got, "/ganeti.slice/gantry-work-") {
			t.Errorf("the script is in %s", got)
		}
		waitFor(t, l, "[ $(gnt-job list --no-headers -o status | tail -n 1) = success ]", 3*time.Minute)
		l.Must(t, "node1", "test -e /run/installed")
	})
	t.Run("a guest", func(t *testing.T) { // a slow machine may take longer to ask qemu for its version than that is given time
		l.Must(t, "node1", inUnit("for i in 1 2 3; do gnt-instance startup web.example.com && break; done"))
		if got := l.Must(t, "node1", "cat /proc/$(cat /run/ganeti/kvm-hypervisor/pid/web.example.com)/cgroup"); !strings.Contains(got, "/ganeti.slice/") {
			t.Errorf("the guest is in %s", got)
		}
	})
	t.Run("a guest after its unit", func(t *testing.T) {
		if got := strings.TrimSpace(l.Must(t, "node1", "gnt-instance list --no-headers -o oper_state")); got != "Y" && got != "running" {
			t.Errorf("after its unit has ended the guest is %s", got)
		}
	})
	t.Run("nothing is left behind", func(t *testing.T) {
		l.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=0 web.example.com")
		if got := l.Must(t, "node1", "systemctl list-units --no-legend --all 'gantry-*' 'run-*.scope'"); got != "" {
			t.Errorf("units:\n%s", got)
		}
	})
}

// waitFor waits for a command to succeed.
func waitFor(t *testing.T, l *vmlab.Lab, command string, limit time.Duration) {
	t.Helper()
	waitOn(t, l, "node1", command, limit)
}

func waitOn(t *testing.T, l *vmlab.Lab, node, command string, limit time.Duration) {
	t.Helper()
	for end := time.Now().Add(limit); l.Run(node, command).Status != 0; time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("still not after %v: %s\n%s", limit, command, l.Run("node1", "gnt-job list; gnt-job info $(gnt-job list --no-headers -o id | tail -n 1); systemctl --failed").Stdout)
		}
	}
}
