package conformance

import (
	"slices"
	"testing"
)

func TestCommandsOfBothLogsAreComparedAsSets(t *testing.T) {
	theirs := theirsOf("# head\n\n===== a | master: gnt-x  (exit 0, 1.0 s)\n--- node1\n06:59:00.405 rpc node_info\n" +
		"06:59:01.405 $   lvs --noheadings\n06:59:02.000 $   lvcreate -Wn -L64m -n1bb0ed79-a1d8-4980-a2a9-7aeaa7b95561.disk0_data -i1 vg_ganeti /dev/vdb\n" +
		"06:59:02.100 $   lvchange -ay vg/x    {daemon or running RPC}\n06:59:02.200 $   lvchange -ay vg/x\n06:59:03.000 !   noded ERROR\n" +
		"\n===== a | node1: lvs  (exit 0, 0.1 s)\n")
	ours := oursOf("2026-11-29 09:00:00,000: node=node1.lab.test took=0.1s status=0 timeout -k 5 60 env A=b lvs -o x\n" +
		"2026-11-29 09:00:01,000: node=node1.lab.test took=0.1s status=0 env LC_ALL=C timeout -k 5 60 lvcreate -Wn -L64m -n 22222222-a1d8-4980-a2a9-7aeaa7b95561.disk0_data -i1 vg_ganeti /dev/vdb\n")
	if len(theirs) != 2 || len(theirs[0]) != 4 || len(ours) != 2 {
		t.Fatalf("read %q and %q", theirs, ours)
	}
	want := []string{
		"- node1: lvchange -ay vg/x", "- node1: lvcreate -Wn -L64m -n<uuid>.disk0_data -i1 vg_ganeti /dev/vdb",
		"+ node1: lvcreate -Wn -L64m -n <uuid>.disk0_data -i1 vg_ganeti /dev/vdb",
	}
	if got := CommandsDiffer(theirs[0], ours); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := CommandsDiffer(ours, ours); len(got) != 0 {
		t.Errorf("the same differs: %q", got)
	}
}

func TestEveryRecordOfVirtualMachinesHasACommandPartForEachStep(t *testing.T) {
	session := VMSession()
	if len(session) != 8 {
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
