package kvm

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

//go:embed start.sh
var startScript string

// Start launches the guest of a runtime on a node, paused, and leaves it so; Resume makes it run. uids is the cluster's
// pool, used with the security model of that name. On failure the caller cleans up (Stop, bridge.Down, the disk links).
func Start(ctx context.Context, r remote.Runner, node string, rt Runtime, l Launch, e Emulator, uids []int64) error {
	c, err := start(rt, l, e, uids)
	if err != nil {
		return err
	}
	out, err := r.Run(ctx, node, c)
	if err != nil {
		return fmt.Errorf("starting %s: %w", l.Name, err)
	}
	return startFailure(l.Name, out)
}

func start(rt Runtime, l Launch, e Emulator, uids []int64) (remote.Cmd, error) {
	command, user, err := argv(rt, l, e)
	if err != nil {
		return remote.Cmd{}, err
	}
	pool := ""
	if l.Security == "pool" {
		if len(uids) == 0 {
			return remote.Cmd{}, fault.New(fault.Generic, "Failed to find an unused user-id")
		}
		pool = strings.Trim(fmt.Sprint(uids), "[]")
	}
	c := remote.Script(guestScript+startScript, append([]string{l.Name, pool, user[0], user[1], strings.Join(l.Taps, " ")}, command...)...)
	if l.Incoming == "" {
		if c.Stdin, err = rt.Encode(); err != nil {
			return c, fmt.Errorf("writing the runtime file of %s: %w", l.Name, err)
		}
	}
	c.OK = []int{10, 11, 12, 13, 14}
	c.Limit = 5 * time.Minute // much memory takes long to be set aside
	c.Changes = "starts instance " + l.Name
	return c, nil
}

// startFailure gives Ganeti's words for what start.sh says by its exit status.
func startFailure(name string, out remote.Result) error {
	said := strings.TrimSuffix(string(out.Stdout), "\n")
	switch out.Status {
	case 10:
		return fail("Failed to start instance %s: already running", name)
	case 11:
		status, output, _ := strings.Cut(said, "\n")
		if output != "" {
			output += "\n"
		}
		return fail("Failed to start instance %s: %s (%s)", name, ended(status), output)
	case 12:
		return fail("Failed to start instance %s", name)
	case 13:
		return fault.New(fault.Generic, "Error while executing backend function: 'getpwuid(): uid not found: %s'", said)
	case 14:
		return fault.New(fault.Generic, "Failed to find an unused user-id")
	}
	return nil
}

// ended says how a process ended, from its status in sh.
func ended(status string) string {
	if n, err := strconv.Atoi(status); err == nil && n > 128 {
		return fmt.Sprintf("terminated by signal %d", n-128)
	}
	return "exited with exit code " + status
}

// SetUp does to a guest that was just started what has to come before its first instruction: passwords of the display,
// CPU pinning, and less memory than its maximum if the node has not more.
func SetUp(ctx context.Context, r remote.Runner, node string, g Guest, startMemory int64) error {
	if err := setPasswords(ctx, r, node, g); err != nil {
		return err
	}
	if err := Pin(ctx, r, node, g.Name, g.HV); err != nil {
		return err
	}
	if startMemory < g.MaxMem {
		return Balloon(ctx, r, node, g.Name, startMemory)
	}
	return nil
}

// StartMemory is how much of its memory a guest starts with: what the node has free, within the guest's limits.
func StartMemory(g Guest, nodeFree int64) int64 { return max(g.MinMem, min(g.MaxMem, nodeFree)) }

// Resume lets a paused guest run.
func Resume(ctx context.Context, r remote.Runner, node, name string) error {
	return change(ctx, r, node, name, "resumes", request{Execute: "cont"})
}

// Pause stops a guest's CPUs.
func Pause(ctx context.Context, r remote.Runner, node, name string) error {
	return change(ctx, r, node, name, "pauses", request{Execute: "stop"})
}

// Balloon gives a guest so much memory as MiB says, at most what it was started with. The guest has to agree.
func Balloon(ctx context.Context, r remote.Runner, node, name string, mib int64) error {
	return change(ctx, r, node, name, "changes the memory of", balloon(mib))
}

func balloon(mib int64) request { return request{"balloon", attributes{"value": mib << 20}} }

// change runs requests that alter a guest and whose answers say nothing.
func change(ctx context.Context, r remote.Runner, node, name, what string, requests ...request) error {
	c := exchange(name, requests...)
	c.Changes = what + " instance " + name
	_, err := ask(ctx, r, node, c)
	return err
}

// setPasswords hands the display the password that a file of the node holds. It goes to qemu over its socket, so that it
// stands on no command line and in no log.
func setPasswords(ctx context.Context, r remote.Runner, node string, g Guest) error {
	protocol, file := "vnc", g.HV.String("vnc_password_file")
	if g.HV.String("vnc_bind_address") == "" {
		protocol, file = "spice", g.HV.String("spice_password_file")
		if g.HV.String("spice_bind") == "" {
			return nil
		}
	}
	if file == "" {
		return nil
	}
	out, err := r.Run(ctx, node, remote.Command("head", "-n", "1", "--", file))
	if err != nil {
		return fail("Failed to open %s password file %s: %v", strings.ToUpper(protocol), file, err)
	}
	c := exchange(g.Name, request{"set_password", attributes{"protocol": protocol, "password": string(bytes.TrimRight(out.Stdout, "\r\n"))}})
	c.Secret, c.Changes = true, "sets the display's password of instance "+g.Name
	_, err = ask(ctx, r, node, c)
	return err
}

// Pin ties the guest's CPUs to those of the node, as cpu_mask says.
func Pin(ctx context.Context, r remote.Runner, node, name string, hv config.Params) error {
	masks, err := ParseMasks(hv.String("cpu_mask"))
	if err != nil {
		return fail("%v", err)
	}
	if len(masks) == 1 && masks[0] == nil {
		return nil
	}
	got, err := ask(ctx, r, node, exchange(name, request{Execute: "query-cpus-fast"}))
	if err != nil {
		return err
	}
	threads, err := parseThreads(got[0])
	if err != nil {
		return err
	}
	if _, err := r.Run(ctx, node, pin(name, masks, threads)); err != nil {
		return fmt.Errorf("pinning CPUs of %s: %w", name, err)
	}
	return nil
}

func parseThreads(answer json.RawMessage) ([]int, error) {
	var cpus []struct {
		Index  int `json:"cpu-index"`
		Thread int `json:"thread-id"`
	}
	if err := json.Unmarshal(answer, &cpus); err != nil {
		return nil, fmt.Errorf("reading qemu's list of CPUs: %w", err)
	}
	threads := make([]int, len(cpus))
	for _, cpu := range cpus {
		if cpu.Index < 0 || cpu.Index >= len(cpus) {
			return nil, fmt.Errorf("reading qemu's list of CPUs: index %d of %d", cpu.Index, len(cpus))
		}
		threads[cpu.Index] = cpu.Thread
	}
	return threads, nil
}

// pin ties the whole process, which the pid file names, or each of the CPUs' threads.
func pin(name string, masks [][]int, threads []int) remote.Cmd {
	c := remote.Script(`taskset --all-tasks --pid --cpu-list "$1" "$(cat "$2")"`, cpuList(masks[0]), pidFile(name))
	if len(masks) > 1 {
		var args []string
		for i, mask := range masks[:min(len(masks), len(threads))] {
			if mask != nil {
				args = append(args, cpuList(mask), strconv.Itoa(threads[i]))
			}
		}
		c = remote.Script(`while [ $# -gt 1 ]; do taskset --pid --cpu-list "$1" "$2" || exit; shift 2; done`, args...)
	}
	c.Changes = "pins instance " + name
	return c
}

func cpuList(mask []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(mask), "[]"), " ", ",")
}
