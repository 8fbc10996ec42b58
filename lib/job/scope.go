package job

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// enterScope moves this process out of the session, cron unit or service it was started from, which may end and take all
// its processes along, into a scope of its own. Without systemd there is nothing to leave.
func enterScope(ctx context.Context, id int) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	argv := scopeCommand(id, os.Getpid())
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("entering a systemd scope: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// scopeCommand asks systemd for a scope that holds a process. systemd-run cannot be used: it would have to stand between
// the submitter and the runner, which inherits the job's flock.
func scopeCommand(id, pid int) []string {
	return []string{
		"busctl", "call", "--quiet", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", "ssa(sv)a(sa(sv))",
		fmt.Sprintf("gantry-job-%d-%d.scope", id, pid), "fail",
		"4",
		"Description", "s", fmt.Sprintf("Gantry job %d", id),
		"Slice", "s", "ganeti.slice",
		"CollectMode", "s", "inactive-or-failed",
		"PIDs", "au", "1", strconv.Itoa(pid),
		"0",
	}
}
