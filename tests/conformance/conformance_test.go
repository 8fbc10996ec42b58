package conformance

import (
	"testing"

	"gantry/tests/lab"
)

// TestRecordsReplay plays every record against what make install installs. A step that differs fails, unless
// tests/differences.txt lists it or red.txt knows it as not mended yet; so does one that is listed and no longer differs.
func TestRecordsReplay(t *testing.T) {
	lab.Need(t)
	tree := t.TempDir()
	if err := lab.Install(tree); err != nil {
		t.Fatal(err)
	}
	red, err := ReadRed()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range Names() {
		t.Run(record, func(t *testing.T) {
			t.Parallel()
			fresh := play(t, red, record, tree)
			if len(fresh) == 0 {
				return
			}
			// a difference that a second play does not show was a matter of the moment
			for number, o := range play(t, red, record, tree) {
				if _, twice := fresh[number]; twice {
					t.Errorf("\n%s", o)
				}
			}
		})
	}
}

// play replays a record once in a lab of its own, and gives the steps that differ and are not known to, by number.
func play(t *testing.T, red Red, record, tree string) map[int]Outcome {
	l := lab.Start(t, Stand(tree, ""))
	list, err := Play{Record: record}.Run(t.Context(), l)
	if err != nil {
		t.Error(err)
	}
	if record == "09-env" {
		compareEnvironments(t, l)
	}
	known, fresh, green := red.Judge(record, list)
	t.Log(Counts(list))
	t.Logf("%d steps are still red; of those that red.txt lists, these are green now: %v", len(known), green)
	byNumber := map[int]Outcome{}
	for _, o := range fresh {
		t.Logf("new:\n%s", o)
		byNumber[o.Number] = o
	}
	return byNumber
}
