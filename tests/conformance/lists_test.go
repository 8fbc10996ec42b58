package conformance

import (
	"strings"
	"testing"
)

func TestEveryListedDifferenceNamesARecordedStep(t *testing.T) {
	list, err := ReadDifferences()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, l := range list {
		key := l.Record + " " + itoa(l.Step)
		if seen[key] {
			t.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		if isLater(l.Record, l.Step, l.Cmd) {
			t.Errorf("%s is listed, though its command is left to a later issue", key)
		}
	}
}

func TestListsAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"04-network 1 stdout: gnt-x\n":                "has no reason",
		"\tbecause\n":                                 "line 1: a reason without an entry",
		"# c\n\n04-network stdout: gnt-x\n":           "line 3: want 'RECORD STEP WHAT...: COMMAND'",
		"04-network x stdout: gnt-x\n\tbecause\n":     "line 1: expected integer",
		"04-network 1 everything: gnt-x\n\tbecause\n": "unknown kind of difference",
	} {
		if _, err := parseDifferences(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	wrong := []Listed{{Record: "04-network", Step: 1, Cmd: "gnt-network add", Reason: "x"}}
	if err := checkListed(wrong); err == nil {
		t.Error("an entry with another command than the record's was taken")
	}
	right := []Listed{{Record: "04-network", Step: 1, Cmd: "gnt-network list", Reason: "x"}}
	if err := checkListed(right); err != nil {
		t.Error(err)
	}
}

func TestLaterIsACommandWhereverItStands(t *testing.T) {
	for cmd, want := range map[string]bool{
		"ganeti-noded list": true, "gnt-instance snapshot x": false, "gnt-instance modify x": false, "gnt-instance": false, "gnt-groups": false, "": false,
		"F=$(ganeti-noded list); echo $F": true, "true && ganeti-noded list": true, "for x in a; do ganeti-noded delete $x; done": true,
		"echo ganeti-noded list": false, "gnt-instance add-tags inst1 gnt-group": false,
	} {
		if isLater("04-network", 3, cmd) != want {
			t.Errorf("isLater(%q) = %v", cmd, !want)
		}
	}
}

func TestLaterMayBeAStepOfARecord(t *testing.T) {
	for text, want := range map[string][3]int{"x 5": {5, 5, 1}, "x 5-12": {5, 12, 1}, "gnt-group": {}, "ganeti-noded list": {}} {
		first, last, ok := stepRange(strings.Fields(text))
		if ok != (want[2] == 1) || ok && (first != want[0] || last != want[1]) {
			t.Errorf("%q: %d to %d, %v", text, first, last, ok)
		}
	}
	for line := range strings.Lines(laterText) {
		entry := strings.Fields(line)
		_, last, ok := stepRange(entry)
		if !ok || entry[0] == "#" {
			continue
		}
		steps, err := Load(entry[0])
		if err != nil || last >= len(steps) {
			t.Errorf("later.txt: %q names no step of a record", strings.TrimSpace(line))
		}
	}
}

func TestListedStepsAreHeldToTheirList(t *testing.T) {
	step := Step{Cmd: "gnt-x y", Stdout: "recorded\n", Stderr: "noise\n"}
	for name, tt := range map[string]struct {
		got  Answer
		what []string
		want Verdict
	}{
		"same":                         {Answer{"recorded\n", "noise\n", 0}, nil, Same},
		"different":                    {Answer{"other\n", "noise\n", 0}, nil, Different},
		"status":                       {Answer{"recorded\n", "noise\n", 1}, nil, Different},
		"as listed":                    {Answer{"other\n", "noise\n", 0}, []string{"stdout"}, Expected},
		"listed, and something else":   {Answer{"other\n", "more\n", 0}, []string{"stdout"}, Different},
		"listed, yet the same":         {Answer{"recorded\n", "noise\n", 0}, []string{"stdout"}, Stale},
		"listed, and half of it there": {Answer{"other\n", "noise\n", 0}, []string{"stdout", "stderr"}, Stale},
		"may differ, and does":         {Answer{"other\n", "noise\n", 0}, []string{"stdout?"}, Expected},
		"may differ, and does not":     {Answer{"recorded\n", "noise\n", 0}, []string{"stdout?"}, Same},
		"may differ, but not so":       {Answer{"recorded\n", "noise\n", 1}, []string{"stdout?"}, Different},
	} {
		o := Outcome{Step: step, Got: tt.got}
		var entry *Listed
		if tt.what != nil {
			entry = &Listed{What: tt.what}
		}
		o.judge(newComparison(nil), "", entry)
		if o.Verdict != tt.want {
			t.Errorf("%s: %s, want %s", name, o.Verdict, tt.want)
		}
	}
}

func TestOnlyListedLinesMayDiffer(t *testing.T) {
	list, err := parseDifferences(strings.NewReader("04-network 1 stdout: gnt-x\n\tbecause\n\t- .* is (late|early)\n\t+ .* is there\n"))
	if err != nil {
		t.Fatal(err)
	}
	step := Step{Cmd: "gnt-x", Stdout: "first\nnode1 is late\nlast\n"}
	for got, want := range map[string]Verdict{
		"first\nlast\n":                     Expected,
		"first\nnode2 is there\nlast\n":     Expected,
		"first\nnode2 is there not\nlast\n": Different,
		"node2 is there\nlast\n":            Different,
		"first\nnode1 is early\nlast\n":     Different,
	} {
		o := Outcome{Step: step, Got: Answer{got, "", 0}}
		if o.judge(newComparison(nil), "", &list[0]); o.Verdict != want {
			t.Errorf("%q: %s, want %s", got, o.Verdict, want)
		}
	}
	if _, err := parseDifferences(strings.NewReader("04-network 1 stdout: gnt-x\n\tbecause\n\t- (\n")); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("a broken expression: %v", err)
	}
}

func TestUnifiedShowsWhatChanged(t *testing.T) {
	got := unified("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\ne\nX\ng\nh")
	want := "  ... 2 lines\n  c\n  d\n  e\n- f\n+ X\n  g\n- h\n+ h (no newline)\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
