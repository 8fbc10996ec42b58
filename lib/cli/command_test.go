package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"gantry/lib/fault"
	"gantry/lib/remote"
)

// sample is a small program with subcommands.
func sample(ran *string) Commands {
	return Commands{
		"failover": func(c *Command) {
			c.Usage("[-f] <instance-name>", "Stops the instance, changes its primary node and starts it on the new node, if there is one")
			c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
			c.Flag("ignore-consistency", "Ignore that the disks on the secondary node may not be consistent with those on the primary").Bool()
			c.Flag("shutdown-timeout", "Seconds").Meta("TIMEOUT").IntVar(new(int))
			c.Flag("show-plan", "Only Gantry has it").Own().Bool()
			Submit(c)
			var name string
			c.One("instance", &name)
			c.Run(func(context.Context, *Env) error { *ran = "failover " + name; return nil })
		},
		"list": func(c *Command) {
			c.Usage("[<instance-name>...]", "Lists instances")
			c.Environment()
			var names []string
			output := c.Flag("output", "Fields").Short('o').String()
			c.Any("instance", &names)
			c.Run(func(context.Context, *Env) error { *ran = fmt.Sprintf("list %s %q", *output, names); return nil })
		},
		"modify": func(c *Command) {
			c.Usage("", "Changes the cluster")
			c.Flag("enabled-data-collectors", "Data collectors").Gone().String()
			c.Words(0, 2, func([]string) {})
			c.Run(func(context.Context, *Env) error { *ran = "modify"; return nil })
		},
		"evacuate": func(c *Command) {
			c.Run(func(_ context.Context, env *Env) error {
				if !env.Confirm("Evacuate %s?", "node1") {
					return DeclinedWith(13)
				}
				*ran = "evacuate"
				return nil
			})
		},
	}
}

func TestWordsThatAreNotUTF8AreRefused(t *testing.T) {
	for words, want := range map[string]int{"failover web\xff": 1, "list -o \xff": 1, "failover --shutdown-timeout=\xff web": 1, "failover wéb": 0} {
		ran, status, _, stderr := run(t, words)
		if status != want || (ran != "") != (want == 0) || (want == 1) != strings.HasSuffix(stderr, "is not valid UTF-8\n") {
			t.Errorf("%q: ran %q, status %d, %s", words, ran, status, stderr)
		}
	}
}

func run(t *testing.T, words string) (ran string, status int, stdout, stderr string) {
	t.Helper()
	env, out, errs := testEnv(t)
	status = env.main(sample(&ran), Aliases{"flip": "failover"}, append([]string{"/usr/sbin/gnt-thing"}, strings.Fields(words)...))
	return ran, status, out.String(), errs.String()
}

func TestHelpPageIsLaidOutAsOptparseDoes(t *testing.T) {
	t.Setenv("COLUMNS", "")
	want := `Usage
=====
  gnt-thing failover [-f] <instance-name>

Stops the instance, changes its primary node and starts it on the new node, if
there is one

Options
=======
--force, -f             Do not ask for confirmation
--ignore-consistency    Ignore that the disks on the secondary node may not be
                        consistent with those on the primary
--shutdown-timeout=TIMEOUT
                        Seconds
--show-plan             Only Gantry has it
--submit                Submit the job and end, without waiting for it
--print-jobid           Print the job's number on standard output first
--debug, -d             Log more, and show the log on standard error
--reason=REASON         Why this is done; kept with the job
--help, -h              show help
`
	for _, words := range []string{"failover --help", "flip -h", "failover -fh x", "failover --he --nosuch"} {
		if ran, status, out, errs := run(t, words); ran != "" || status != 0 || out != want || errs != "" {
			t.Errorf("%s: status %d, ran %q, stderr %q\ngot\n%s\nwant\n%s", words, status, ran, errs, out, want)
		}
	}
}

func TestListOfCommands(t *testing.T) {
	want := `Usage: gnt-thing {command} [options...] [argument...]
gnt-thing <command> --help to see details, or man gnt-thing

Commands:
 evacuate - 
 failover - Stops the instance, changes its primary node and starts it on the
            new node, if there is one
 list     - Lists instances
 modify   - Changes the cluster

`
	for words, status := range map[string]int{"": 1, "nosuch": 1, "--help": 0, "-h": 1, "fail": 1, "--": 1} {
		if _, got, out, errs := run(t, words); got != status || out != want || errs != "" {
			t.Errorf("%q: status %d, want %d, stderr %q\n%s", words, got, status, errs, out)
		}
	}
}

func TestArityAndAliases(t *testing.T) {
	for words, want := range map[string]string{
		"flip":         "Error: Command failover expects 1 argument(s)\n",
		"failover a b": "Error: Command failover expects 1 argument(s)\n",
		"modify a b c": "Error: Command modify expects only 2 argument(s)\n",
		"evacuate x":   "Error: Command evacuate expects no arguments\n",
	} {
		if ran, status, _, errs := run(t, words); ran != "" || status != 1 || errs != want {
			t.Errorf("%s: status %d, stderr %q, want %q", words, status, errs, want)
		}
	}
	if ran, status, _, _ := run(t, "flip -f web"); ran != "failover web" || status != 0 {
		t.Errorf("alias ran %q, status %d", ran, status)
	}
}

func TestOwnOptionsMakeNothingAmbiguous(t *testing.T) {
	if ran, status, _, errs := run(t, "failover --sh 5 web"); ran != "failover web" {
		t.Errorf("status %d: %s", status, errs)
	}
	if _, status, _, _ := run(t, "failover --show-pla web"); status != 2 {
		t.Errorf("a shortened option of ours gave status %d", status)
	}
	if ran, _, _, _ := run(t, "failover --show-plan web"); ran != "failover web" {
		t.Errorf("ran %q", ran)
	}
}

func TestGoneOptionsAreAcceptedWithANotice(t *testing.T) {
	want := "Note: --enabled-data-collectors: there is no monitoring daemon; the setting is only kept\n"
	if ran, status, _, errs := run(t, "modify --enabled-data-coll x=y"); ran != "modify" || status != 0 || errs != want {
		t.Errorf("ran %q, status %d, %q", ran, status, errs)
	}
}

func TestOptionsOfTheEnvironmentComeFirst(t *testing.T) {
	env, _, _ := testEnv(t)
	env.getenv = func(name string) string {
		return map[string]string{"GNT_THING_LIST": `-o 'a b' --reason "it's" `, "GNT_THING_FAILOVER": "--nosuch"}[name]
	}
	var ran string
	if env.main(sample(&ran), nil, []string{"gnt-thing", "list", "web"}); ran != `list a b ["web"]` {
		t.Errorf("ran %q", ran)
	}
	if env.main(sample(&ran), nil, []string{"gnt-thing", "list", "-o", "c"}); ran != `list c []` {
		t.Errorf("ran %q", ran)
	}
	if status := env.main(sample(&ran), nil, []string{"gnt-thing", "failover", "web"}); status != 0 {
		t.Error("a variable of another command was read")
	}
}

func TestWordsThatNoShellWouldGive(t *testing.T) {
	env, out, errs := testEnv(t)
	var ran string
	for _, name := range []string{"", "a b", "$(reboot)", "wéb", "@/etc/passwd", strings.Repeat("x", 1<<20), "a\nb", "-"} {
		if status := env.main(sample(&ran), nil, []string{"gnt-thing", "failover", "--", name}); status != 0 || ran != "failover "+name {
			t.Errorf("%.20q: status %d, ran %.40q %s%s", name, status, ran, out, errs)
		}
	}
}

func TestFirstMistakeIsReported(t *testing.T) {
	for words, want := range map[string]string{
		"failover --shutdown-timeout=x --nosuch": "gnt-thing: error: option --shutdown-timeout: invalid integer value: 'x'",
		"failover --nosuch --shutdown-timeout=x": "gnt-thing: error: no such option: --nosuch",
		"failover --shutdown-timeout=x -h":       "gnt-thing: error: option --shutdown-timeout: invalid integer value: 'x'",
	} {
		_, status, _, errs := run(t, words)
		if _, last := ends(errs); status != 2 || last != want {
			t.Errorf("%s: status %d, %q, want %q", words, status, last, want)
		}
	}
}

func TestNumbersBeyond64BitsAreRefused(t *testing.T) {
	_, status, _, errs := run(t, "failover --shutdown-timeout=99999999999999999999")
	if want := "No 64 bits hold the number of option --shutdown-timeout: 99999999999999999999\n"; status != 1 || errs != want {
		t.Errorf("status %d, %q, want %q", status, errs, want)
	}
}

func TestTheQueueKeepsTheLowBitsOfALongNumber(t *testing.T) {
	for word, want := range map[string]string{
		"99999999999999999999": "7766279631452241919", "3": "3", "0x10": "16",
		"18446744073709551619": "No 64 bits hold the number of option --repeat: 18446744073709551619", // would be 3
		"x":                    "gnt-thing: error: option --repeat: invalid integer value: 'x'",
	} {
		env, out, errs := testEnv(t)
		env.main(Commands{"delay": func(c *Command) {
			var n int
			c.Flag("repeat", "How often").QueuedIntVar(&n)
			c.Run(func(_ context.Context, env *Env) error { env.Println("%d", n); return nil })
		}}, nil, []string{"gnt-thing", "delay", "--repeat=" + word})
		if _, got := ends(out.String() + errs.String()); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	d := Describe("failover", sample(new(string))["failover"])
	if d.Name != "failover" || d.Arguments != "instance" || d.MinArgs != 1 || d.MaxArgs != 1 || len(d.Options) != 9 {
		t.Fatalf("got %+v", d)
	}
	if o := d.Options[2]; o.Long[0] != "--shutdown-timeout" || !o.TakesValue || o.Meta != "TIMEOUT" || o.Own || !d.Options[3].Own {
		t.Errorf("got %+v", d.Options)
	}
	var read []string
	if d := DescribeTool("hbal", tool(&read)); len(d.Options) != 11 || d.MaxArgs != -1 || d.Options[10].Long[0] != "--help-completion" {
		t.Errorf("got %+v", d)
	}
}

func TestFailuresAreSilentWhenTheReaderIsGone(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		text   string
	}{
		{fmt.Errorf("write: %w", syscall.EPIPE), 1, ""},
		{fault.Status(14), 14, ""},
		{fault.Plain{Message: "JobID: 7"}, 0, "JobID: 7\n"},
		{errors.New("no space left"), 1, "Failure: command execution error:\nno space left\n"},
	} {
		env, _, errs := testEnv(t)
		c := newCommand("gnt-thing", "x", func(c *Command) { c.Run(func(context.Context, *Env) error { return tt.err }) })
		if status := env.do(c); status != tt.status || errs.String() != tt.text {
			t.Errorf("%v: status %d, %q", tt.err, status, errs)
		}
	}
}

func TestAnInterruptedCommandSaysThatJobsGoOn(t *testing.T) {
	env, _, errs := testEnv(t)
	ctx, cancel := context.WithCancel(t.Context())
	env.ctx = ctx
	c := newCommand("gnt-thing", "x", func(c *Command) {
		c.Run(func(ctx context.Context, _ *Env) error { cancel(); return fmt.Errorf("following: %w", ctx.Err()) })
	})
	if status := env.do(c); status != 1 || !strings.HasPrefix(errs.String(), "Aborted. Note that if the operation created any jobs") {
		t.Errorf("status %d, %q", status, errs)
	}
}

func TestLogHasFailuresAndNoSecrets(t *testing.T) {
	env, _, errs := testEnv(t)
	log := filepath.Join(env.paths.log, "commands.log")
	commands := Commands{"add": func(c *Command) {
		c.Flag("os-parameters-secret", "Secrets").Private().String()
		c.Any("x", new([]string))
		c.Run(func(context.Context, *Env) error { return fault.Refuse(fault.WrongInput, "two\nlines") })
	}}
	env.main(commands, nil, []string{"gnt-thing", "add", "-d", "--os-parameters-secret", "pw=hunter2", "web"})
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("2020-01-17 20:05:42,000: gnt-thing add pid=%d ", os.Getpid())
	want := head + "DEBUG Command line: gnt-thing add -d --os-parameters-secret <private> web\n" +
		head + `ERROR Failure: prerequisites not met for this operation:\nerror type: wrong_input, error details:\ntwo\nlines` + "\n"
	if string(data) != want {
		t.Errorf("log\n%s\nwant\n%s", data, want)
	}
	if !strings.HasPrefix(errs.String(), head+"DEBUG") || strings.Contains(errs.String(), "ERROR") {
		t.Errorf("stderr %s", errs)
	}
}

func FuzzToolWords(f *testing.F) {
	f.Add("-pname\x00--luxi=x\x00-v\x00--\x00-I")
	f.Fuzz(func(t *testing.T, words string) {
		var read []string
		env, _, _ := testEnv(t)
		if status := env.tool(tool(&read), append([]string{"hbal"}, strings.Split(words, "\x00")...)); status < 0 || status > 2 {
			t.Errorf("status %d", status)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("failover\x00--forc\x00web")
	f.Add("list\x00-o\x00name\x00--\x00-x")
	f.Fuzz(func(t *testing.T, words string) {
		var ran string
		env, _, _ := testEnv(t)
		status := env.main(sample(&ran), nil, append([]string{"gnt-thing"}, strings.Split(words, "\x00")...))
		if ran != "" && status != 0 || status < 0 || status > 2 && status != 13 {
			t.Errorf("status %d, ran %q", status, ran)
		}
	})
}

// FuzzSplitShell: the words that a variable of the environment holds come out as they were quoted.
func FuzzSplitShell(f *testing.F) {
	for _, seed := range []string{"--submit", "a b", "it's", `"`, `\`, "\\\n", "é\t"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		splitShell(a)
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		if got, err := splitShell(remote.Quote("x", a, b)); err != nil || !slices.Equal(got, []string{"x", a, b}) {
			t.Errorf("%q, %q are read as %q, %v", a, b, got, err)
		}
	})
}
