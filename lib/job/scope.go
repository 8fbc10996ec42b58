package job

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// enterScope moves this process out of the session, cron unit or service it was started from, which may end and take all
// its processes along, into a scope of its own. Without systemd there is nothing to leave. systemd itself is asked, by the socket
// that systemctl uses for root: there need not be a D-Bus daemon.
func enterScope(ctx context.Context, id int) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := moveToScope(ctx, id, os.Getpid()); err != nil {
		return fmt.Errorf("entering a systemd scope: %w", err)
	}
	return nil
}

func moveToScope(ctx context.Context, id, pid int) error {
	c, err := systemd.NewSystemdConnectionContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	name, properties := scope(id, pid)
	if _, err := c.StartTransientUnitContext(ctx, name, "fail", properties, nil); err != nil {
		return err
	}
	for { // it has agreed to, and does it in its own time
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || strings.Contains(string(text), "/"+name) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// scope is the unit that is to hold a job's process. systemd-run cannot make it: it would have to stand between the submitter and the
// runner, which inherits the job's flock.
func scope(id, pid int) (name string, properties []systemd.Property) {
	return fmt.Sprintf("gantry-job-%d-%d.scope", id, pid), []systemd.Property{
		systemd.PropDescription(fmt.Sprintf("Gantry job %d", id)), systemd.PropSlice("ganeti.slice"), systemd.PropPids(uint32(pid)),
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
	}
}
