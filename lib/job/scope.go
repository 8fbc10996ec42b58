package job

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// intoScope moves a job's process out of the session, cron unit or service it was started from, which may end and take all its
// processes along, into a scope of its own. Without systemd there is nothing to leave. Whoever starts the process does it, so that the
// unit may end as soon as the job is submitted; the process sees to it once more. systemd itself is asked, by the socket that systemctl
// uses for root: there need not be a D-Bus daemon.
func intoScope(ctx context.Context, id, pid int, limit time.Duration) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := moveToScope(ctx, id, pid); err != nil {
		return fmt.Errorf("entering a systemd scope: %w", err)
	}
	return nil
}

func moveToScope(ctx context.Context, id, pid int) error {
	name, properties := scope(id, pid)
	if in, err := within(pid, name); err != nil || in {
		return err
	}
	c, err := systemd.NewSystemdConnectionContext(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var refused dbus.Error
	_, err = c.StartTransientUnitContext(ctx, name, "fail", properties, nil)
	if err != nil && !(errors.As(err, &refused) && refused.Name == "org.freedesktop.systemd1.UnitExists") { // the other has asked already
		return err
	}
	for { // it has agreed to, and does it in its own time
		if in, err := within(pid, name); err != nil || in {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// within says whether a process is in a unit.
func within(pid int, unit string) (bool, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return strings.Contains(string(text), "/"+unit), err
}

// scope is the unit that is to hold a job's process. systemd-run cannot make it: it would have to stand between the submitter and the
// runner, which inherits the job's flock.
func scope(id, pid int) (name string, properties []systemd.Property) {
	return fmt.Sprintf("gantry-job-%d-%d.scope", id, pid), []systemd.Property{
		systemd.PropDescription(fmt.Sprintf("Gantry job %d", id)), systemd.PropSlice("ganeti.slice"), systemd.PropPids(uint32(pid)),
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
	}
}
