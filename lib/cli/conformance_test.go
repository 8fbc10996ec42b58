package cli

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"gantry/lib/unit"
)

// ganeti is what testdata/ganeti.json.gz keeps of the real thing: the options
// and arguments of every subcommand, recorded runs, and recorded values of options.
type ganeti struct {
	Binaries map[string]struct {
		Aliases  Aliases
		Commands map[string]realCommand
	}
	Runs []struct {
		Section             int
		Cmd                 string
		Exit                int
		Stdout, First, Last string // the first line of standard output, the first and last of standard error
	}
	Values []struct{ Cmd, Stored, Args string }
}

type realCommand struct {
	Min     int
	Max     *int
	Env     bool
	Options []realOption
}

type realOption struct {
	Short, Long   []string
	Action, Type  string
	Dest, Metavar string
	Choices       []string
	Const         any
}

func loadGaneti(t *testing.T) (real ganeti) {
	t.Helper()
	f, err := os.Open("testdata/ganeti.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(zip).Decode(&real); err != nil {
		t.Fatal(err)
	}
	return real
}

// reading is what a declared command read.
type reading struct {
	ran    bool
	stored map[string]any
	args   []string
}

// commandsOf declares the subcommands of a real program, which do nothing but keep what they read.
func commandsOf(commands map[string]realCommand, read *reading) Commands {
	declared := Commands{}
	for name, real := range commands {
		declared[name] = func(c *Command) {
			c.Usage("…", "Summary of "+name)
			read.stored = map[string]any{}
			for _, o := range real.Options {
				if o.Dest != "debug" && o.Dest != "reason" && o.Action != "help" {
					o.declare(c, read.stored)
				}
			}
			maxArgs := -1
			if real.Max != nil {
				maxArgs = *real.Max
			}
			c.Words(real.Min, maxArgs, func(args []string) { read.args = args })
			if real.Env {
				c.Environment()
			}
			c.Run(func(context.Context, *Env) error {
				read.ran = true
				if c.common.debug > 0 {
					read.stored["debug"] = c.common.debug
				}
				if c.common.reason != nil {
					read.stored["reason"] = *c.common.reason
				}
				return nil
			})
		}
	}
	return declared
}

// declare declares the option with the kind of value it really has.
func (o realOption) declare(c *Command, stored map[string]any) {
	name, short := "", rune(0)
	if len(o.Long) > 0 {
		name = strings.TrimPrefix(o.Long[0], "--")
	}
	if len(o.Short) > 0 {
		short = rune(o.Short[0][1])
	}
	f := c.Flag(name, "Help of "+name).Short(short).Meta(o.Metavar)
	for _, alias := range o.Long[min(1, len(o.Long)):] {
		f.Alias(strings.TrimPrefix(alias, "--"))
	}
	value := o.place(f)
	set := f.set
	f.set = func(spelled, text string) error {
		err := set(spelled, text)
		stored[o.Dest] = value()
		return err
	}
}

// place gives f a place for its value, and returns what reads it in the shape the records have.
func (o realOption) place(f *Flag) (value func() any) {
	switch o.Action + " " + o.Type {
	case "store_true ":
		p := f.Bool()
		return func() any { return *p }
	case "store_false ":
		p := true
		f.FalseVar(&p)
		return func() any { return p }
	case "store_const ":
		var p string
		f.ConstVar(&p, "x")
		return func() any { return o.Const }
	case "store int":
		var p *int
		f.IntPtr(&p)
		return func() any { return p }
	case "store float":
		var p *float64
		f.FloatPtr(&p)
		return func() any { return p }
	case "store unit":
		var p *int
		f.SizePtr(&p)
		return func() any { return p }
	case "store bool":
		var p *bool
		f.YesNoPtr(&p)
		return func() any { return p }
	case "store choice":
		var p string
		f.ChoiceVar(&p, o.Choices...)
		return func() any { return p }
	case "callback choice":
		var p priorityValue
		p.declare(f)
		return func() any { return p.number }
	case "append choice":
		var p []string
		f.ChoicesVar(&p, o.Choices...)
		return func() any { return p }
	case "append string":
		var p []string
		f.StringsVar(&p)
		return func() any { return p }
	case "store list":
		var p []string
		f.ListVar(&p)
		return func() any { return p }
	case "store keyval":
		var p unit.Params
		f.ParamsVar(&p)
		return func() any { return p }
	case "store keyprivateval":
		var p unit.Params
		f.Private().ParamsVar(&p)
		return func() any { return "(private dictionary)" }
	case "store identkeyval":
		var p *unit.Ident
		f.IdentPtr(&p)
		return func() any {
			if p == nil {
				return nil
			}
			return identPair(*p)
		}
	case "append identkeyval":
		var p []unit.Ident
		f.IdentsVar(&p)
		return func() any {
			var pairs []any
			for _, i := range p {
				pairs = append(pairs, identPair(i))
			}
			return pairs
		}
	case "store multilistidentkeyval":
		var p []map[string]unit.Params
		f.SpecsVar(&p)
		return func() any { return p }
	case "store maybefloat":
		var p any
		f.FloatOrDefaultVar(&p)
		return func() any { return p }
	case "store json":
		var p any
		f.JSONVar(&p)
		return func() any { return p }
	case "store filteraction":
		var p any
		f.Func(func(value string) error { p = filterAction(value); return nil })
		return func() any { return p }
	}
	p := f.String()
	return func() any { return *p }
}

func identPair(i unit.Ident) []any {
	switch {
	case i.Params != nil:
		return []any{i.Name, i.Params}
	case i.Off:
		return []any{i.Name, false}
	}
	return []any{i.Name, nil}
}

// filterAction is how gnt-filter reads an action; its own folder has the real one.
func filterAction(value string) any {
	word, number, _ := strings.Cut(value, " ")
	if n, err := unit.ParseInt(number); err == nil && word == "RATE_LIMIT" {
		return []any{word, n}
	}
	return value
}

// runRecorded runs one recorded command line through the declared commands.
func runRecorded(t *testing.T, real ganeti, cmd string) (read reading, status int, stdout, stderr string) {
	t.Helper()
	words, err := splitShell(cmd)
	if err != nil {
		t.Fatal(err)
	}
	env, out, errs := testEnv(t)
	variables := map[string]string{}
	for strings.HasPrefix(words[0], "GNT_") {
		name, value, _ := strings.Cut(words[0], "=")
		variables[name], words = value, words[1:]
	}
	env.getenv = func(name string) string { return variables[name] }
	binary := real.Binaries[words[0]]
	status = env.main(commandsOf(binary.Commands, &read), binary.Aliases, words)
	return read, status, out.String(), errs.String()
}

// TestRecordedRuns runs the command lines of Ganeti's records as far as they are
// decided by the words alone: everything after that only has to be reached.
func TestRecordedRuns(t *testing.T) {
	real := loadGaneti(t)
	if len(real.Runs) != 294 {
		t.Errorf("%d records, want 294", len(real.Runs))
	}
	for _, r := range real.Runs {
		t.Run(r.Cmd, func(t *testing.T) {
			read, status, stdout, stderr := runRecorded(t, real, r.Cmd)
			first, last := ends(stderr)
			switch {
			case r.Stdout == "Usage" || strings.HasPrefix(r.Stdout, "Usage: ") || strings.Contains(r.Stdout, "(ganeti "):
				if got, _ := ends(stdout); got != r.Stdout || status != r.Exit || stderr != "" {
					t.Errorf("status %d, stdout %q, stderr %q; want %d, %q", status, got, stderr, r.Exit, r.Stdout)
				}
			case r.First == "Usage":
				if first != r.First || beforeChoices(last) != beforeChoices(r.Last) || status != r.Exit || stdout != "" {
					t.Errorf("status %d, stderr %q; want %d, %q", status, last, r.Exit, r.Last)
				}
			case strings.HasPrefix(r.First, "Error: Command"), strings.HasPrefix(r.First, "Failure: unknown/wrong parameter"):
				if first != r.First || status != r.Exit || stdout != "" {
					t.Errorf("status %d, stderr %q; want %d, %q", status, first, r.Exit, r.First)
				}
			case failsInWords(r.Cmd): // Ganeti shows a traceback; one line and its status are better
				if read.ran || status != r.Exit || strings.Count(stderr, "\n") != 1 {
					t.Errorf("status %d, stderr %q; want %d and one line", status, stderr, r.Exit)
				}
			case !read.ran:
				t.Errorf("not run: status %d, stderr %q", status, stderr)
			}
			if read.ran && (r.First == "Usage" || r.Stdout == "Usage") {
				t.Error("the command was run")
			}
		})
	}
}

func failsInWords(cmd string) bool {
	return strings.Contains(cmd, "--predicates=notjson") || strings.HasPrefix(cmd, "GNT_NODE_LIST")
}

// beforeChoices cuts off a list whose order changes from run to run.
func beforeChoices(s string) string {
	before, _, _ := strings.Cut(s, "(choose from")
	return before
}

func ends(s string) (first, last string) {
	lines := strings.Split(strings.TrimSuffix(s, "\n"), "\n")
	return lines[0], lines[len(lines)-1]
}

// TestRecordedValues compares what options store with what Ganeti's parser stored.
func TestRecordedValues(t *testing.T) {
	real := loadGaneti(t)
	if len(real.Values) != 120 {
		t.Errorf("%d records, want 120", len(real.Values))
	}
	for _, v := range real.Values {
		t.Run(v.Cmd, func(t *testing.T) {
			read, status, _, stderr := runRecorded(t, real, v.Cmd)
			if v.Args == "" {
				_, last := ends(stderr)
				if want := recordedFailure(v.Stored); want != fmt.Sprintf("exit %d: %s", status, last) {
					t.Errorf("exit %d: %s\nwant %s", status, last, want)
				}
				return
			}
			if !read.ran {
				t.Fatalf("not run: status %d, %s", status, stderr)
			}
			if got, want := normal(t, read.stored), fromJSON(t, v.Stored); !reflect.DeepEqual(got, want) {
				t.Errorf("stored %v\nwant   %v", got, want)
			}
			if got, want := normal(t, append([]string{}, read.args...)), fromJSON(t, v.Args); !reflect.DeepEqual(got, want) {
				t.Errorf("arguments %v\nwant      %v", got, want)
			}
		})
	}
}

// recordedFailure brings the ways in which the records note a failure to one.
func recordedFailure(stored string) string {
	if rest, ok := strings.CutPrefix(stored, "rejected: "); ok {
		return "exit 1: " + rest
	}
	if text, ok := strings.CutPrefix(stored, "traceback, exit 1: ValueError: "); ok {
		return "exit 1: Failure: unknown/wrong parameter name '" + text + "'"
	}
	return stored
}

// normal is v as it would be read back from JSON.
func normal(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return fromJSON(t, string(data))
}

func fromJSON(t *testing.T, s string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// TestEverySpelling gives every option of every subcommand in each of its
// spellings, and in every shortened form, and looks which option was found.
func TestEverySpelling(t *testing.T) {
	real := loadGaneti(t)
	commands, spellings := 0, 0
	for name, binary := range real.Binaries {
		var read reading
		for command, declare := range commandsOf(binary.Commands, &read) {
			commands++
			c := newCommand(name, command, declare)
			all := map[string]*Flag{}
			for _, f := range c.flags {
				for _, n := range f.longNames() {
					all[n] = f
				}
				if f.short != 0 && c.letter(f.short) != f {
					t.Errorf("%s %s: -%c is taken twice", name, command, f.short)
				}
			}
			for long, f := range all {
				spellings++
				for n := 3; n <= len(long); n++ {
					checkPrefix(t, c, all, long[:n], f)
				}
			}
		}
	}
	if commands != 131 || spellings < 1000 {
		t.Errorf("%d subcommands with %d long options", commands, spellings)
	}
}

// checkPrefix looks that a beginning of an option is found when only one option has it, and refused otherwise.
func checkPrefix(t *testing.T, c *Command, all map[string]*Flag, prefix string, want *Flag) {
	t.Helper()
	with := maps.Collect(func(yield func(string, *Flag) bool) {
		for n, f := range all {
			if strings.HasPrefix(n, prefix) && !yield(n, f) {
				return
			}
		}
	})
	exact := all[prefix]
	got, _, err := c.match(prefix)
	switch {
	case exact != nil && got != exact:
		t.Errorf("%s %s: %s finds another option", c.binary, c.name, prefix)
	case exact == nil && len(with) == 1 && got != want:
		t.Errorf("%s %s: %s finds %v, %v", c.binary, c.name, prefix, got, err)
	case exact == nil && len(with) > 1 && err == nil:
		t.Errorf("%s %s: %s is not ambiguous", c.binary, c.name, prefix)
	}
}

// TestGoneOptionsAreGanetis looks that no notice is for an option that does not exist.
func TestGoneOptionsAreGanetis(t *testing.T) {
	exists := map[string]bool{}
	for _, binary := range loadGaneti(t).Binaries {
		for _, command := range binary.Commands {
			for _, o := range command.Options {
				for _, n := range o.Long {
					exists[strings.TrimPrefix(n, "--")] = true
				}
			}
		}
	}
	for name := range gone {
		if !exists[name] {
			t.Errorf("Ganeti has no option --%s", name)
		}
	}
}
