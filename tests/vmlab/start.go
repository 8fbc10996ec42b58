package vmlab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gantry/tests/lab"
)

// Start starts a lab for one test and ends it after that, or when the test's process dies. It has a directory of its own.
func Start(t testing.TB, o Options) *Lab {
	t.Helper()
	Need(t)
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", dirPrefix+"-test-")
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = dir
	}
	l, err := Up(o, true, func(text string) { t.Log(text) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			l.showLogs(t)
		}
		if err := Down("", o.Dir); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Need skips a test that needs virtual machines unless GANTRY_LAB=1 is set. With it set, a machine that cannot run them fails
// the test.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv(lab.Switch) != "1" {
		t.Skipf("SKIPPED, NOT TESTED: needs virtual machines; run as root with %s=1", lab.Switch)
	}
	if err := checkTools(); err != nil {
		t.Fatal(err)
	}
}

// NeedAll is Need for what takes too long for "make test": "make test-faults" has it.
func NeedAll(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skipf("SKIPPED, NOT TESTED: takes long; run as root with %s=1 and GANTRY_FAULTS=all", lab.Switch)
	}
	Need(t)
}

// All tells whether tests are to do all that they can.
func All() bool { return os.Getenv("GANTRY_FAULTS") == "all" }

// RunLimit is how long Run lets a command run.
const RunLimit = 10 * time.Minute

// Run runs a shell text in a node. It panics if there is no such node or it has no power: a test that may meet that uses Do.
func (l *Lab) Run(node, text string) lab.Result {
	ctx, cancel := context.WithTimeout(context.Background(), RunLimit)
	defer cancel()
	r, err := l.Do(ctx, node, text)
	if err != nil {
		panic(err)
	}
	return r
}

// Must is Run for commands whose failure ends the test. It returns what they printed on standard output.
func (l *Lab) Must(t testing.TB, node, text string) string {
	t.Helper()
	r := l.Run(node, text)
	if r.Status != 0 {
		t.Fatalf("%s: %s\nstatus %d\n%s%s", node, text, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Init makes a cluster of the first n nodes, node1 being its master, whose instances are on LVM and DRBD.
func (l *Lab) Init(t testing.TB, n int) {
	t.Helper()
	mode := "bridged"
	if l.OVS {
		mode = "openvswitch"
	}
	l.Must(t, "node1", fmt.Sprintf("gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=kvm --vg-name=vg_ganeti "+
		"--drbd-usermode-helper=/bin/true --enabled-disk-templates=drbd,plain,diskless --nic-parameters=mode=%s,link=br0 "+
		"--hypervisor-parameters=kvm:kernel_path=,kvm_flag=disabled cluster.%s", mode, l.Domain))
	for i := 2; i <= n; i++ {
		l.Must(t, "node1", fmt.Sprintf("gnt-node add --no-ssh-key-check --secondary-ip=%s node%d.%s", lab.Secondary(i), i, l.Domain))
	}
}

// showLogs prints what a reader of a failed test asks for first.
func (l *Lab) showLogs(t testing.TB) {
	list, _ := filepath.Glob(filepath.Join(l.config.Dir, "nodes/*/console.log"))
	for _, path := range list {
		if text, _ := os.ReadFile(path); len(text) > 0 {
			t.Logf("%s:\n%s", path, text[max(0, len(text)-3000):])
		}
	}
}
