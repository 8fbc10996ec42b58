package vmlab

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// Start starts a lab for one test and ends it after that, or when the test's process dies. It has a directory of its own.
func Start(t testing.TB, o Options) *Lab {
	t.Helper()
	Need(t)
	if o.Dir == "" {
		o.Dir = OwnDir(t, o)
	}
	l, err := Up(o, true, func(text string) { t.Log(text) })
	if err != nil {
		t.Fatal(err)
	}
	l.EndWith(t, Down)
	return l
}

// OwnDir makes a directory for a lab of tests. Disks of user mode Linux are in memory: it waits for what the others do not wait for.
func OwnDir(t testing.TB, o Options) string {
	t.Helper()
	parent := ""
	if o.UML {
		parent = inMemory
	}
	return lab.OwnDir(t, parent, dirPrefix)
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
		t.Skipf("SKIPPED, NOT TESTED: takes long; run as root with %s=1 and %s=all", lab.Switch, lab.FaultsName)
	}
	Need(t)
}

// All tells whether tests are to do all that they can.
func All() bool { return os.Getenv(lab.FaultsName) == "all" }

// runLimit is how long Run lets a command run.
const runLimit = 10 * time.Minute

// Verify is what "gnt-cluster verify" says, which has to come to its end.
func (l *Lab) Verify(t testing.TB) string {
	t.Helper()
	r := l.Run("node1", "gnt-cluster verify")
	if r.Status > 1 || !strings.Contains(r.Stdout, "* Hooks Results") {
		t.Fatalf("verify: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
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
