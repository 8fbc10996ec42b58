package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gantry/tests/lab"
)

// TestPlayRunsStepsWhereTheyBelong plays a small session on real nodes, with a made-up command.
func TestPlayRunsStepsWhereTheyBelong(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\necho \"$(hostname -s) $*\"\n[ \"$1\" != fail ] || exit 13\n"
	if err := os.WriteFile(filepath.Join(bin, "gnt-made-up"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: bin})
	steps := []Step{
		{Cmd: "touch /run/here; echo kept >/var/lib/ganeti/f", Node: "node2", Helper: true},
		{Cmd: "gnt-made-up a", Stdout: "node1 a\n"},
		{Cmd: "gnt-made-up a", Node: "node2", Stdout: "node2 a\n"},
		{Cmd: "gnt-made-up fail", Stdout: "node1 fail\n", Exit: 13},
		{Cmd: "gnt-made-up b", Stdout: "node1 c\n"},
		{Cmd: "gnt-made-up listed", Stdout: "something else\n"},
		{Cmd: "rm -r /var/lib/ganeti", Node: "node2"},
		{Directive: "poweroff node2"},
		{Cmd: "gnt-made-up a", Node: "node2", Stdout: "node2 a\n"},
		{Directive: "poweron node2"},
		{Cmd: "ls /run/here; cat /var/lib/ganeti/f", Node: "node2", Stdout: "kept\n", Stderr: "ls: cannot access '/run/here': No such file or directory\n"},
		{Directive: "link node2 lan0 down"},
		{Cmd: "ssh -o ConnectTimeout=1 node2 true", Exit: 255, Stderr: "ssh: connect to host node2 port 22: Connection timed out\r\n"},
		{Directive: "link node2 both up"},
		{Cmd: "ssh node2 gnt-made-up d", Stdout: "node2 d\n"},
		{Cmd: "ganeti-noded list", Stdout: "not looked at\n"},
	}
	listed := []Listed{{Record: "x", Step: 5, What: []string{"stdout"}}, {Record: "x", Step: 6, What: []string{Out}}, {Record: "y", Step: 4, What: []string{"stdout"}}}
	list, err := Play{Record: "x"}.play(t.Context(), l, steps, listed)
	if err != nil {
		t.Fatal(err)
	}
	want := []Verdict{Helped, Same, Same, Same, Different, Expected, Skipped, Helped, Different, Helped, Same, Helped, Same, Helped, Same, Later}
	for i, o := range list {
		if o.Verdict != want[i] {
			t.Errorf("want %s: %s", want[i], o)
		}
	}
	if got, want := Counts(list), "9 compared: 6 same, 2 different, 1 listed, 0 listed yet same; 1 of later issues, 1 left out, 5 helpers"; got != want {
		t.Errorf("counts: %s, want %s", got, want)
	}
	if got := list[4].String(); !strings.Contains(got, "- node1 c\n") || !strings.Contains(got, "+ node1 b\n") {
		t.Errorf("a difference is shown as\n%s", got)
	}
}

func TestPlayStopsWhenThePreparationFails(t *testing.T) {
	l := lab.Start(t, lab.Options{Nodes: 1})
	err := Play{}.prepare(t.Context(), l, scenario("!true\ngnt-cluster init x\n"))
	if err == nil || !strings.Contains(err.Error(), "preparing: gnt-cluster init x: status 127") {
		t.Errorf("got %v", err)
	}
}

func TestScenarioLines(t *testing.T) {
	got := scenario("# comment\n\n gnt-a b\n@node2 gnt-c '@x'\n!helper\n@node3 !both\n")
	want := []Step{{Cmd: "gnt-a b"}, {Cmd: "gnt-c '@x'", Node: "node2"}, {Cmd: "helper", Helper: true}, {Cmd: "both", Node: "node3", Helper: true}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestEveryRecordBeginsAsItWasMade(t *testing.T) {
	for name, want := range map[string]int{"01a-init": 0, "09-env": 0, "04-network": 6, "03a-instance-add-list": 5, "01-cluster": 5} {
		steps := Preparation(name)
		if len(steps) != want {
			t.Errorf("%s: %d steps before it, want %d", name, len(steps), want)
		}
		if want > 0 && !strings.HasPrefix(steps[0].Cmd, "gnt-cluster init ") {
			t.Errorf("%s begins with %q", name, steps[0].Cmd)
		}
	}
}

func TestRecordsAreWhole(t *testing.T) {
	for name, want := range map[string]int{"01-cluster": 192, "04-network": 119, "03b-instance-ops": 232, "06-failure": 160} {
		steps, err := Load(name)
		if err != nil || len(steps) != want {
			t.Errorf("%s: %d steps, %v; want %d", name, len(steps), err, want)
		}
	}
}
