// Package systemd shows, on a machine whose process 1 is systemd, that jobs and guests outlive the unit they were started from. Its
// test needs a virtual machine.
package systemd

import (
	"strings"
	"testing"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

func TestJobsAndGuestsOutliveTheUnitTheyWereStartedFrom(t *testing.T) {
	vmlab.Need(t)
	bin := lab.Build(t, "gnt-cluster", "gnt-instance", "gnt-job", "gnt-debug")
	l := vmlab.Start(t, vmlab.Options{Nodes: 1, Bin: bin, Systemd: true})
	l.Init(t, 1)
	const unit = `systemd-run --quiet --wait --collect --unit=caller --property=KillMode=control-group `
	t.Run("a job of a unit that has ended", func(t *testing.T) {
		id := strings.TrimSpace(l.Must(t, "node1", unit+"--pipe gnt-debug delay --submit --print-jobid 15"))
		got := l.Must(t, "node1", "systemctl is-active caller.service; cat /sys/fs/cgroup/ganeti.slice/gantry-job-"+id+"-*.scope/cgroup.procs | wc -l; gnt-job list --no-headers -o status "+id)
		if f := strings.Fields(got); len(f) != 3 || f[0] != "inactive" || f[1] == "0" || f[2] != "running" {
			t.Errorf("after the unit's end: %q", got)
		}
		if got := l.Must(t, "node1", "gnt-job watch "+id+" >/dev/null; gnt-job list --no-headers -o status "+id); strings.TrimSpace(got) != "success" {
			t.Errorf("the job's end: %q", got)
		}
	})
	t.Run("a guest of a unit that has ended", func(t *testing.T) {
		l.Must(t, "node1", unit+"gnt-instance add -t diskless -o noop --no-name-check --no-ip-check -n node1 -B minmem=64M,maxmem=64M inst1.example.com")
		got := l.Must(t, "node1", `pid=$(pgrep -f -- "-name inst1"); grep -o '/ganeti.slice/.*\.scope$' /proc/$pid/cgroup; gnt-instance list --no-headers -o status inst1`)
		if lines := strings.Fields(got); len(lines) != 2 || !strings.HasPrefix(lines[0], "/ganeti.slice/") || lines[1] != "running" {
			t.Errorf("after the unit's end: %q", got)
		}
		l.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout 1 inst1")
	})
}
