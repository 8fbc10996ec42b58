// Command bench measures Gantry's commands in a lab, each beside its floor measured in the same run, its goal, and what real
// Ganeti 3.0.2 was seen to take on such a machine with four nodes.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gantry/tests/lab"
)

const nodes = 4

func main() {
	if filepath.Base(os.Args[0]) == fillName {
		if err := fill(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(); err != nil {
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
	if out, err := exec.Command("make", "-s", "install", "DESTDIR="+work).CombinedOutput(); err != nil {
		return fmt.Errorf("make install: %w\n%s", err, out)
	}
	if err := copySelf(filepath.Join(work, "usr/sbin", fillName)); err != nil {
		return err
	}
	l, err := lab.Up(lab.Options{Nodes: nodes, ID: "bench", Bin: work}, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lab.Down("bench", "")) }()
	b := &bench{lab: l}
	fmt.Printf("%-44s %10s %10s %10s %10s\n", "what", "median", "floor", "goal", "Ganeti")
	for _, m := range b.measurements() {
		if err := b.measure(m); err != nil {
			return fmt.Errorf("%s: %w", m.what, err)
		}
	}
	return b.memory()
}

func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

// measurement is one line of the table. Commands run in bash on node1 with GNU time's precision: the loop is inside the node.
type measurement struct {
	what    string
	prepare string
	command string
	floor   string // a command whose time is the least possible; "" is none
	times   int
	goal    time.Duration
	factor  float64       // the goal as a multiple of the floor, where that is how it is set
	ganeti  time.Duration // recorded from Ganeti 3.0.2, four nodes, namespaces
}

type bench struct{ lab *lab.Lab }

const initCluster = `gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=fake,kvm ` +
	`--enabled-disk-templates=diskless,sharedfile --nic-parameters=link=br0 --ipolicy-bounds-specs=` +
	`min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/` +
	`max:memory-size=32768,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 --ipolicy-vcpu-ratio=64 cluster.example.com
for n in 2 3 4; do gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.1$n node$n.example.com; done`

const addOne = "gnt-instance add -t diskless -n node2 -o noop -H fake --no-ip-check --no-name-check "

// parallelSSH is the floor of whatever asks all nodes once.
const parallelSSH = "for n in 1 2 3 4; do ssh -o BatchMode=yes node$n true & done; wait"

func (b *bench) measurements() []measurement {
	return []measurement{
		{what: "gnt-cluster getmaster", prepare: initCluster, command: "gnt-cluster getmaster", floor: "/bin/true", times: 50, goal: 10 * time.Millisecond},
		{what: "one diskless add", command: addOne + "inst$i.example.com", floor: "ssh -o BatchMode=yes node2 true", times: 10,
			goal: 300 * time.Millisecond, ganeti: 2 * time.Second},
		{what: "20 adds submitted together", prepare: "gnt-instance list --no-headers -o name | xargs -n1 gnt-instance remove -f",
			command: "for k in $(seq 20); do " + addOne + "--submit b$i-$k.example.com 2>/dev/null & done; wait; " +
				"while gnt-job list --no-headers -o status | grep -qvE 'success|error|canceled'; do sleep 0.02; done",
			times: 3, goal: 4 * time.Second, ganeti: 34 * time.Second},
		{what: "gnt-instance list, live, 4 nodes", command: "gnt-instance list", floor: parallelSSH, times: 15, factor: 1.5, ganeti: 350 * time.Millisecond},
		{what: "gnt-node list, 4 nodes", command: "gnt-node list", floor: parallelSSH, times: 15, ganeti: 800 * time.Millisecond},
		{what: "gnt-cluster info", command: "gnt-cluster info", floor: "/bin/true", times: 15, ganeti: 450 * time.Millisecond},
		{what: "verify of 4 nodes, 100 instances", prepare: fillName + " 100; true", command: "gnt-cluster verify", floor: parallelSSH, times: 5,
			goal: 600 * time.Millisecond, ganeti: 5500 * time.Millisecond},
		{what: "a transaction to 3 candidates (add-tags)", command: "gnt-cluster add-tags t$i", floor: "printf '%s\\n' \"put /var/lib/ganeti/config.toml /root/x\" | " +
			"sftp -q -b - node2 >/dev/null", times: 15, factor: 3},
		{what: "list -o name, 1,000 instances", prepare: fillName + " 1000", command: "gnt-instance list --no-headers -o name", floor: "/bin/true", times: 30,
			goal: 60 * time.Millisecond, ganeti: 170 * time.Millisecond},
	}
}
