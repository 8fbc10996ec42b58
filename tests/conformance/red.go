package conformance

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Red holds, for each record, the steps that red.txt lists: those that still differ without being meant to. They are ours to mend,
// and stay in sight until they are. A step that is not listed there was green, and one that was green and turns red fails the
// tests. One entry a line, as -suggest-red of the replay prints it:
//
//	RECORD STEP: COMMAND
type Red map[string]map[int]bool

// ReadRed reads red.txt.
func ReadRed() (Red, error) {
	f, err := os.Open(inSource("red.txt"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	red := Red{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, _, _ := strings.Cut(line, ":")
		record, digits, _ := strings.Cut(head, " ")
		step, err := strconv.Atoi(digits)
		if err != nil {
			return nil, fmt.Errorf("red.txt:%d: %q is no step", number, digits)
		}
		if red[record] == nil {
			red[record] = map[int]bool{}
		}
		red[record][step] = true
	}
	return red, lines.Err()
}

// Judge splits the faults of a replay into those that red.txt lists and those that are new, and gives the listed steps that are
// green now.
func (r Red) Judge(record string, list []Outcome) (known, fresh []Outcome, green []int) {
	for _, o := range list {
		faulty := o.Verdict == Different || o.Verdict == Stale
		switch listed := r[record][o.Number]; {
		case faulty && listed:
			known = append(known, o)
		case faulty:
			fresh = append(fresh, o)
		case listed:
			green = append(green, o.Number)
		}
	}
	return known, fresh, green
}

// RedEntry is a faulty outcome as red.txt lists it.
func (o Outcome) RedEntry(record string) string {
	return fmt.Sprintf("%s %d: %s", record, o.Number, firstLine(o.Cmd))
}
