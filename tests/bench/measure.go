package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// measure prepares, takes the times of the command and of its floor, and prints a line.
func (b *bench) measure(m measurement) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if m.prepare != "" {
		r, err := b.lab.Do(ctx, "node1", m.prepare)
		if err != nil || r.Status != 0 {
			return fmt.Errorf("preparing: status %d, %v\n%s%s", r.Status, err, r.Stdout, r.Stderr)
		}
	}
	took, err := b.median(ctx, m.command, m.times)
	if err != nil {
		return err
	}
	floor, goal := "-", "-"
	if m.floor != "" {
		least, err := b.median(ctx, m.floor, m.times)
		if err != nil {
			return err
		}
		floor = short(least)
		if m.factor != 0 {
			m.goal = time.Duration(m.factor * float64(least))
		}
	}
	if m.goal != 0 {
		goal = short(m.goal)
	}
	ganeti := "-"
	if m.ganeti != 0 {
		ganeti = short(m.ganeti)
	}
	missed := ""
	if m.goal != 0 && took > m.goal {
		missed = "  missed"
	}
	fmt.Printf("%-44s %10s %10s %10s %10s%s\n", m.what, short(took), floor, goal, ganeti, missed)
	return nil
}

func short(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// median runs a command some times in a loop inside node1. The loop counts in $i and takes the clock from bash itself; a
// command that fails ends it.
func (b *bench) median(ctx context.Context, command string, times int) (time.Duration, error) {
	loop := fmt.Sprintf(`for i in $(seq %d); do a=${EPOCHREALTIME/./}; { %s; } >/tmp/bench.out 2>&1 || { echo "status $?"; cat /tmp/bench.out; exit 1; }
b=${EPOCHREALTIME/./}; echo $((b - a)); done`, times, command)
	r, err := b.lab.Do(ctx, "node1", loop)
	if err != nil || r.Status != 0 {
		return 0, fmt.Errorf("%s: %v\n%s%s", command, err, r.Stdout, r.Stderr)
	}
	var all []time.Duration
	for word := range strings.FieldsSeq(r.Stdout) {
		us, err := strconv.Atoi(word)
		if err != nil {
			return 0, fmt.Errorf("%s: %q", command, r.Stdout)
		}
		all = append(all, time.Duration(us)*time.Microsecond)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// memory prints the largest resident set of commands at 1,000 instances, and what still runs after they ended.
func (b *bench) memory() error {
	for _, command := range []string{"gnt-instance list", "gnt-node list", "gnt-cluster info", "gnt-cluster add-tags memory"} {
		r := b.lab.Run("node1", `python3 - <<'P'
import resource, subprocess
subprocess.run("`+command+`", shell=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
P`)
		if r.Status != 0 {
			return fmt.Errorf("%s: %s", command, r.Stderr)
		}
		fmt.Printf("%-44s %7s MiB (goal 60 MiB)\n", "memory: "+command, strings.TrimSpace(r.Stdout))
	}
	r := b.lab.Run("node1", "ps -eo comm= | grep -c '^gnt-'")
	fmt.Printf("%-44s %7s (goal 0)\n", "processes of Gantry left", strings.TrimSpace(r.Stdout))
	return nil
}
