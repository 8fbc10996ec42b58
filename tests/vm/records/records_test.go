// Package records plays what was recorded of real Ganeti on virtual machines: the answers, and what ran on the nodes.
package records

import (
	"testing"

	"gantry/tests/conformance"
	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// TestRecordedSession fails on a step that differs, unless tests/differences.txt or red.txt lists it, on a command on a node that
// only one of both ran, unless commands.txt says why, and on one that came too early to be safe.
func TestRecordedSession(t *testing.T) {
	vmlab.NeedAll(t)
	tree := t.TempDir()
	if err := lab.Install(tree); err != nil {
		t.Fatal(err)
	}
	red, err := conformance.ReadRed()
	if err != nil {
		t.Fatal(err)
	}
	known, err := readKnown("commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := vmlab.Start(t, conformance.VMStand(tree, ""))
	order := conformance.NewOrder()
	for _, record := range conformance.VMSession() {
		list, ran, err := conformance.Play{Record: record}.RunVM(t.Context(), l)
		if err != nil {
			t.Fatalf("%s: %v", record, err)
		}
		_, fresh, green := red.Judge(record, list)
		t.Logf("%s: %s; of those in red.txt these are green now: %v", record, conformance.Counts(list), green)
		for _, o := range fresh {
			t.Errorf("%s\n%s", record, o)
		}
		for _, o := range list {
			if o.Verdict == conformance.Expected {
				t.Logf("%s\n%s", record, o)
			}
		}
		recorded, err := conformance.RecordedCommands(record)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range list {
			for _, line := range order.Step(o, ran[i]) {
				t.Errorf("%s %d: %s\n%s", record, o.Number, o.Cmd, line)
			}
			if o.Verdict == conformance.Helped || o.Verdict == conformance.Skipped || red[record][o.Number] {
				continue
			}
			for _, line := range conformance.CommandsDiffer(recorded[o.Number], ran[i]) {
				if !known.explains(record, o.Number, line) {
					t.Errorf("%s %d: %s\n%s", record, o.Number, o.Cmd, line)
				}
			}
		}
	}
}
