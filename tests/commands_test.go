package tests

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// subcommand is one of Ganeti's, as testdata/commands.txt has it.
type subcommand struct {
	program, name string
	min, max      int // arguments; max < 0 is any number
	aliases       []string
	options       []ganetiOption
}

type ganetiOption struct {
	names   []string
	kind    string // of the value, "" without one
	choices []string
}

func ganetisCommands(t *testing.T) (list []*subcommand) {
	t.Helper()
	text, err := os.ReadFile("testdata/commands.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case words[0] == "#":
		case line[0] == '\t':
			c := list[len(list)-1]
			c.options = append(c.options, readOption(words))
		default:
			c := &subcommand{program: words[0], name: words[1], max: -1, aliases: words[4:]}
			c.min, err = strconv.Atoi(words[2])
			if words[3] != "-" {
				c.max, err = strconv.Atoi(words[3])
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
	}
	return list
}

func readOption(words []string) (o ganetiOption) {
	for i, w := range words {
		if !strings.HasPrefix(w, "-") {
			o.kind, o.choices = w, words[i+1:]
			break
		}
		o.names = append(o.names, w)
	}
	return o
}

// said is how a program ended, and what it said of it.
type said struct {
	status int
	err    string
}

func try(t *testing.T, program string, args ...string) said {
	t.Helper()
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return said{cmd.ProcessState.ExitCode(), strings.TrimSpace(stderr.String())}
}

// TestEveryOptionOfGanetiIsTaken walks through all subcommands of Ganeti: each has its aliases, takes as many arguments, and takes the
// same options with the same kinds of values. What is tried is refused while the command line is read, so that nothing happens.
func TestEveryOptionOfGanetiIsTaken(t *testing.T) {
	bin := binaries(t)
	for _, c := range ganetisCommands(t) {
		t.Run(c.program+" "+c.name, func(t *testing.T) {
			program := filepath.Join(bin, c.program)
			out, err := exec.Command(program, c.name, "--help").Output()
			if err != nil {
				t.Fatal(err)
			}
			help := helpWords(string(out))
			c.checkArguments(t, program)
			for _, o := range c.options {
				for _, name := range o.names {
					if takes, is := help[name]; !is || takes != (o.kind != "") {
						t.Errorf("%s: in the help %v, takes a value %v, want a value %v", name, is, takes, o.kind != "")
					}
				}
				o.check(t, program, c.name)
			}
		})
	}
}

var shortWithValue = regexp.MustCompile(`^-\w [^-]`)

// helpWords are the options of a help page, and whether they take a value.
func helpWords(page string) map[string]bool {
	words := map[string]bool{}
	for line := range strings.Lines(page) {
		if line, _, _ = strings.Cut(line, "  "); !strings.HasPrefix(line, "-") {
			continue
		}
		for _, m := range helpOption.FindAllStringSubmatch(line, -1) {
			words[m[1]] = strings.ContainsAny(line, "=<") || shortWithValue.MatchString(line)
		}
	}
	return words
}

func (c *subcommand) checkArguments(t *testing.T, program string) {
	t.Helper()
	expects := func(n int, what string) {
		for _, name := range append([]string{c.name}, c.aliases...) {
			want := said{1, "Error: Command " + c.name + " expects " + what}
			if got := try(t, program, append([]string{name}, slices.Repeat([]string{"a"}, n)...)...); got != want {
				t.Errorf("%s with %d arguments: %v, want %v", name, n, got, want)
			}
		}
	}
	few, many := fmt.Sprintf("at least %d argument(s)", c.min), fmt.Sprintf("only %d argument(s)", c.max)
	switch c.max {
	case 0:
		many = "no arguments"
	case c.min:
		few, many = fmt.Sprintf("%d argument(s)", c.min), fmt.Sprintf("%d argument(s)", c.min)
	}
	if c.min > 0 {
		expects(c.min-1, few)
	}
	if c.max >= 0 {
		expects(c.max+1, many)
	}
}

// bad has for each kind of value one that cannot be read, and the exit status of the refusal. Any text is good for the other kinds.
var bad = map[string]struct {
	value  string
	status int
}{
	"int": {"x", 2}, "float": {"x", 2}, "choice": {"no such choice", 2}, "unit": {"10X", 2}, "bool": {"perhaps", 1}, "keyval": {"a=1,a=2", 1},
	"keyprivateval": {"a=1,a=2", 1}, "identkeyval": {"a:b=1,b=2", 1}, "multilistidentkeyval": {"x", 1}, "maybefloat": {"x", 1}, "json": {"{", 1},
}

var aChoice = regexp.MustCompile(`'([^']*)'`)

// check gives the option a value that is no good for it.
func (o ganetiOption) check(t *testing.T, program, command string) {
	t.Helper()
	name := o.names[0]
	b, ok := bad[o.kind]
	if !ok {
		return
	}
	got := try(t, program, command, name, b.value)
	if got.status != b.status || got.err == "" {
		t.Errorf("%s %q: %v, want status %d", name, b.value, got, b.status)
	}
	if o.kind != "choice" {
		return
	}
	_, list, _ := strings.Cut(got.err, "(choose from ")
	var choices []string
	for _, m := range aChoice.FindAllStringSubmatch(list, -1) {
		choices = append(choices, m[1])
	}
	slices.Sort(choices)
	if !slices.Equal(choices, o.choices) {
		t.Errorf("%s has the choices %q, want %q", name, choices, o.choices)
	}
}
