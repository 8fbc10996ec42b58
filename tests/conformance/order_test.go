package conformance

import (
	"slices"
	"strings"
	"testing"
)

// logOf writes commands, "NODE COMMAND" a line and "!" before one that fails, as the master logs them, and reads them back.
func logOf(text string) []Command {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, failed := strings.CutPrefix(strings.TrimSpace(line), "!")
		node, command, _ := strings.Cut(line, " ")
		status := "0"
		if failed {
			status = "1"
		}
		b.WriteString("2026-11-29 09:00:00,000: node=" + node + ".lab.test took=0.1s status=" + status + " timeout -k 5 60 " + command + "\n")
	}
	return oursOf(b.String())
}

const (
	twoPrimaries = "drbdsetup connect resource0 ipv4:198.51.100.11:11001 ipv4:198.51.100.12:11001 --protocol C --allow-two-primaries"
	onePrimary   = "drbdsetup connect resource0 ipv4:198.51.100.11:11001 ipv4:198.51.100.12:11001 --protocol C"
	otherSide    = "drbdsetup connect resource4 ipv4:198.51.100.12:11001 ipv4:198.51.100.11:11001 --protocol C"
	made         = `node1 dd 'if=/dev/zero' 'of=/dev/vg/a.disk0_meta' 'bs=1048576' 'count=128' 'oflag=direct'
		node1 drbdmeta --force /dev/drbd0 v08 /dev/vg/a.disk0_meta flex-external create-md
		node1 drbdsetup attach 0 /dev/vg/a.disk0_data /dev/vg/a.disk0_meta flexible --on-io-error=detach
		node1 ` + onePrimary + `
		node2 ` + otherSide + `
		node1 drbdsetup primary 0 --force
		`
)

func TestUnsafeOrder(t *testing.T) {
	for name, c := range map[string]struct {
		log  string
		want []string
	}{
		"a mirror is made and removed": {made + "node1 drbdsetup down resource0\nnode1 lvremove -f vg/a.disk0_data\nnode1 lvremove -f vg/a.disk0_meta", nil},
		"a volume of a mirror is removed": {made + "node1 lvremove -f vg/a.disk0_data",
			[]string{"node1: lvremove -f vg/a.disk0_data: minor 0 has it"}},
		"a mirror that does not go down keeps its volumes": {made + "!node1 drbdsetup down resource0\nnode1 lvremove -f vg/a.disk0_data",
			[]string{"node1: lvremove -f vg/a.disk0_data: minor 0 has it"}},
		"volumes are exchanged": {made + "node1 drbdsetup detach 0\nnode1 lvrename vg a.disk0_data a.disk0_data_replaced-1", nil},
		"a volume is renamed under a mirror": {made + "node1 lvrename vg a.disk0_data b",
			[]string{"node1: lvrename vg a.disk0_data b: minor 0 has it"}},
		"metadata is made anew under a mirror": {made + "node1 drbdmeta --force /dev/drbd0 v08 /dev/vg/a.disk0_meta flex-external create-md",
			[]string{"node1: drbdmeta --force /dev/drbd0 v08 /dev/vg/a.disk0_meta flex-external create-md: minor 0 has it"}},
		"metadata is overwritten under a mirror": {made + "node1 dd if=/dev/zero 'of=/dev/vg/a.disk0_meta'",
			[]string{"node1: dd if=/dev/zero 'of=/dev/vg/a.disk0_meta': minor 0 has it"}},
		"the same volume's name on another node": {made + "node2 lvremove -f vg/a.disk0_data", nil},
		"failover":                               {made + "node1 drbdsetup secondary 0\nnode2 drbdsetup primary 4", nil},
		"failover after the source went down":    {made + "node1 drbdsetup down resource0\nnode2 drbdsetup primary 4", nil},
		"both are primary": {made + "node2 drbdsetup primary 4\nnode1 drbdsetup secondary 0",
			[]string{"node2: drbdsetup primary 4: it is primary on node1"}},
		"migration":                 {made + "node1 " + twoPrimaries + "\nnode2 drbdsetup primary 4\nnode1 drbdsetup secondary 0\nnode2 " + otherSide, nil},
		"one that failed to be one": {strings.Replace(made, "node1 drbdsetup primary", "!node1 drbdsetup primary", 1) + "node2 drbdsetup primary 4", nil},
		"primary by force over old data": {"node2 drbdsetup attach 4 /dev/vg/a.disk0_data /dev/vg/a.disk0_meta flexible\nnode2 drbdsetup primary 4 --force",
			[]string{"node2: drbdsetup primary 4 --force: its metadata is not new: what the other side has would be lost"}},
	} {
		if got := NewOrder().Unsafe(logOf(c.log)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestOrderIsFollowedOverStepsUntilSomebodyElseWasAtANode(t *testing.T) {
	o := NewOrder()
	if got := o.Unsafe(logOf(made)); got != nil {
		t.Fatalf("making it: %q", got)
	}
	if got := o.Unsafe(logOf("node1 lvremove -f vg/a.disk0_data\nnode2 drbdsetup primary 4")); len(got) != 2 {
		t.Errorf("in a later step: %q", got)
	}
	o.Forget("node1")
	if got := o.Unsafe(logOf("node1 lvremove -f vg/a.disk0_data\nnode2 drbdsetup primary 4")); got != nil {
		t.Errorf("after node1 was dealt with by hand: %q", got)
	}
}
