package drbd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gantry/lib/remote"
	"gantry/lib/unit"
)

// Status is a line of /proc/drbd: what one side is doing.
type Status struct {
	Minor               int
	Connection          string // Connected, StandAlone, WFConnection, SyncSource …
	LocalRole, PeerRole string // Primary, Secondary, Unknown
	LocalDisk, PeerDisk string // UpToDate, Inconsistent, Diskless …
	Done                *float64
	Left                *int64 // seconds, as DRBD estimates
}

// Version is the first line, for comparing nodes.
type Version string

// States of a local disk as Ganeti grades them, from good to bad.
const (
	Okay    = "ok"
	Syncing = "sync"
	Unknown = "unknown"
	Faulty  = "faulty"
)

// resyncing are the connection states in which data is on its way, or about to be.
var resyncing = map[string]bool{"WFReportParams": true, "StartingSyncS": true, "StartingSyncT": true, "WFBitMapS": true, "WFBitMapT": true,
	"WFSyncUUID": true, "SyncSource": true, "SyncTarget": true, "PausedSyncS": true, "PausedSyncT": true}

// Unused says that the kernel knows the minor and nobody has set it up.
func (s Status) Unused() bool { return s.Connection == "Unconfigured" }

func (s Status) Connected() bool  { return s.Connection == "Connected" }
func (s Status) InResync() bool   { return resyncing[s.Connection] }
func (s Status) StandAlone() bool { return s.Connection == "StandAlone" }

// Primary says that the side can be written to.
func (s Status) Primary() bool { return s.LocalRole == "Primary" }

// Degraded says that the data is not on both nodes. Of a pair that is torn apart both sides are.
func (s Status) Degraded() bool { return !s.Connected() || s.LocalDisk != "UpToDate" }

// LocalStatus grades the local data.
func (s Status) LocalStatus() string {
	switch {
	case s.LocalDisk == "UpToDate":
		return Okay
	case s.LocalDisk == "Diskless":
		return Faulty
	case s.InResync():
		return Syncing
	}
	return Unknown
}

// Percent is how much has been synchronized, nil when nothing has to be.
func (s Status) Percent() *float64 {
	if s.Done == nil && s.InResync() {
		return new(float64)
	}
	return s.Done
}

// StatusProbe asks for all minors of a node. A node without DRBD has none.
func StatusProbe() remote.Cmd {
	return remote.Script(`[ ! -e /proc/drbd ] || cat /proc/drbd`)
}

// helperFile is where the module shows its helper.
const helperFile = "/sys/module/drbd/parameters/usermode_helper"

// Helper is the program that the module of a node calls at events. The error is Ganeti's where the module is not loaded.
func Helper(ctx context.Context, r remote.Runner, node string) (string, error) {
	out, err := r.Run(ctx, node, HelperProbe())
	if e, ok := errors.AsType[*remote.Error](err); ok && e.Outcome == remote.Failed && e.Status == 1 {
		return "", fmt.Errorf("The file %s cannot be opened, check if the module is loaded ([Errno 2] No such file or directory: '%s')", helperFile, helperFile)
	}
	return strings.TrimSpace(string(out.Stdout)), err
}

// HelperProbe asks for the program that the module calls at events. It fails where the module is not loaded.
func HelperProbe() remote.Cmd {
	return remote.Command("cat", helperFile)
}

// Statuses lists the minors that a node has set up.
func Statuses(ctx context.Context, r remote.Runner, node string) (map[int]Status, error) {
	out, err := r.Run(ctx, node, StatusProbe())
	if err != nil {
		return nil, fmt.Errorf("reading /proc/drbd: %w", err)
	}
	_, all, err := ParseStatus(out.Stdout)
	return all, err
}

var (
	minorLine    = unit.Form(`^ *(\d+): cs:(.*)$`)
	minorState   = unit.Form(`^(\S+)(?:\s+(?:st|ro):([^/\s]+)/(\S+)\s+ds:([^/\s]+)/(\S+))?`)
	progressPart = unit.Form(`sync'ed:\s*(\d+(?:\.\d+)?)%`)
	finishPart   = unit.Form(`finish: (\d+):(\d+):(\d+)`)
)

// ParseStatus reads /proc/drbd. The lines that follow a minor's first one belong to it.
func ParseStatus(out []byte) (Version, map[int]Status, error) {
	all := map[int]Status{}
	var version Version
	last := -1
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "version: ") && version == "" {
			version = Version(strings.TrimPrefix(line, "version: "))
			continue
		}
		if found := minorLine().FindStringSubmatch(line); found != nil {
			s, err := parseMinor(found[1], found[2])
			if err != nil {
				return version, nil, err
			}
			last = s.Minor
			if s.Unused() {
				last = -1
				continue
			}
			all[last] = s
			continue
		}
		if s, ok := all[last]; ok {
			s.progress(line)
			all[last] = s
		}
	}
	return version, all, nil
}

func parseMinor(number, rest string) (Status, error) {
	minor, err := strconv.Atoi(number)
	found := minorState().FindStringSubmatch(rest)
	if err != nil || found == nil {
		return Status{}, fmt.Errorf("/proc/drbd has the line %q", number+": cs:"+rest)
	}
	return Status{Minor: minor, Connection: found[1], LocalRole: found[2], PeerRole: found[3], LocalDisk: found[4], PeerDisk: found[5]}, nil
}

func (s *Status) progress(line string) {
	if found := progressPart().FindStringSubmatch(line); found != nil {
		if done, err := strconv.ParseFloat(found[1], 64); err == nil && !math.IsInf(done, 0) {
			s.Done = &done
		}
	}
	if found := finishPart().FindStringSubmatch(line); found != nil {
		var left int64
		for _, part := range found[1:] {
			n, err := strconv.ParseInt(part, 10, 32)
			if err != nil {
				return
			}
			left = left*60 + n
		}
		s.Left = &left
	}
}
