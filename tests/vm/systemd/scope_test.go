// Package systemd shows, on a machine whose process 1 is systemd, that jobs and guests outlive the unit they were started from. Its
// test needs a virtual machine.
package systemd

import (
	"strings"
	"testing"

	"gantry/lib/remote"
	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

func TestJobsAndGuestsOutliveTheUnitTheyWereStartedFrom(t *testing.T) {
	vmlab.NeedAll(t)
	bin := lab.Build(t, "gnt-cluster", "gnt-instance", "gnt-job", "gnt-debug")
	l := vmlab.Start(t, vmlab.Options{Nodes: 1, Bin: bin, Systemd: true})
	l.Init(t, 1)
	// waiting by itself would need a D-Bus daemon
	caller := func(text string) string {
		return l.Must(t, "node1", "systemd-run --quiet --collect --unit=caller --property=KillMode=control-group sh -c "+remote.Quote("exec >/root/said 2>&1; "+text+
			"; echo status $?")+"\nwhile systemctl -q is-active caller.service; do sleep 0.5; done; cat /root/said")
	}
	t.Run("a job of a unit that has ended", func(t *testing.T) {
		id, ended, _ := strings.Cut(caller("gnt-debug delay --submit --print-jobid 30"), "\n")
		if ended != "status 0\n" {
			t.Fatalf("submitting: %s, %s", id, ended)
		}
		got := l.Must(t, "node1", "cat /sys/fs/cgroup/ganeti.slice/gantry-job-"+id+"-*.scope/cgroup.procs | wc -l; gnt-job list --no-headers -o status "+id)
		if f := strings.Fields(got); len(f) != 2 || f[0] == "0" || f[1] != "running" {
			t.Errorf("after the unit's end: %q", got)
		}
		if got := l.Must(t, "node1", "gnt-job watch "+id+" >/dev/null; gnt-job list --no-headers -o status "+id); strings.TrimSpace(got) != "success" {
			t.Errorf("the job's end: %q", got)
		}
	})
	t.Run("a guest of a unit that has ended", func(t *testing.T) {
		said := caller("gnt-instance add -t diskless -o noop --no-name-check --no-ip-check -n node1 -B minmem=64M,maxmem=64M inst1.example.com")
		if !strings.HasSuffix(said, "status 0\n") {
			t.Fatal(said)
		}
		got := l.Must(t, "node1", `pid=$(pgrep -f -- "-name inst1"); grep -o '/ganeti.slice/.*\.scope$' /proc/$pid/cgroup; gnt-instance list --no-headers -o status inst1`)
		if lines := strings.Fields(got); len(lines) != 2 || !strings.HasPrefix(lines[0], "/ganeti.slice/") || lines[1] != "running" {
			t.Errorf("after the unit's end: %q", got)
		}
		l.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout 1 inst1")
	})
}
