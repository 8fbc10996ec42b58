package kvm

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

//go:embed state.sh
var stateScript string

// State is what a node knows of one guest.
type State struct {
	Name   string
	PID    int // 0 when it does not run
	Memory int64
	VCPUs  int64
	Down   bool   // it is not running because its user powered it off
	Status string // qemu's word for what it does (running, paused, inmigrate …), "" when it was not asked
}

// Running says whether there is a qemu process, be it paused.
func (s State) Running() bool { return s.PID != 0 && !s.Down }

// What qemu calls a guest that was started paused and has never run, one that waits for another's memory, and one that has given its away.
const (
	Unborn  = "prelaunch"
	Waiting = "inmigrate"
	Left    = "postmigrate"
)

// Present says whether the guest is there as far as is known: qemu does not say that it has not begun, has not arrived or has left.
func Present(status string) bool {
	return !slices.Contains([]string{Unborn, Waiting, Left}, status)
}

// States asks a node for all its guests, in one round trip. Memory and status of the guests named in asked come from
// qemu itself, of the others from their command lines, which is the same unless their memory was ballooned.
func States(ctx context.Context, r remote.Runner, node string, asked ...string) ([]State, error) {
	out, err := r.Run(ctx, node, StateProbe(asked...))
	if err != nil {
		return nil, fmt.Errorf("listing instances: %w", err)
	}
	return ParseStates(out.Stdout)
}

// StateProbe is the command behind States, for who wants to gather several probes of a node.
func StateProbe(asked ...string) remote.Cmd { return remote.Script(guestScript+stateScript, asked...) }

// StatusProbe is StateProbe for who asks after many guests: one whose qemu is silent costs seconds, and has no status.
func StatusProbe(asked ...string) remote.Cmd {
	return remote.Script("limit='timeout 5'\n"+guestScript+stateScript, asked...)
}

// ParseStates reads StateProbe's output. Guests that only left files behind are not in it, but for those whose user
// powered them off.
func ParseStates(out []byte) ([]State, error) {
	text, commands, _ := bytes.Cut(out, []byte("=== commands\n"))
	parts := remote.Sections(text)
	argv := commandLines(commands)
	var list []State
	for line := range strings.Lines(parts["pids"]) {
		number, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		pid, err := strconv.Atoi(number)
		if err != nil || name == "" {
			return nil, fmt.Errorf("listing instances: unexpected answer %q", line)
		}
		if s, runs := running(name, argv[number]); runs {
			s.PID = pid
			list = append(list, s)
		}
	}
	for line := range strings.Lines(parts["down"]) {
		name := strings.TrimSuffix(line, "\n")
		if name == "" {
			return nil, fmt.Errorf("listing instances: unexpected answer %q", line)
		}
		if !slices.ContainsFunc(list, func(s State) bool { return s.Name == name }) {
			list = append(list, State{Name: name, Down: true})
		}
	}
	for line := range strings.Lines(parts["answers"]) {
		name, answers, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		for i := range list {
			if list[i].Name == name && list[i].PID != 0 {
				list[i].asked(strings.Split(answers, "\t"))
			}
		}
	}
	return list, nil
}

// commandLines reads what grep -zH gives for /proc/PID/cmdline: each word behind the name of its file.
func commandLines(out []byte) map[string][]string {
	argv := map[string][]string{}
	for word := range bytes.SplitSeq(out, []byte{0}) {
		file, word, found := strings.Cut(string(word), ":")
		pid, isPID := strings.CutPrefix(strings.TrimSuffix(file, "/cmdline"), "/proc/")
		if found && isPID {
			argv[pid] = append(argv[pid], word)
		}
	}
	return argv
}

// running reads a guest's facts from a command line, if it is that guest's.
func running(name string, argv []string) (State, bool) {
	s := State{Name: name}
	own := false
	for i := 1; i+1 < len(argv); i++ {
		value, _, _ := strings.Cut(argv[i+1], ",")
		switch argv[i] {
		case "-name":
			own = own || value == name
		case "-m":
			s.Memory, _ = strconv.ParseInt(value, 10, 64) // qemu's own unit suffixes are never written here
		case "-smp":
			s.VCPUs, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return s, own
}

// asked takes over what qemu answered to qmp_capabilities, query-status and query-balloon. The last is missing when a
// guest has no balloon device.
func (s *State) asked(answers []string) {
	if len(answers) > 1 {
		var status struct{ Return struct{ Status string } }
		if json.Unmarshal([]byte(answers[1]), &status) == nil {
			s.Status = status.Return.Status
			s.Down = s.Status == "shutdown" // qemu was told to stay, see Launch.UserShutdown
		}
	}
	if len(answers) > 2 {
		var balloon struct{ Return struct{ Actual int64 } }
		if json.Unmarshal([]byte(answers[2]), &balloon) == nil && balloon.Return.Actual > 0 {
			s.Memory = balloon.Return.Actual >> 20
		}
	}
}
