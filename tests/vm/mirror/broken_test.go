package mirror

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/tests/vmlab"
)

// writer writes numbered records to a device, from the fifth MiB on, and prints the number of each once it is on the disk.
type writer struct {
	cmd  *exec.Cmd
	text bytes.Buffer
}

const (
	records = 8192 // where they begin, in sectors
	writing = `n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); printf '%-511s\n' $n | dd of=DEVICE bs=512 seek=$((8192 + n)) oflag=direct,sync conv=notrunc 2>/dev/null || exit; echo $n; done`
)

func (s *stand) writer(node, device string) *writer {
	s.t.Helper()
	cmd, err := s.Command(node, "bash", "-c", strings.ReplaceAll(writing, "DEVICE", device))
	if err != nil {
		s.t.Fatal(err)
	}
	w := &writer{cmd: cmd}
	cmd.Stdout = &w.text
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return w
}

// stop waits until the writer has ended, with its node or because it is told to, and returns the last number that it had printed.
func (w *writer) stop() (last string) {
	w.cmd.Process.Kill()
	w.cmd.Wait()
	text := w.text.String()
	lines := strings.Fields(text[:strings.LastIndexByte(text, '\n')+1])
	if len(lines) == 0 {
		return "0"
	}
	return lines[len(lines)-1]
}

// records fails unless all records up to that number are on a device.
func (s *stand) records(node, device, last string) {
	s.t.Helper()
	if last == "0" {
		s.t.Error("nothing was written")
	}
	r := s.Run(node, fmt.Sprintf("dd if=%s bs=512 skip=%d count=%s iflag=direct 2>/dev/null | "+
		"awk '$1 != NR { print \"record \" NR \" is \" $1; exit } END { exit NR != %[3]s || $1 != NR }'", device, records+1, last))
	if r.Status != 0 {
		s.t.Errorf("of %s records on %s: %s%s", last, node, r.Stdout, r.Stderr)
	}
}

const addBroken = "gnt-instance add -t drbd -o noop --no-name-check --no-ip-check --no-install --disk 0:size=32M "

func (s *stand) device() string {
	s.t.Helper()
	return strings.TrimSpace(s.must(s.field("pnode"), "readlink /var/run/ganeti/instance-disks/"+victim+":0"))
}

// TestMirrorsThatBreak cuts, kills and splits mirrors while they are written to.
func TestMirrorsThatBreak(t *testing.T) {
	vmlab.NeedAll(t)
	s := start(t)
	s.must("node1", addBroken+"-n node2:node3 "+victim+" && gnt-instance startup "+victim)
	for _, step := range []struct {
		name string
		run  func(*stand)
	}{
		{"the replication network fails for a while", replicationFails},
		{"a side is cut off while its volumes are exchanged", cutOffDetached},
		{"a volume is lost", volumeIsLost},
		{"both sides are written", bothWritten},
		{"a migration whose target dies", targetDies},
		{"a migration whose target loses its power", targetLosesPower},
		{"a migration whose source loses its power", sourceLosesPower},
		{"the node loses its power while it writes", powerFails},
	} {
		if !t.Run(step.name, func(t *testing.T) { s.in(t, func() { step.run(s) }) }) {
			return
		}
	}
	s.must("node1", "gnt-instance remove -f --shutdown-timeout 1 "+victim)
}

// replicationFails: the primary goes on alone, verify tells, and the mirror becomes whole when the network is back.
func replicationFails(s *stand) {
	w := s.writer("node2", s.device())
	time.Sleep(3 * time.Second)
	if err := s.Link("node3", "san", "down"); err != nil {
		s.t.Fatal(err)
	}
	time.Sleep(20 * time.Second)
	if said := s.errors(); !strings.Contains(said, "WARNING: instance "+victim+": disk/0 on node3.example.com is degraded; local disk state is 'ok'") {
		s.t.Errorf("verify does not tell that the mirror is broken:\n%s", said)
	}
	if err := s.Link("node3", "san", "up"); err != nil {
		s.t.Fatal(err)
	}
	// DRBD looks for its peer every ten seconds, which is how long the command waits for it, as Ganeti's does
	s.must("node1", "for i in 1 2 3; do gnt-instance activate-disks --wait-for-sync "+victim+" && exit; done; exit 1")
	last := w.stop()
	s.records("node2", s.device(), last)
	s.wholeAgain()
	s.must("node1", "gnt-instance failover -f --shutdown-timeout 1 "+victim)
	s.records("node3", s.device(), last)
	s.must("node1", "gnt-instance migrate -f "+victim)
}

// wholeAgain waits for a mirror that can be used, and looks whether verify is content.
func (s *stand) wholeAgain() {
	s.t.Helper()
	inv := s.inventory()
	inst := inv.cfg.InstanceByName(victim)
	s.whole(inv, []string{inv.short(inst.PrimaryNode), inv.short(inv.cfg.SecondaryNodes(inst)[0])})
	if said := s.errors(); said != "" {
		s.t.Errorf("verify says\n%s", said)
	}
}

// bothWritten: a primary that nobody hears is declared dead, and was not. When it is back the instance runs twice, until the operator
// ends it there and flips the disks; what the side that is its primary now has written stays.
func bothWritten(s *stand) {
	old := s.device()
	s.must("node2", "dd if=/dev/urandom of="+old+" bs=1M count=2 oflag=direct 2>/dev/null")
	if err := s.Cut("node2"); err != nil {
		s.t.Fatal(err)
	}
	if r := s.Run("node1", "gnt-instance failover -f --shutdown-timeout 1 "+victim); r.Status == 0 {
		s.t.Error("an instance whose node is only silent was started elsewhere")
	}
	s.must("node1", "gnt-node modify --offline=yes -f node2 && gnt-node failover -f --ignore-consistency node2")
	device := s.device()
	s.must("node3", "dd if=/dev/urandom of="+device+" bs=1M count=2 oflag=direct 2>/dev/null")
	s.sum = s.begins("node3", device)
	s.must("node2", "dd if=/dev/urandom of="+old+" bs=1M count=2 oflag=direct seek=2 2>/dev/null")
	if err := s.Heal("node2"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check node2.example.com")
	said := s.Verify(s.t)
	for _, want := range []string{"instance " + victim + ": instance should not run on node node2.example.com", "instance " + victim + ": disk/0 on node3.example.com is degraded"} {
		if !strings.Contains(said, want) {
			s.t.Errorf("verify does not say %q:\n%s", want, said)
		}
	}
	if r := s.Run("node1", "gnt-instance migrate -f "+victim); r.Status == 0 {
		s.t.Error("an instance that runs twice was migrated")
	}
	s.t.Logf("activate-disks says\n%s", s.Run("node1", "gnt-instance activate-disks "+victim).Stderr)
	s.t.Logf("verify-disks says\n%s", s.Run("node1", "gnt-cluster verify-disks").Stdout)
	if got := s.begins("node3", device); got != s.sum {
		s.t.Error("what was written on the primary is lost before anything was decided")
	}
	s.must("node2", "pkill -f '^/usr/bin/[^ ]* -name "+victim+" '; sleep 2; drbdsetup secondary "+strings.TrimPrefix(old, "/dev/drbd"))
	s.t.Logf("activate-disks says\n%s", s.Run("node1", "gnt-instance activate-disks "+victim).Stderr)
	if got := s.begins("node3", device); got != s.sum {
		s.t.Error("what was written on the primary is lost")
	}
	s.must("node1", "gnt-instance shutdown --timeout 1 "+victim+" && gnt-instance modify -t plain "+victim+" && gnt-instance modify -t drbd -n node2 "+victim+
		" && gnt-instance startup "+victim)
	s.wholeAgain()
	if got := s.begins("node3", s.device()); got != s.sum {
		s.t.Error("what was written on the primary is lost by the flip")
	}
	s.must("node1", "gnt-instance failover -f --shutdown-timeout 1 "+victim)
	if got := s.begins("node2", s.device()); got != s.sum {
		s.t.Error("the other side has other data")
	}
}

// targetDies: the guest goes on where it was, and only one side of its mirror can be written.
func targetDies(s *stand) {
	source, target := s.sides()
	kill, err := s.Command(target, "sh", "-c", "for i in $(seq 3000); do p=$(pgrep -f '^/usr/bin/[^ ]* -name "+victim+" ') && kill -9 $p && exit; sleep 0.1; done; exit 1")
	if err != nil {
		s.t.Fatal(err)
	}
	if err := kill.Start(); err != nil {
		s.t.Fatal(err)
	}
	r := s.Run("node1", "gnt-instance migrate -f "+victim)
	if err := kill.Wait(); err != nil || r.Status == 0 {
		s.t.Errorf("killing the guest on the target: %v; the migration ended with %d: %s", err, r.Status, r.Stdout)
	}
	inv := s.inventory()
	if on := inv.on(victim); !slices.Equal(on, []string{source}) || s.field("pnode") != source+".example.com" {
		s.t.Errorf("it runs on %s, its primary node is %s", on, s.field("pnode"))
	}
	s.oneWriter()
	s.wholeAgain()
	s.must("node1", "gnt-instance migrate -f "+victim)
	s.must("node1", "gnt-instance migrate -f "+victim)
}

// sides are the node that the victim belongs to and the one of its mirror.
func (s *stand) sides() (primary, secondary string) {
	s.t.Helper()
	return strings.TrimSuffix(s.field("pnode"), ".example.com"), strings.TrimSuffix(s.field("snodes"), ".example.com")
}

// oneWriter fails if a side of the victim's mirror still allows two primaries.
func (s *stand) oneWriter() {
	s.t.Helper()
	inv := s.inventory()
	primary, secondary := s.sides()
	for _, node := range []string{primary, secondary} {
		if got := s.must(node, fmt.Sprintf("drbdsetup show %d", s.minor(inv, node))); strings.Contains(got, "two-primaries") {
			s.t.Errorf("two sides may be primary, says %s:\n%s", node, got)
		}
	}
}

// migratePowerless migrates the victim and takes the power from a node once both sides can be written: the guest is about to be sent.
func (s *stand) migratePowerless(node string) {
	s.t.Helper()
	watch, err := s.Command(node, "sh", "-c", "for i in $(seq 3000); do grep -q 'ro:Primary/Primary' /proc/drbd && exit; sleep 0.1; done; exit 1")
	if err == nil {
		err = watch.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	killed := make(chan error, 1)
	go func() {
		err := watch.Wait()
		if err == nil {
			err = s.Kill(node)
		}
		killed <- err
	}()
	r := s.Run("node1", "gnt-instance migrate -f "+victim)
	if err := <-killed; err != nil || r.Status == 0 {
		s.t.Fatalf("taking the power from %s: %v; the migration ended with %d: %s%s", node, err, r.Status, r.Stdout, r.Stderr)
	}
	s.t.Logf("the migration says\n%s%s", r.Stdout, r.Stderr)
}

// targetLosesPower: the guest goes on where it was, and when the node is back one command makes the mirror whole, which may be written on
// one side again.
func targetLosesPower(s *stand) {
	source, target := s.sides()
	w := s.writer(source, s.device())
	s.migratePowerless(target)
	if err := s.Power(target); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-instance activate-disks "+victim)
	if on := s.inventory().on(victim); !slices.Equal(on, []string{source}) || s.field("pnode") != source+".example.com" {
		s.t.Errorf("it runs on %s, its primary node is %s", on, s.field("pnode"))
	}
	s.wholeAgain()
	s.oneWriter()
	last := w.stop()
	s.records(source, s.device(), last)
	s.must("node1", "gnt-instance migrate -f "+victim)
	s.records(target, s.device(), last)
	s.must("node1", "gnt-instance migrate -f "+victim)
}

// sourceLosesPower: what waits for the guest on the other node does not stand in the way of its failover, nor that in the way of the node
// when it is back.
func sourceLosesPower(s *stand) {
	source, target := s.sides()
	w := s.writer(source, s.device())
	s.migratePowerless(source)
	last := w.stop()
	s.must("node1", "gnt-node modify --offline=yes -f "+source+" && gnt-node failover -f --ignore-consistency "+source)
	s.records(target, s.device(), last)
	if err := s.Power(source); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check "+source+".example.com && gnt-instance activate-disks --wait-for-sync "+victim)
	if on := s.inventory().on(victim); !slices.Equal(on, []string{target}) || s.field("pnode") != target+".example.com" {
		s.t.Errorf("it runs on %s, its primary node is %s", on, s.field("pnode"))
	}
	s.wholeAgain()
	s.oneWriter()
	s.must("node1", "gnt-instance migrate -f "+victim)
	s.records(source, s.device(), last)
}

// powerFails: what was on the disk when the power went is there where the instance is failed over to, and still when the node is back.
func powerFails(s *stand) {
	w := s.writer("node2", s.device())
	time.Sleep(5 * time.Second)
	if err := s.Kill("node2"); err != nil {
		s.t.Fatal(err)
	}
	last := w.stop()
	s.must("node1", "gnt-node modify --offline=yes -f node2 && gnt-node failover -f --ignore-consistency node2")
	s.records("node3", s.device(), last)
	s.must("node3", "dd if=/dev/urandom of="+s.device()+" bs=1M count=2 oflag=direct 2>/dev/null")
	s.sum = s.begins("node3", s.device())
	if err := s.Power("node2"); err != nil {
		s.t.Fatal(err)
	}
	s.must("node1", "gnt-node add --readd --no-ssh-key-check node2.example.com && gnt-instance activate-disks --wait-for-sync "+victim)
	s.wholeAgain()
	s.must("node1", "gnt-instance migrate -f "+victim)
	s.records("node2", s.device(), last)
	if got := s.begins("node2", s.device()); got != s.sum {
		s.t.Error("what was written while the node was away is not on it")
	}
}
