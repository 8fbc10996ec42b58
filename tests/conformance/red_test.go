package conformance

import "testing"

func TestAStepThatWasGreenAndTurnsRedIsNew(t *testing.T) {
	red := Red{"r": {1: true, 2: true}}
	list := []Outcome{{Number: 0, Verdict: Different}, {Number: 1, Verdict: Different}, {Number: 2, Verdict: Same}, {Number: 3, Verdict: Expected}}
	known, fresh, green := red.Judge("r", list)
	if len(known) != 1 || known[0].Number != 1 || len(fresh) != 1 || fresh[0].Number != 0 || len(green) != 1 || green[0] != 2 {
		t.Errorf("known %v, fresh %v, green %v", known, fresh, green)
	}
}

// TestRedStepsExist keeps red.txt to steps that the records have, with their commands.
func TestRedStepsExist(t *testing.T) {
	red, err := ReadRed()
	if err != nil {
		t.Fatal(err)
	}
	for record, steps := range red {
		recorded, err := Load(record)
		if err != nil {
			t.Error(err)
			continue
		}
		for n := range steps {
			if n < 0 || n >= len(recorded) {
				t.Errorf("red.txt: %s has no step %d", record, n)
			}
		}
	}
}
