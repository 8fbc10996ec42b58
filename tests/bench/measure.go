package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// times are what a command took, in ascending order.
type times []time.Duration

func (t times) median() time.Duration { return t[len(t)/2] }

// measure prepares, takes the times of the command and of its floor, and prints a line.
func (b *bench) measure(m measurement) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if m.prepare != "" {
		if _, err := b.do(ctx, m.prepare); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	took, least, err := b.both(ctx, m)
	if err != nil {
		return err
	}
	if least != nil && m.factor != 0 {
		m.goal = time.Duration(m.factor * float64(least.median()))
	}
	floor := time.Duration(0)
	if least != nil {
		floor = least.median()
	}
	missed := ""
	if m.goal != 0 && took.median() > m.goal {
		missed = "  missed"
		b.missed++
	}
	fmt.Printf("%-44s %10s %10s %10s %10s %10s%s\n", m.what, short(took.median()), short(took[0]), short(floor), short(m.goal), short(m.ganeti), missed)
	return nil
}

// both takes the times of a command and of its floor, if it has one.
func (b *bench) both(ctx context.Context, m measurement) (took, least times, err error) {
	if m.inside {
		out, err := b.do(ctx, m.command)
		if err != nil {
			return nil, nil, err
		}
		for line := range strings.Lines(out) {
			pair, err := microseconds(line)
			if err != nil || len(pair) != 2 {
				return nil, nil, fmt.Errorf("%s: %q", m.command, line)
			}
			took, least = append(took, pair[0]), append(least, pair[1])
		}
		slices.Sort(took)
		slices.Sort(least)
		return took, least, nil
	}
	if took, err = b.loop(ctx, m.command, m.times); err == nil && m.floor != "" {
		least, err = b.loop(ctx, m.floor, m.times)
	}
	return took, least, err
}

// short is a time in milliseconds; there is no time of 0.
func short(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// loop runs a command some times inside node1. The loop counts in $i and takes the clock from bash itself; a command that
// fails ends it.
func (b *bench) loop(ctx context.Context, command string, n int) (times, error) {
	out, err := b.do(ctx, fmt.Sprintf(`for i in $(seq %d); do a=${EPOCHREALTIME/./}; { %s; } >/tmp/bench.out 2>&1 || { cat /tmp/bench.out >&2; exit 1; }
b=${EPOCHREALTIME/./}; echo $((b - a)); done`, n, command))
	if err != nil {
		return nil, err
	}
	all, err := microseconds(out)
	if err != nil || len(all) != n {
		return nil, fmt.Errorf("%s: %q", command, out)
	}
	slices.Sort(all)
	return all, nil
}

func microseconds(text string) (all times, err error) {
	for word := range strings.FieldsSeq(text) {
		us, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		all = append(all, time.Duration(us)*time.Microsecond)
	}
	return all, nil
}

// do runs a shell text on the master and returns what it printed.
func (b *bench) do(ctx context.Context, text string) (string, error) {
	r, err := b.lab.Do(ctx, "node1", text)
	if err == nil && r.Status != 0 {
		err = fmt.Errorf("%s: status %d\n%s%s", text, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout, err
}

// peaks runs a command and prints its largest resident set, and that of any process of Gantry's that was there meanwhile: a
// job's process is nobody's child. Both in MiB.
const peaks = `python3 - "$@" <<'P'
import glob, os, resource, subprocess, sys
command = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
most = 0
while command.poll() is None:
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(path) as f:
                fields = dict(line.split(":", 1) for line in f)
        except OSError:
            continue
        if fields["Name"].strip().startswith("gnt-"):
            most = max(most, int(fields.get("VmHWM", "0").split()[0]))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, most // 1024, command.returncode)
P`

// memory prints what commands need at 1,000 instances.
func (b *bench) memory() error {
	const goal = 60
	for _, command := range []string{"gnt-instance list", "gnt-node list", "gnt-cluster info", "gnt-cluster add-tags memory", "gnt-instance modify -B vcpus=2 made900.example.com",
		"gnt-cluster verify"} {
		out, err := b.do(context.Background(), "set -- "+command+"; "+peaks)
		if err != nil {
			return err
		}
		var own, all, status int
		if _, err := fmt.Sscan(out, &own, &all, &status); err != nil || status != 0 {
			return fmt.Errorf("%s: %q", command, out)
		}
		missed := ""
		if max(own, all) > goal {
			missed = "  missed"
			b.missed++
		}
		fmt.Printf("memory: %-56s %4d MiB (goal %d MiB)%s\n", command, max(own, all), goal, missed)
	}
	return nil
}

// resident prints how many processes of Gantry there are on all nodes when no command runs; one that is about to end gets a moment.
func (b *bench) resident() error {
	left := 0
	for range 30 {
		left = 0
		for n := 1; n <= nodes; n++ {
			out := b.lab.Run(fmt.Sprintf("node%d", n), `ps -eo args= | grep -cE '^(/usr/sbin/)?(gnt-|ganeti-)|^sshd: root'`)
			count, err := strconv.Atoi(strings.TrimSpace(out.Stdout))
			if err != nil {
				return fmt.Errorf("counting processes: %q", out.Stdout)
			}
			left += count
		}
		if left == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if left > 0 {
		b.missed++
	}
	fmt.Printf("processes left on %d nodes: %d (goal 0)\n", nodes, left)
	return nil
}
