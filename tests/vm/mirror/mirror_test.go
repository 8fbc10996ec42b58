// Package mirror follows the data of one instance through all that is done to its mirrored disks, on real LVM and DRBD.
package mirror

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// stand is a cluster with one instance on two volume groups; what was written to its disks is known.
type stand struct {
	*vmlab.Lab
	t       *testing.T
	sum     string // of what was written
	turns   int    // how often that was
	settles int    // how often it was looked whether all is as it has to be
}

func (s *stand) must(node, text string) string {
	s.t.Helper()
	return s.Must(s.t, node, text)
}

// devices are the minors of the disks on a node, in the order of the disks.
func (s *stand) devices(node string) []string {
	s.t.Helper()
	return strings.Fields(s.must(node, "readlink /var/run/ganeti/instance-disks/inst1.example.com:0 /var/run/ganeti/instance-disks/inst1.example.com:1"))
}

// write fills the beginning of both disks where the instance runs.
func (s *stand) write(node string) {
	s.t.Helper()
	for _, d := range s.devices(node) {
		s.must(node, "dd if=/dev/urandom of="+d+" bs=1M count=16 oflag=direct 2>/dev/null")
	}
	s.sum = s.read(node)
}

func (s *stand) read(node string) string {
	s.t.Helper()
	return s.must(node, "set -eo pipefail; for d in "+strings.Join(s.devices(node), " ")+"; do dd if=$d bs=1M count=16 iflag=direct 2>/dev/null | md5sum; done")
}

// holds looks that the instance runs on a node, and only there, with the data that was written.
func (s *stand) holds(node string, others ...string) {
	s.t.Helper()
	if got := strings.Fields(s.must("node1", "gnt-instance list --no-headers -o pnode,status inst1")); got[0] != node+".example.com" || got[1] != "running" {
		s.t.Errorf("the instance is %s", got)
	}
	if got := s.read(node); got != s.sum {
		s.t.Errorf("its disks on %s are\n%swritten was\n%s", node, got, s.sum)
	}
	for _, other := range others {
		if got := s.must(other, "pgrep -fc '^/usr/bin/(kvm|qemu-system-[^ ]*) -name inst1' || true"); got != "0\n" {
			s.t.Errorf("%s processes of it are on %s", strings.TrimSpace(got), other)
		}
	}
}

// volumes are those of instances on a node, however they are named.
func (s *stand) volumes(node string) []string {
	s.t.Helper()
	return strings.Fields(s.must(node, "lvs --noheadings -o lv_name"))
}

var onDisks = regexp.MustCompile(`(ERROR|WARNING): (instance|node [^:]*: (volume|unallocated|drbd minor))`)

// errors are what verify finds wrong with instances and volumes.
func (s *stand) errors() (found string) {
	s.t.Helper()
	for line := range strings.Lines(s.Verify(s.t)) {
		if onDisks.MatchString(line) {
			found += line
		}
	}
	return found
}

// bounds let instances be small.
const bounds = "--ipolicy-bounds-specs max:cpu-count=8,disk-count=16,disk-size=1024,memory-size=1024,nic-count=8,spindle-use=12/" +
	"min:cpu-count=1,disk-count=1,disk-size=16,memory-size=64,nic-count=1,spindle-use=1"

// shared is the lab of all tests here: a start takes long. Each test leaves it without instances.
var shared *vmlab.Lab

func TestMain(m *testing.M) {
	status := m.Run()
	if shared != nil {
		if err := vmlab.Down("", shared.Dir()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
	}
	os.Exit(status)
}

// start gives a test the cluster, without instances.
func start(t *testing.T) *stand {
	t.Helper()
	vmlab.Need(t)
	if shared != nil {
		s := &stand{Lab: shared, t: t}
		s.set()
		return s
	}
	if dir := os.Getenv("GANTRY_VMLAB"); dir != "" { // one that somebody has started, which saves its start
		l, err := vmlab.Attach("", dir)
		if err != nil {
			t.Fatal(err)
		}
		s := &stand{Lab: l, t: t}
		s.set()
		return s
	}
	o := vmlab.Options{Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-job", "hail", "hbal", "harep")}
	o.UML = os.Getenv(lab.FaultsName) != "" // many turns: what is not emulated has them in a tenth of the time
	if o.UML {
		o.Memory = 8192 // hail and hbal keep 4 GiB for each node itself; what is not used costs nothing
	}
	o.Dir = vmlab.OwnDir(t, o)
	l, err := vmlab.Up(o, true, func(text string) { t.Log(text) })
	if err != nil {
		t.Fatal(err)
	}
	shared = l
	s := &stand{Lab: l, t: t}
	s.set()
	return s
}

// set makes the cluster, unless there is one, whose instances are removed then.
func (s *stand) set() {
	s.t.Helper()
	if s.Run("node1", "gnt-cluster getmaster").Status != 0 {
		s.Init(s.t, 3)
		s.must("node1", "gnt-cluster modify -H kvm:migration_downtime=300 -B minmem=64M,maxmem=64M -D drbd:resync-rate=20480 "+bounds)
		return
	}
	s.must("node1", "for i in $(gnt-instance list --no-headers -o name); do gnt-instance remove -f --shutdown-timeout 1 $i || exit; done")
}

func TestAMirroredInstanceKeepsItsData(t *testing.T) {
	s := start(t)
	for _, step := range []struct {
		name string
		run  func(*stand)
	}{
		{"a target without the volume group is refused before anything is made", refused},
		{"an instance on two volume groups", create},
		{"a live migration", migrate},
		{"a failover", failover},
		{"new volumes on the secondary", replaceSecondary},
		{"a node without the volume group is no new secondary", replaceRefused},
		{"grown", grow},
		{"a disk that comes while it runs", comes},
		{"its primary loses its power", dead},
		{"the dead node returns", returned},
		{"without a mirror, and with one again", convert},
		{"removed", remove},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			s := s
			defer func(before *testing.T) { s.t = before }(s.t)
			s.t = t
			step.run(s)
		}) {
			return // each step begins where the last one ended
		}
	}
}

const add = "gnt-instance add -t drbd -o noop --no-name-check --no-ip-check --no-install --disk 0:size=64M --disk 1:size=32M,vg=vg_ganeti_hdd "

func refused(s *stand) {
	for range 2 { // the first leaves nothing that the second would stumble over
		s.lacksGroup(add + "-n node1:node3 inst1.example.com")
	}
	for _, node := range []string{"node1", "node2", "node3"} {
		if got := s.volumes(node); len(got) > 0 {
			s.t.Errorf("%s has %s", node, got)
		}
	}
}

// lacksGroup has something refused that needs the second volume group on node3.
func (s *stand) lacksGroup(command string) {
	s.t.Helper()
	r := s.Run("node1", command)
	for _, word := range []string{"vg_ganeti_hdd", "node3", " MiB"} {
		if r.Status != 1 || !strings.Contains(r.Stderr, word) {
			s.t.Errorf("%s: status %d, no %q in %s", command, r.Status, word, r.Stderr)
		}
	}
}

func create(s *stand) {
	s.must("node1", add+"-n node1:node2 inst1.example.com && gnt-instance startup inst1")
	s.write("node1")
	s.holds("node1", "node2", "node3")
	for _, node := range []string{"node1", "node2"} {
		if got := s.must(node, "lvs --noheadings -o tags | sort -u | xargs; lvs --noheadings -o vg_name vg_ganeti_hdd | wc -l"); got != "originstname+inst1.example.com\n1\n" {
			s.t.Errorf("tags of the volumes on %s, and how many are on the second group: %s", node, got)
		}
	}
	if got := s.errors(); got != "" {
		s.t.Errorf("verify says\n%s", got)
	}
}

func migrate(s *stand) {
	s.must("node1", "gnt-instance migrate -f inst1")
	s.holds("node2", "node1", "node3")
	if got := s.must("node2", "grep -c 'ro:Primary/Secondary ds:UpToDate/UpToDate' /proc/drbd"); got != "2\n" {
		s.t.Errorf("disks that are whole, with one primary: %s", got)
	}
}

func failover(s *stand) {
	s.must("node1", "gnt-instance failover -f --shutdown-timeout 1 inst1")
	s.holds("node1", "node2", "node3")
}

func replaceSecondary(s *stand) {
	before := s.volumes("node2")
	s.must("node1", "gnt-instance replace-disks -s inst1")
	s.holds("node1", "node2", "node3")
	if got := s.volumes("node2"); strings.Join(got, " ") != strings.Join(before, " ") {
		s.t.Errorf("volumes on node2 are %s, were %s", got, before)
	}
	if got := s.errors(); got != "" {
		s.t.Errorf("verify says\n%s", got)
	}
}

func replaceRefused(s *stand) {
	s.lacksGroup("gnt-instance replace-disks -n node3 inst1")
	if got := s.volumes("node3"); len(got) > 0 {
		s.t.Errorf("node3 has %s", got)
	}
	s.holds("node1", "node2", "node3")
}

func grow(s *stand) {
	s.must("node1", "gnt-instance grow-disk inst1 0 32m && gnt-instance grow-disk --absolute inst1 1 64m")
	s.holds("node1", "node2", "node3")
	for i, want := range []string{"100663296", "67108864"} {
		if got := strings.TrimSpace(s.must("node1", "blockdev --getsize64 "+s.devices("node1")[i])); got != want {
			s.t.Errorf("disk/%d has %s bytes, want %s", i, got, want)
		}
	}
}

// comes gives the running guest one more disk, which moves with it; and has what looks after storage find nothing to do.
func comes(s *stand) {
	if said := s.must("node1", "gnt-instance modify -f --hotplug --disk add:size=32M inst1"); !strings.Contains(said, "hotplug:done") {
		s.t.Errorf("the disk was added without its guest:\n%s", said)
	}
	const drives = `printf 'info block\n' | timeout 20 socat -t 2 - UNIX-CONNECT:/run/ganeti/kvm-hypervisor/ctrl/inst1.example.com.monitor | grep -c '/instance-disks/inst1.example.com:[012]'`
	s.must("node1", "gnt-instance migrate -f inst1")
	if got := s.must("node2", drives); got != "3\n" {
		s.t.Errorf("of its disks qemu has %s after the migration", got)
	}
	s.holds("node2", "node1", "node3")
	s.must("node1", "gnt-instance migrate -f inst1 && gnt-cluster repair-disk-sizes")
	s.must("node1", "gnt-instance shutdown --timeout 1 inst1 && gnt-instance modify --disk 2:remove inst1 && gnt-instance startup inst1")
	s.holds("node1", "node2", "node3")
	s.must("node1", "gnt-node modify-storage --allocatable no node3 lvm-pv /dev/vdb && gnt-node list-storage -t lvm-pv --no-headers -o allocatable node3 | grep -qx N && "+
		"gnt-node modify-storage --allocatable yes node3 lvm-pv /dev/vdb && gnt-node repair-storage node3 lvm-vg vg_ganeti")
}

// dead is the runbook's way when a node dies, here the secondary's turn to become primary.
func dead(s *stand) {
	s.must("node1", "gnt-instance migrate -f inst1")
	if err := s.Kill("node2"); err != nil {
		s.t.Fatal(err)
	}
	if r := s.Run("node1", "gnt-instance failover -f --shutdown-timeout 1 inst1"); r.Status == 0 {
		s.t.Error("an instance whose node is only silent was started elsewhere")
	}
	s.must("node1", "gnt-node modify --offline=yes -f node2 && gnt-node failover -f --ignore-consistency node2")
	s.holds("node1", "node3")
}

func returned(s *stand) {
	if err := s.Power("node2"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check node2.example.com")
	s.holds("node1", "node2", "node3")
	if got := s.errors(); !strings.Contains(got, "instance inst1.example.com: ") {
		s.t.Errorf("verify does not name the instance whose mirror is not complete:\n%s", got)
	}
	// the runbook's filter over verify, which ends with a mirror that is whole again
	s.must("node1", "gnt-cluster verify | grep -e 'WARNING: instance' -e 'ERROR: instance' | sed 's/.*instance//;s/:.*//' | sort -u | "+
		"while read instance; do gnt-instance activate-disks --wait-for-sync $instance; done")
	if got := s.errors(); got != "" {
		s.t.Errorf("verify still says\n%s", got)
	}
	s.must("node1", "gnt-instance migrate -f inst1")
	s.holds("node2", "node1", "node3")
}

func convert(s *stand) {
	s.must("node1", "gnt-instance shutdown --timeout 1 inst1 && gnt-instance modify -t plain inst1")
	if got := s.volumes("node1"); len(got) > 0 {
		s.t.Errorf("the former secondary has %s", got)
	}
	s.must("node1", "gnt-instance modify -t drbd -n node1 inst1 && gnt-instance startup inst1")
	s.holds("node2", "node1", "node3")
	s.must("node1", "gnt-instance failover -f --shutdown-timeout 1 inst1")
	s.holds("node1", "node2", "node3")
}

func remove(s *stand) {
	s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 inst1")
	for _, node := range []string{"node1", "node2"} {
		if got := s.must(node, "lvs --noheadings; grep -E '^ *[0-9]+:' /proc/drbd || true"); got != "" {
			s.t.Errorf("%s has\n%s", node, got)
		}
	}
	s.must("node1", "gnt-cluster verify")
}

// TestTheLabLeavesNothing is the last one: what goes wrong at the end of the lab has a test's name, so that it can be repeated.
func TestTheLabLeavesNothing(t *testing.T) {
	start(t)
	if shared == nil {
		t.Skip("SKIPPED, NOT TESTED: the lab is somebody's")
	}
	if err := vmlab.Down("", shared.Dir()); err != nil {
		t.Error(err)
	}
	shared = nil
}
