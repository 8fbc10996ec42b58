// Command bench measures Gantry's commands in a lab, each beside its floor measured in the same run, its goal, and what real
// Ganeti 3.0.2 was seen to take on such a machine with four nodes; then how long labs take to start; and the balancing tools beside
// those of Debian's ganeti-htools; and operations on mirrors beside real Ganeti's on the same virtual machines. "bench lab", "bench start",
// "bench htools" or "bench mirrors" measures that part alone. It fails when a goal is missed.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gantry/tests/inside"
	"gantry/tests/lab"
)

const nodes = 4

func main() {
	work := run
	switch filepath.Base(os.Args[0]) { // the same program is laid into the nodes under other names
	case fillName:
		work = fill
	case transactName:
		work = transact
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	work, err := os.MkdirTemp("", "gantry-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := lab.Install(work); err != nil {
		return err
	}
	for _, name := range []string{fillName, transactName} {
		if err := inside.CopySelf(filepath.Join(work, "usr/sbin"), name); err != nil {
			return err
		}
	}
	b := &bench{}
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"lab", func() error { return b.commands(work) }},
		{"start", b.starts},
		{"htools", func() error { return b.htools(filepath.Join(work, "usr/bin")) }},
		{"mirrors", func() error { return b.mirrors(work) }},
	} {
		if !asked(part.name) {
			continue
		}
		if err := part.measure(); err != nil {
			return err
		}
	}
	if b.missed > 0 {
		return fmt.Errorf("goals missed: %d (by the median; a busy machine misses what a quiet one keeps)", b.missed)
	}
	return nil
}

// asked says whether a part of the measurements is wanted: all are, unless some are named.
func asked(part string) bool { return len(os.Args) == 1 || slices.Contains(os.Args[1:], part) }

// commands measures what is installed in a tree in a lab of its own.
func (b *bench) commands(tree string) (err error) {
	if b.lab, err = lab.Up(lab.Options{Nodes: nodes, ID: "bench", Bin: tree}, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Down("bench", "")) }()
	fmt.Printf("%-44s %10s %10s %10s %10s %10s\n", "what", "median", "best", "floor", "goal", "Ganeti")
	for _, m := range measurements {
		if err := b.measure(m); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	if err := b.memory(); err != nil {
		return err
	}
	return b.resident()
}

// starts measures how long labs take until every node answers.
func (b *bench) starts() error {
	for _, m := range []struct {
		nodes int
		goal  time.Duration
	}{{3, 5 * time.Second}, {40, time.Minute}} {
		began := time.Now()
		if _, err := lab.Up(lab.Options{Nodes: m.nodes, ID: "bench-start"}, true); err != nil {
			return errors.Join(err, lab.Down("bench-start", ""))
		}
		took := time.Since(began)
		if err := lab.Down("bench-start", ""); err != nil {
			return err
		}
		missed := ""
		if took > m.goal {
			missed = "  missed"
			b.missed++
		}
		fmt.Printf("a lab of %-2d nodes started in %s (goal %s)%s\n", m.nodes, took.Round(10*time.Millisecond), m.goal, missed)
	}
	return nil
}

// measurement is one line of the table. Commands run in bash on node1 with GNU time's precision: the loop is inside the node.
type measurement struct {
	what    string
	prepare string
	command string
	inside  bool   // the command prints two times of its own, in microseconds: of the work and of its floor
	floor   string // a command whose time is the least possible; "" is none
	times   int
	goal    time.Duration
	factor  float64       // the goal as a multiple of the floor, where that is how it is set
	ganeti  time.Duration // recorded from Ganeti 3.0.2, four nodes, namespaces
}

type bench struct {
	lab    *lab.Lab
	missed int
}

const initCluster = `set -e; gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=fake ` +
	`--enabled-disk-templates=diskless,sharedfile --nic-parameters=link=br0 --ipolicy-bounds-specs=` +
	`min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/` +
	`max:memory-size=32768,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 --ipolicy-vcpu-ratio=64 cluster.example.com
for n in 2 3 4; do gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.1$n node$n.example.com; done`

const addOne = "gnt-instance add -t diskless -n node2 -o noop -H fake --no-ip-check --no-name-check "

// addTwenty submits at once and then waits for each job, without asking again and again: that would be work of its own.
const addTwenty = "for k in $(seq 20); do " + addOne + "--submit --print-jobid b$i-$k.example.com & done >/tmp/bench.ids 2>&1; wait; " +
	"grep -oE '[0-9]+$' /tmp/bench.ids | xargs -n1 gnt-job wait"

const removeAll = "gnt-instance list --no-headers -o name | xargs -n1 gnt-instance remove -f --submit --print-jobid | grep -oE '[0-9]+$' | xargs -n1 gnt-job wait"

const (
	// parallelSSH is the floor of whatever asks all nodes once.
	parallelSSH = "for n in 1 2 3 4; do ssh -o BatchMode=yes node$n true & done; wait"
	oneSSH      = "ssh -o BatchMode=yes node2 true"
	onePut      = `echo 'put -f /var/lib/ganeti/config.toml /root/bench.put' | sftp -q -b - node2`
)

var measurements = []measurement{
	{what: "gnt-cluster getmaster", prepare: initCluster, command: "gnt-cluster getmaster", floor: "/bin/true", times: 30, goal: 10 * time.Millisecond},
	{what: "one diskless add", command: addOne + "inst$i.example.com", floor: oneSSH, times: 10, goal: 300 * time.Millisecond, ganeti: 2 * time.Second},
	{what: "20 adds submitted together", prepare: removeAll, command: addTwenty, times: 3, goal: 4 * time.Second, ganeti: 34 * time.Second},
	{what: "gnt-instance list, live, 4 nodes", command: "gnt-instance list", floor: parallelSSH, times: 11, factor: 1.5, ganeti: 350 * time.Millisecond},
	{what: "gnt-node list, 4 nodes", command: "gnt-node list", floor: parallelSSH, times: 11, ganeti: 800 * time.Millisecond},
	{what: "gnt-cluster info", command: "gnt-cluster info", floor: "/bin/true", times: 11, ganeti: 450 * time.Millisecond},
	{what: "a modify, a start and a removal", command: "gnt-instance modify -B vcpus=2 b1-$i.example.com && gnt-instance reboot b1-$i.example.com && " +
		"gnt-instance remove -f b1-$i.example.com", floor: oneSSH, times: 5, ganeti: 4500 * time.Millisecond},
	{what: "verify of 4 nodes, 100 instances", prepare: fillName + " 100", command: "gnt-cluster verify", floor: parallelSSH, times: 5,
		goal: 600 * time.Millisecond, ganeti: 5500 * time.Millisecond},
	{what: "a transaction to 3 candidates, 100 instances", command: transactName + " 15 node2.example.com", inside: true, factor: 3},
	{what: "the same from the shell (add-tags)", command: "gnt-cluster add-tags t$i", floor: onePut, times: 11, factor: 3},
	{what: "list -o name, 1,000 instances", prepare: fillName + " 1000", command: "gnt-instance list --no-headers -o name", floor: "/bin/true", times: 15,
		goal: 60 * time.Millisecond, ganeti: 170 * time.Millisecond},
	{what: "a transaction to 3 candidates, 1,000", command: transactName + " 9 node2.example.com", inside: true, factor: 3},
	{what: "one diskless add, 1,000 instances", command: addOne + "late$i.example.com", floor: oneSSH, times: 5},
}
