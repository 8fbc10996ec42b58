package conformance

import (
	"os/exec"
	"testing"

	"gantry/tests/lab"
)

// TestRecordsReplay plays every record against what make install installs. A step that differs fails, unless
// tests/differences.txt lists it or red.txt knows it as not mended yet; so does one that is listed and no longer differs.
func TestRecordsReplay(t *testing.T) {
	lab.Need(t)
	tree := t.TempDir()
	install := exec.Command("make", "-s", "install", "DESTDIR="+tree)
	install.Dir = inSource("../..")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	red, err := ReadRed()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range Names() {
		t.Run(record, func(t *testing.T) {
			t.Parallel()
			l := lab.Start(t, Stand(tree, ""))
			list, err := Play{Record: record}.Run(t.Context(), l)
			t.Log(Counts(list))
			known, fresh, green := red.Judge(record, list)
			t.Logf("%d steps are still red; of those that red.txt lists, these are green now: %v", len(known), green)
			for _, o := range fresh {
				t.Errorf("\n%s", o)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
