package conformance

import (
	"slices"
	"testing"
)

func TestCommandsOfBothLogsAreComparedAsSets(t *testing.T) {
	theirs := theirsOf("# head\n\n===== a | master: gnt-x  (exit 0, 1.0 s)\n--- node1\n06:59:00.405 rpc node_info\n" +
		"06:59:01.405 $   lvs --noheadings\n06:59:02.000 $   lvcreate -Wn -L64m -n1bb0ed79-a1d8-4980-a2a9-7aeaa7b95561.disk0_data -i1 vg_ganeti /dev/vdb\n" +
		"06:59:02.100 $   lvchange -ay vg/x    {daemon or running RPC}\n06:59:02.200 $   lvchange -ay vg/x\n06:59:03.000 !   noded ERROR\n" +
		"\n===== a | node1: lvs  (exit 0, 0.1 s)\n" +
		"--- node2\n06:59:01.405 $   drbdsetup connect resource0 ipv4:198.51.100.11:11010 --cram-hmac-alg md5 --shared-secret 0123456789012345678901234567890123456789 --verify-alg sha1\n")
	ours := oursOf("2026-11-29 09:00:00,000: node=node1.lab.test took=0.1s status=0 timeout -k 5 60 env A=b lvs -o x\n" +
		"2026-11-29 09:00:01,000: node=node1.lab.test took=0.1s status=0 env LC_ALL=C timeout -k 5 60 lvcreate -Wn -L64m -n 22222222-a1d8-4980-a2a9-7aeaa7b95561.disk0_data -i1 vg_ganeti /dev/vdb\n")
	if len(theirs) != 2 || len(theirs[0]) != 4 || len(ours) != 2 {
		t.Fatalf("read %v and %v", theirs, ours)
	}
	want := []string{
		"- node1: lvchange -ay vg/x", "- node1: lvcreate -Wn -L64m -n<uuid>.disk0_data -i1 vg_ganeti /dev/vdb",
		"+ node1: lvcreate -Wn -L64m -n <uuid>.disk0_data -i1 vg_ganeti /dev/vdb",
	}
	if got := CommandsDiffer(theirs[0], ours); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	joined := oursOf("2026-11-29 09:00:00,000: node=node2 took=0.1s status=0 timeout -k 5 60 sh -c $'# connect.sh RESOURCE\\nexec drbdsetup connect \"$@\"' sh resource0 " +
		"ipv4:198.51.100.11:11003 --cram-hmac-alg md5 --verify-alg sha1 # cannot be pasted, left out: 41 bytes on stdin\n")
	if got := CommandsDiffer(theirs[1], joined); len(got) != 0 {
		t.Errorf("a connection differs: %q", got)
	}
	if got := CommandsDiffer(ours, ours); len(got) != 0 {
		t.Errorf("the same differs: %q", got)
	}
}

func TestEveryRecordOfVirtualMachinesHasACommandPartForEachStep(t *testing.T) {
	session := VMSession()
	if len(session) != 9 {
		t.Fatalf("the session is %v", session)
	}
	for _, record := range session {
		steps, err := Load(record)
		if err != nil {
			t.Fatal(err)
		}
		commands, err := RecordedCommands(record)
		if err != nil || len(commands) != len(steps) {
			t.Errorf("%s: %d steps, %d parts, %v", record, len(steps), len(commands), err)
		}
	}
}

func TestPreparationsAreThoseOfTheirRecord(t *testing.T) {
	if got := vmPreparation("vm/00-errors-no-cluster"); len(got) != 1 || got[0].Node != "node1" || !got[0].Helper {
		t.Errorf("before the first record: %v", got)
	}
	if got := vmPreparation("vm/12-plain-and-adopt"); len(got) != 1 || got[0].Cmd != "gnt-cluster modify -D drbd:metavg=xenvg0" {
		t.Errorf("before the third: %v", got)
	}
	got := vmPreparation("vm/13-drbd-ops")
	if len(got) != 4 || got[0].Node != "master" || got[0].Cmd != "gnt-cluster modify -D drbd:metavg=vg_ganeti" || got[3].Node != "node3" {
		t.Errorf("before the fourth: %v", got)
	}
	if got := vmPreparation("vm/13-drbd-ops 1"); len(got) != 3 || got[1].Node != "node2" {
		t.Errorf("before a step of the fourth: %v", got)
	}
	if got := vmPreparation("vm/18-unallocated-minor"); len(got) != 0 {
		t.Errorf("before the last: %v", got)
	}
}
