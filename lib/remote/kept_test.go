package remote_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// counting is a server that counts the commands it was asked to run.
func counting(t *testing.T, o remotetest.ServerOptions) (*remotetest.Server, *atomic.Int32) {
	var ran atomic.Int32
	o.Exec = func(command string, channel ssh.Channel) int {
		ran.Add(1)
		return remotetest.RunInShell(command, channel)
	}
	return remotetest.NewServer(t, o), &ran
}

func TestAKeptScriptGetsAndGivesWhatACommandDoes(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		const text = `
sub serve {
	my ($word, $number) = @_;
	$word eq 'exit' and do { warn "going\n"; return $number };
	$word eq 'die' and die "not today\n";
	$word eq 'read' and do { read STDIN, my $in, $number; print $in; return 0 };
	print join('|', @_), '|';
	warn "errors of $word\n";
	return 0;
}`
		for _, c := range []struct {
			args      []string
			in        string
			out, errs string
			status    int
		}{
			{args: []string{"plain"}, out: "plain|", errs: "errors of plain\n"},
			{args: []string{"a b", "it's $(id)", "", `back\slash "q"`, "-n"}, out: `a b|it's $(id)||back\slash "q"|-n|`, errs: "errors of a b\n"},
			{args: []string{"-e"}, out: "-e|", errs: "errors of -e\n"},
			{args: []string{"umlaut ü\xff\t", ""}, out: "umlaut ü\xff\t||", errs: "errors of umlaut ü\xff\t\n"},
			{args: []string{"new\nline"}, out: "new\nline|", errs: "errors of new\nline\n"},
			{args: []string{"read", "6"}, in: "abc\n\n\n", out: "abc\n\n\n"},
			{args: []string{"read", "0"}},
			{args: []string{"exit", "7"}, errs: "going\n", status: 7},
			{args: []string{"die"}, errs: "not today\n", status: 1},
			{args: []string{"read", "200000"}, in: strings.Repeat("0123456789abcdef\n\n\x00\xff", 10000), out: strings.Repeat("0123456789abcdef\n\n\x00\xff", 10000)},
		} {
			cmd := remote.Kept(text, c.args...)
			cmd.Stdin, cmd.OK = []byte(c.in), []int{1, 7}
			for range 2 {
				r, err := p.Run(t.Context(), "node1", cmd)
				if err != nil || string(r.Stdout) != c.out || string(r.Stderr) != c.errs || r.Status != c.status {
					t.Errorf("%q = %d %.100q %.100q, %v", c.args, r.Status, r.Stdout, r.Stderr, err)
				}
			}
		}
	})
}

func TestThePerlOfAKeptScriptIsStartedOnce(t *testing.T) {
	s, ran := counting(t, remotetest.ServerOptions{})
	o := options(t, s)
	o.NodeLog = filepath.Join(t.TempDir(), "n.log")
	p := newPool(t, o)
	for _, word := range []string{"one", "two", "three"} {
		if r, err := p.Run(t.Context(), "node1", remote.Kept(`sub serve { print "$$ @_\n"; 0 }`, word)); err != nil || !strings.HasSuffix(string(r.Stdout), word+"\n") {
			t.Fatalf("%s: %q, %v", word, r.Stdout, err)
		}
	}
	if n := ran.Load(); n != 1 {
		t.Errorf("%d shells were started", n)
	}
	logged, err := os.ReadFile(o.NodeLog)
	if err != nil || strings.Count(string(logged), "\n") != 3 || !strings.Contains(string(logged), `: gantry pid=`) ||
		!strings.Contains(string(logged), `INFO RunCmd perl -e $'sub serve { print "$$ @_\\n"; 0 }\n#`) || !strings.Contains(string(logged), "' -- two\n") {
		t.Errorf("log %q, %v", logged, err)
	}
}

func TestACallOfAKeptScriptIsLoggedBeforeItIsCarriedOut(t *testing.T) {
	o := options(t, remotetest.NewServer(t, remotetest.ServerOptions{}))
	o.NodeLog = filepath.Join(t.TempDir(), "n.log")
	p := newPool(t, o)
	for _, word := range []string{"one", "two"} {
		r, err := p.Run(t.Context(), "node1", remote.Kept(`sub serve { open my $log, '<', $_[1] or die; print grep / -- $_[0] /, <$log>; 0 }`, word, o.NodeLog))
		if err != nil || strings.Count(string(r.Stdout), "\n") != 1 {
			t.Errorf("%s: %q, %v", word, r.Stdout, err)
		}
	}
}

func TestCallsOfAKeptScriptAtOnceDoNotWaitForEachOther(t *testing.T) {
	p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{})))
	fifo := filepath.Join(t.TempDir(), "meet")
	meet := remote.Kept(`
sub serve {
	my ($file, @sides) = @_;
	if ($sides[0] eq $sides[1]) { open my $made, '>', $file or die }
	else { select undef, undef, undef, 0.01 until -e $file }
	return 0;
}`, fifo, "a")
	var all sync.WaitGroup
	for _, side := range []string{"a", "b"} {
		c := meet
		c.Argv = append(c.Argv[:len(c.Argv):len(c.Argv)], side)
		c.Limit = 5 * time.Second
		all.Go(func() {
			if _, err := p.Run(t.Context(), "node1", c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// What a script leaves of its input must never be taken for a call.
func TestInputThatAKeptScriptLeavesIsNotRun(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{})))
	c := remote.Kept(`sub serve { 3 }`)
	c.Stdin = []byte(strings.Repeat("key stamp\x00line\x00word\nkey; : >"+dir+"/ran\n$(: >"+dir+"/ran)\n", 3))
	for range 2 {
		if _, err := p.Run(t.Context(), "node1", c); remote.OutcomeOf(err) != remote.Failed {
			t.Errorf("err = %v", err)
		}
	}
	c.OK = []int{3} // even if somebody wants it so: the next call may be lost, and that is all
	for range 2 {
		p.Run(t.Context(), "node1", c)
	}
	if left, _ := filepath.Glob(dir + "/*"); left != nil {
		t.Errorf("input was run: %v", left)
	}
}

func TestOutcomesOfKeptScripts(t *testing.T) {
	o := options(t, remotetest.NewServer(t, remotetest.ServerOptions{}))
	o.MaxOutput = 1 << 20
	p := newPool(t, o)
	for _, c := range []struct {
		name, text string
		outcome    remote.Outcome
	}{
		{"done", "0", remote.Done},
		{"another status", "4", remote.Failed},
		{"it dies", "die", remote.Failed},
		{"it ends", "exit 0", remote.Unknown},
		{"it is killed", "kill 9, $$", remote.Unknown},
		{"too much output", "print 'y' x 4096 while 1", remote.Unknown},
		{"after its deadline", "sleep 3; 0", remote.Unknown},
	} {
		cmd := remote.Kept("sub serve { " + c.text + " }")
		cmd.Limit = time.Millisecond
		for range 2 {
			if _, err := p.Run(t.Context(), "node1", cmd); remote.OutcomeOf(err) != c.outcome {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestAKeptPerlThatHasGoneIsStartedAgain(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	p := newPool(t, options(t, s))
	call := func() (pid string, err error) {
		r, err := p.Run(t.Context(), "node1", remote.Kept(`sub serve { print $$; 0 }`))
		return strings.TrimSpace(string(r.Stdout)), err
	}
	// again calls until it is known how the call ended: the news of an end needs a moment.
	again := func() (pid string) {
		for {
			pid, err := call()
			if remote.OutcomeOf(err) == remote.Failed {
				t.Fatal(err)
			}
			if err == nil {
				return pid
			}
		}
	}
	first := again()
	if same := again(); same != first {
		t.Fatalf("%s, then %s", first, same)
	}
	if _, err := p.Run(t.Context(), "node1", remote.Command("kill", "-9", first)); err != nil {
		t.Fatal(err)
	}
	second := again()
	if second == first {
		t.Error("a perl that was killed answers")
	}
	s.Cut()
	if third := again(); third == second {
		t.Error("a perl answers over a connection that was cut")
	}
}

// A server with one channel still serves everybody: a perl that only waits gives it up.
func TestAKeptPerlMakesRoom(t *testing.T) {
	p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{MaxSessions: 1})))
	for range 3 {
		for _, c := range []remote.Cmd{remote.Kept("sub serve { 0 }"), remote.Kept("sub serve { 1 - 1 }"), remote.Command("echo", "plain")} {
			if _, err := p.Run(t.Context(), "node1", c); err != nil {
				t.Fatalf("%s: %v", c.Line(), err)
			}
		}
	}
}

func TestNoiseOfRootsShellIsNoneOfAKeptScripts(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(command string, channel ssh.Channel) int {
		return remotetest.RunInShell("echo welcome; echo beware >&2; "+command, channel)
	}})
	p := newPool(t, options(t, s))
	for i, noise := range []string{"welcome\n", ""} {
		r, err := p.Run(t.Context(), "node1", remote.Kept(`sub serve { print "out\n"; warn "err\n"; 0 }`))
		if err != nil || string(r.Stdout) != "out\n" || string(r.Stderr) != "err\n" || string(r.Noise) != noise {
			t.Errorf("call %d = %q %q %q, %v", i, r.Stdout, r.Stderr, r.Noise, err)
		}
	}
	closed := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(string, ssh.Channel) int { return 1 }})
	_, err := newPool(t, options(t, closed)).Run(t.Context(), "node1", remote.Kept("sub serve { 0 }"))
	if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "did not start") {
		t.Errorf("without a shell: %v", err)
	}
}

func TestACallerOfAKeptScriptGoesAway(t *testing.T) {
	p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{})))
	script := `sub serve { sleep 2 if $_[0] ne ''; print "done @_\n"; 0 }`
	if _, err := p.Run(t.Context(), "node1", remote.Kept(script, "")); err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(100*time.Millisecond, func() { cancel(gone) })
	if _, err := p.Run(ctx, "node1", remote.Kept(script, "late")); !errors.Is(err, gone) || remote.OutcomeOf(err) != remote.Unknown {
		t.Errorf("err = %v", err)
	}
	if r, err := p.Run(t.Context(), "node1", remote.Kept(script, "")); err != nil || !bytes.Equal(r.Stdout, []byte("done \n")) {
		t.Errorf("the next one got %q, %v", r.Stdout, err)
	}
}

// A node without perl has certainly done nothing.
func TestANodeWithoutPerl(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(command string, channel ssh.Channel) int {
		return remotetest.RunInShell(regexp.MustCompile(`PATH=/\S+`).ReplaceAllString(command, "PATH=/nowhere"), channel)
	}})
	_, err := newPool(t, options(t, s)).Run(t.Context(), "node1", remote.Kept("sub serve { 0 }"))
	if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "perl: not found") {
		t.Errorf("err = %v", err)
	}
}
