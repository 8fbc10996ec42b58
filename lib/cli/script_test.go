package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

// script runs the words of a program without subcommands and returns what it printed.
func script(t *testing.T, words ...string) (ran bool, group, stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{Out: &out, Err: &errs, ctx: t.Context(), Now: newEnv(t.Context()).Now, paths: paths{log: t.TempDir()}}
	status = env.script(func(c *Command) {
		c.Usage("[-d]", "Watches")
		c.Flag("node-group", "One group").Short('g').Meta("<nodegroup>").StringVar(&group)
		c.Run(func(context.Context, *Env) error { ran = true; return nil })
	}, append([]string{"/usr/sbin/ganeti-watcher"}, words...))
	return ran, group, out.String(), errs.String(), status
}

func TestAScriptReadsItsOptions(t *testing.T) {
	ran, group, stdout, stderr, status := script(t, "-d", "--node-gr=g1")
	if !ran || group != "g1" || stdout != "" || !strings.Contains(stderr, "Command line: ganeti-watcher -d --node-group g1") || status != 0 {
		t.Errorf("ran %v, group %q, status %d, %q, %q", ran, group, status, stdout, stderr)
	}
}

func TestAScriptRefusesInOptparsesWords(t *testing.T) {
	for words, want := range map[string]string{
		"extra":    "No arguments expected",
		"--nosuch": "no such option: --nosuch",
		"-g":       "-g option requires 1 argument",
	} {
		ran, _, _, stderr, status := script(t, words)
		if ran || status != 2 || stderr != "Usage: ganeti-watcher [-d]\n\nganeti-watcher: error: "+want+"\n" {
			t.Errorf("%s: ran %v, status %d, %q", words, ran, status, stderr)
		}
	}
}

func TestAScriptShowsItsPage(t *testing.T) {
	_, _, stdout, _, status := script(t, "-h")
	want := `Usage: ganeti-watcher [-d]

Watches

Options:
  --version             show program's version number and exit
  -h, --help            show this help message and exit
  -d, --debug           Log more, and show the log on standard error
  -g <nodegroup>, --node-group=<nodegroup>
                        One group
`
	if stdout != want || status != 0 {
		t.Errorf("status %d\n%s", status, stdout)
	}
	if _, _, stdout, _, _ := script(t, "--version"); stdout != "ganeti-watcher (ganeti 3.0.2-3) 3.0.2\n" {
		t.Errorf("version %q", stdout)
	}
}
