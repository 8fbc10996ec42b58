package conformance

import (
	"bufio"
	_ "embed" // for the lists
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Listed is one line of differences.txt: where one recorded step is not to be answered as Ganeti did.
type Listed struct {
	Record string
	Step   int // as in the record, from 0
	What   []string
	Cmd    string
	Reason string
	Lines  []*regexp.Regexp // which lines of stdout and stderr may differ, as unified marks them; all of them if there is none here
}

// allows tells whether the entry lists a difference of that kind, and demands whether it has to be there.
func (l *Listed) allows(what string) bool {
	return l != nil && (slices.Contains(l.What, what) || slices.Contains(l.What, what+"?"))
}

func (l *Listed) demands(what string) bool { return l != nil && slices.Contains(l.What, what) }

// explains tells whether the entry allows a difference, each line of it.
func (l *Listed) explains(d Difference) bool {
	if !l.allows(d.What) {
		return false
	}
	if d.What == "status" || len(l.Lines) == 0 {
		return true
	}
	for line := range strings.Lines(unified(d.Want, d.Got)) {
		line = strings.TrimSuffix(line, "\n")
		if line[0] != ' ' && !slices.ContainsFunc(l.Lines, func(at *regexp.Regexp) bool { return at.MatchString(line) }) {
			return false
		}
	}
	return true
}

// Out says that the step is not run at all, because it only follows an earlier surprise of the recorded session.
const Out = "out"

// inSource is a path relative to this package's source.
func inSource(path string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), path)
}

// ReadDifferences reads tests/differences.txt.
func ReadDifferences() ([]Listed, error) {
	f, err := os.Open(inSource("../differences.txt"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := parseDifferences(f)
	if err != nil {
		return nil, fmt.Errorf("tests/differences.txt: %w", err)
	}
	return list, checkListed(list)
}

// parseDifferences reads entries of two lines, or more:
//
//	04-network 12 stderr: gnt-network add --network=192.0.2.0/33 net1
//		why it is to differ
//		- REGEXP
//		+ REGEXP
//
// The expressions are for whole lines that only the record has, or only our answer; no other lines may differ then.
// The words before the colon say what differs: stdout, stderr, status, or out. With a question mark it differs or not, as the
// moment will have it: such steps differed when real Ganeti was played against its own record.
func parseDifferences(r io.Reader) (list []Listed, err error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for number := 1; scanner.Scan(); number++ {
		line := scanner.Text()
		reason, indented := strings.CutPrefix(line, "\t")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case indented && len(list) > 0 && list[len(list)-1].Reason == "":
			list[len(list)-1].Reason = strings.TrimSpace(reason)
		case indented && len(list) > 0 && (strings.HasPrefix(reason, "- ") || strings.HasPrefix(reason, "+ ")):
			at, err := regexp.Compile("^[" + reason[:1] + "] (?:" + reason[2:] + ")$")
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			list[len(list)-1].Lines = append(list[len(list)-1].Lines, at)
		case indented:
			return nil, fmt.Errorf("line %d: a reason without an entry before it", number)
		default:
			l, err := parseListed(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			list = append(list, l)
		}
	}
	for _, l := range list {
		if l.Reason == "" {
			return nil, fmt.Errorf("%s %d has no reason", l.Record, l.Step)
		}
	}
	return list, scanner.Err()
}

func parseListed(line string) (l Listed, err error) {
	head, cmd, ok := strings.Cut(line, ": ")
	fields := strings.Fields(head)
	if !ok || len(fields) < 3 {
		return l, fmt.Errorf("want 'RECORD STEP WHAT...: COMMAND', have %q", line)
	}
	l.Record, l.Cmd, l.What = fields[0], cmd, fields[2:]
	for _, what := range l.What {
		if !slices.Contains([]string{"stdout", "stderr", "status", Out}, strings.TrimSuffix(what, "?")) {
			return l, fmt.Errorf("unknown kind of difference %q", what)
		}
	}
	_, err = fmt.Sscan(fields[1], &l.Step)
	return l, err
}

// checkListed refuses entries that do not name a step of a record.
func checkListed(list []Listed) error {
	loaded := map[string][]Step{}
	for _, l := range list {
		if loaded[l.Record] == nil {
			steps, err := Load(l.Record)
			if err != nil {
				return err
			}
			loaded[l.Record] = steps
		}
		steps := loaded[l.Record]
		if l.Step < 0 || l.Step >= len(steps) || firstLine(steps[l.Step].Cmd) != l.Cmd {
			return fmt.Errorf("tests/differences.txt: step %d of %s is not %q", l.Step, l.Record, l.Cmd)
		}
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// later.txt names the commands that a later issue brings, and steps that show what such a command left.
//
//go:embed later.txt
var laterText string

// isLater tells whether a step is one of those. An entry is a command, or a command and a subcommand, or a record with the
// number of a step or of the first and the last.
func isLater(record string, step int, cmd string) bool {
	for line := range strings.Lines(laterText) {
		entry := strings.Fields(line)
		if len(entry) == 0 || entry[0] == "#" {
			continue
		}
		if first, last, ok := stepRange(entry); ok {
			if entry[0] == record && first <= step && step <= last {
				return true
			}
			continue
		}
		if runs(cmd, entry) {
			return true
		}
	}
	return false
}

// runs tells whether a shell text runs a command, given as its first words.
func runs(text string, command []string) bool {
	for _, part := range parts.Split(text, -1) {
		if used := strings.Fields(part); len(used) >= len(command) && slices.Equal(used[:len(command)], command) {
			return true
		}
	}
	return false
}

// parts are where a new command may begin in a shell text.
var parts = regexp.MustCompile("[;|&(`\n]|\\b(?:do|then|xargs) ")

// stepRange reads the second word of an entry "03d-file-instance 34-37".
func stepRange(entry []string) (first, last int, ok bool) {
	if len(entry) < 2 {
		return 0, 0, false
	}
	if n, err := fmt.Sscanf(entry[1], "%d-%d", &first, &last); err == nil && n == 2 {
		return first, last, true
	}
	n, err := strconv.Atoi(entry[1])
	return n, n, err == nil
}
