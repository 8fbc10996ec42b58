// Package fake is Ganeti's hypervisor for trying things out: a guest is a file that says it runs. The file has three
// lines: an id that is always 0, memory in MiB, number of CPUs.
package fake

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Root is where the files of a node's guests are.
const Root = "/var/run/ganeti/fake-hypervisor"

// ConsoleMessage is what gnt-instance console says of every fake guest.
const ConsoleMessage = "Console not available for fake hypervisor"

// mark writes a guest's file, for which the directory is made if need be. With "new" it must not be there yet (exit
// status 10), with "old" it must.
const mark = `umask 077
[ -d "$1" ] || (umask 022 && mkdir -p "$1" && chmod 0775 "$1") || exit
case $2 in
new) [ ! -e "$1/$3" ] || exit 10 ;;
old) [ -e "$1/$3" ] || exit 10 ;;
esac
printf '0\n%d\n%d\n' "$4" "$5" >"$1/$3.new" && mv "$1/$3.new" "$1/$3"`

// unmark removes a guest's file. Exit status 10: there is none.
const unmark = `[ -e "$1/$2" ] || exit 10
rm "$1/$2"`

func markUp(when, name string, memory, vcpus int64) remote.Cmd {
	c := remote.Script(mark, Root, when, name, strconv.FormatInt(memory, 10), strconv.FormatInt(vcpus, 10))
	c.OK = []int{10}
	c.Changes = "starts instance " + name
	if when == "old" {
		c.Changes = "changes the memory of instance " + name
	}
	return c
}

func markDown(name string) remote.Cmd {
	c := remote.Script(unmark, Root, name)
	c.OK = []int{10}
	c.Changes = "stops instance " + name
	return c
}

// do runs a command whose exit status 10 is a refusal. It has nothing to say: of a node that talks nobody knows what it has done.
func do(ctx context.Context, r remote.Runner, node string, c remote.Cmd, refusal string) error {
	out, err := r.Run(ctx, node, c)
	if err == nil && out.Status == 10 {
		return fault.New(fault.Hypervisor, "%s", refusal)
	}
	if err == nil && len(out.Stdout) > 0 {
		return &remote.Error{Node: node, Line: c.Line(), Outcome: remote.Unknown, Err: fmt.Errorf("unexpected answer %.40q", out.Stdout)}
	}
	return err
}

// Start starts a guest.
func Start(ctx context.Context, r remote.Runner, node, name string, memory, vcpus int64) error {
	return do(ctx, r, node, markUp("new", name, memory, vcpus), "Failed to start instance "+name+": already running")
}

// Stop stops a guest.
func Stop(ctx context.Context, r remote.Runner, node, name string) error {
	return do(ctx, r, node, markDown(name), "Failed to stop instance "+name+": not running")
}

// Balloon changes a guest's memory.
func Balloon(ctx context.Context, r remote.Runner, node, name string, memory, vcpus int64) error {
	return do(ctx, r, node, markUp("old", name, memory, vcpus), "Failed to balloon memory for "+name+": not running")
}

// Accept refuses a guest on the target of a migration that runs there already.
func Accept(ctx context.Context, r remote.Runner, node, name string) error {
	c := remote.Script(`[ ! -e "$1/$2" ] || exit 10`, Root, name)
	c.OK = []int{10}
	return do(ctx, r, node, c, "Can't accept instance, already running")
}

// FinishTarget ends a migration on its target: the guest runs there now.
func FinishTarget(ctx context.Context, r remote.Runner, node, name string, memory, vcpus int64) error {
	return do(ctx, r, node, markUp("", name, memory, vcpus), "")
}

// Kill removes a guest whether it runs or not: what is left of the source of a migration, or of a failed start.
func Kill(ctx context.Context, r remote.Runner, node, name string) error {
	c := markDown(name)
	_, err := r.Run(ctx, node, c)
	return err
}

// State is a guest as its node knows it.
type State struct {
	Name          string
	Memory, VCPUs int64
}

// States lists the guests that run on a node.
func States(ctx context.Context, r remote.Runner, node string) ([]State, error) {
	out, err := r.Run(ctx, node, StateProbe())
	if err != nil {
		return nil, fmt.Errorf("listing instances: %w", err)
	}
	return ParseStates(out.Stdout)
}

// StateProbe is the command behind States, for who wants to gather several probes of a node.
func StateProbe() remote.Cmd {
	return remote.Script(`cd "$1" 2>/dev/null || exit 0
for name in *; do
	[ -f "$name" ] || continue
	case $name in *.new) continue ;; esac
	{ read -r id; read -r memory; read -r vcpus; } <"$name"
	printf '%s %s %s %s\n' "$name" "$id" "$memory" "$vcpus"
done`, Root)
}

// ParseStates reads StateProbe's output.
func ParseStates(out []byte) ([]State, error) {
	var list []State
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			return nil, fmt.Errorf("listing instances: unexpected answer %q", line)
		}
		s := State{Name: f[0]}
		var err error
		if s.Memory, err = strconv.ParseInt(f[2], 10, 64); err == nil {
			s.VCPUs, err = strconv.ParseInt(f[3], 10, 64)
		}
		if err != nil {
			return nil, fmt.Errorf("listing instances: unexpected answer %q", line)
		}
		list = append(list, s)
	}
	return list, nil
}

// FreeMemory is what a node with so much really free memory has left when its fake guests are thought of as real.
func FreeMemory(free int64, guests []State) int64 {
	for _, g := range guests {
		free -= g.Memory
	}
	return max(0, free)
}
