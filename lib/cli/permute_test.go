package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tool is a small program of htools; what it read is written down in order.
func tool(read *[]string) func(*Command) {
	note := func(name string) func(string, bool) error {
		return func(value string, joined bool) error {
			*read = append(*read, fmt.Sprintf("%s=%s,%v", name, value, joined))
			return nil
		}
	}
	return func(c *Command) {
		c.Flag("print-nodes", "print the nodes").Short('p').Meta("FIELDS").OptionalFunc(note("nodes"))
		c.Flag("luxi", "ask the cluster").Short('L').Meta("SOCKET").OptionalFunc(note("luxi"))
		c.Flag("ialloc-src", "read a request").Short('I').Meta("FILE").Func(func(v string) error { return note("src")(v, true) })
		verbose := c.Flag("verbose", "say more").Short('v').Bool()
		c.Flag("exclude-instances", "leave out").Meta("INSTS").Func(func(v string) error { return note("exclude")(v, true) })
		c.Flag("exclusion-tags", "tags").Meta("TAG,...").Func(func(v string) error { return note("tags")(v, true) })
		c.Flag("max-length", "rounds").Short('l').Meta("N").Func(func(v string) error {
			if _, err := strconv.Atoi(v); err != nil {
				return errors.New("max intra-node: cannot parse string '" + v + "'")
			}
			return note("length")(v, true)
		})
		c.Flag("machine-readable", "for programs").Own().Bool()
		var args []string
		c.Any("file", &args)
		c.Run(func(_ context.Context, env *Env) error {
			*read = append(*read, fmt.Sprintf("verbose=%v args=%q", *verbose, args))
			return nil
		})
	}
}

// testEnv is an environment with no terminal, no variables and a fixed clock.
func testEnv(t *testing.T) (env *Env, out, err *bytes.Buffer) {
	t.Helper()
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	env = newEnv(t.Context())
	env.Out, env.Err, env.In = out, err, strings.NewReader("")
	env.Now = func() time.Time { return time.Date(2020, 1, 17, 20, 5, 42, 0, time.Local) }
	env.getenv = func(string) string { return "" }
	env.terminal = noTerminal
	dir := t.TempDir()
	env.paths = paths{data: dir, sockets: dir, log: dir}
	env.hostname = func() (string, error) { return "node1.example.com", nil }
	return env, out, err
}

func TestToolReadsWordsAsGetOpt(t *testing.T) {
	for words, want := range map[string][]string{
		"":                          {`verbose=false args=[]`},
		"-p":                        {"nodes=,false", `verbose=false args=[]`},
		"-pname,mem a":              {"nodes=name,mem,true", `verbose=false args=["a"]`},
		"-p name":                   {"nodes=,false", `verbose=false args=["name"]`},
		"--print-nodes=":            {"nodes=,true", `verbose=false args=[]`},
		"a -v b -L c":               {"luxi=,false", `verbose=true args=["a" "b" "c"]`},
		"-vL":                       {"luxi=,false", `verbose=true args=[]`},
		"-vIfile":                   {"src=file,true", `verbose=true args=[]`},
		"-I -v":                     {"src=-v,true", `verbose=false args=[]`},
		"--exclude-instance=a,b":    {"exclude=a,b,true", `verbose=false args=[]`},
		"--exclude-i a":             {"exclude=a,true", `verbose=false args=[]`},
		"-- -v --nosuch":            {`verbose=false args=["-v" "--nosuch"]`},
		"- -v":                      {`verbose=true args=["-"]`},
		"-l3 -l4":                   {"length=3,true", "length=4,true", `verbose=false args=[]`},
		"--lux=/run/x":              {"luxi=/run/x,true", `verbose=false args=[]`},
		"--machine-readable --verb": {`verbose=true args=[]`},
	} {
		t.Run(words, func(t *testing.T) {
			var read []string
			env, _, stderr := testEnv(t)
			if status := env.tool(tool(&read), append([]string{"/usr/bin/hbal"}, strings.Fields(words)...)); status != 0 {
				t.Fatalf("status %d: %s", status, stderr)
			}
			if !slices.Equal(read, want) {
				t.Errorf("read %q\nwant %q", read, want)
			}
		})
	}
}

func TestToolReportsMistakesAsGetOpt(t *testing.T) {
	for words, tt := range map[string]struct {
		status int
		want   string // the first lines of standard error
	}{
		"-v -P -p":           {2, "Command line error: unrecognized option `-P'\n\nhbal (ganeti) version 3.0.2-3\nUsage: hbal [OPTION...]\n  -p[FIELDS]  --print-nodes[=FIELDS]"},
		"-n name -I":         {2, "Command line error: option `-I' requires an argument FILE\nunrecognized option `-n'\n\nhbal"},
		"--policy=x":         {2, "Command line error: unrecognized option `--policy=x'\n\n"},
		"--verbose=1":        {2, "Command line error: option `--verbose' doesn't allow an argument\n\n"},
		"--exclu a":          {2, "Command line error: option `--exclu' is ambiguous; could be one of:\n    --exclude-instances=INSTS  leave out\n    --exclusion-tags=TAG,...   tags\n\nhbal"},
		"--machine":          {2, "Command line error: unrecognized option `--machine'\n\n"},
		"-l x --help":        {1, "Error while parsing command line arguments:\nmax intra-node: cannot parse string 'x'\n"},
		"--help -l x":        {1, "Error while parsing command line arguments:\nmax intra-node: cannot parse string 'x'\n"},
		"-Pv":                {2, "Command line error: unrecognized option `-P'\n\n"},
		"--ialloc-src":       {2, "Command line error: option `--ialloc-src' requires an argument FILE\n\n"},
		"--help --nosuch -p": {2, "Command line error: unrecognized option `--nosuch'\n\n"},
	} {
		t.Run(words, func(t *testing.T) {
			var read []string
			env, out, stderr := testEnv(t)
			status := env.tool(tool(&read), append([]string{"hbal"}, strings.Fields(words)...))
			if status != tt.status || !strings.HasPrefix(stderr.String(), tt.want) || out.Len() > 0 {
				t.Errorf("status %d, want %d\ngot  %q\nwant %q…", status, tt.status, stderr, tt.want)
			}
			if slices.ContainsFunc(read, func(s string) bool { return strings.HasPrefix(s, "verbose=") }) {
				t.Error("the tool was run")
			}
		})
	}
}

func TestToolHelpAndVersion(t *testing.T) {
	var read []string
	env, out, _ := testEnv(t)
	if status := env.tool(tool(&read), []string{"hbal", "-V", "x", "--help"}); status != 0 {
		t.Errorf("status %d", status)
	}
	want := `hbal (ganeti) version 3.0.2-3
Usage: hbal [OPTION...]
  -p[FIELDS]  --print-nodes[=FIELDS]     print the nodes
  -L[SOCKET]  --luxi[=SOCKET]            ask the cluster
  -I FILE     --ialloc-src=FILE          read a request
  -v          --verbose                  say more
              --exclude-instances=INSTS  leave out
              --exclusion-tags=TAG,...   tags
  -l N        --max-length=N             rounds
              --machine-readable         for programs
  -V          --version                  show the version of the program
  -h          --help                     show help
              --help-completion          show completion info
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	env, out, _ = testEnv(t)
	if status := env.tool(tool(&read), []string{"hbal", "--version"}); status != 0 || !strings.HasPrefix(out.String(), "hbal (ganeti) version 3.0.2-3\n") {
		t.Errorf("status %d: %s", status, out)
	}
}

func TestToolWithoutArgumentsRefusesThem(t *testing.T) {
	env, _, stderr := testEnv(t)
	status := env.tool(func(c *Command) { c.Run(func(context.Context, *Env) error { return nil }) }, []string{"hbal", "x"})
	if want := "Error: This program doesn't take any arguments.\n"; status != 1 || stderr.String() != want {
		t.Errorf("status %d: %q, want 1 and %q", status, stderr, want)
	}
}
