package remote_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

func TestDurableWork(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, o remote.Options) {
		c := remote.Script(`cat; echo "$A" >&2; exit "$1"`, "0")
		c.Env, c.Stdin, c.Secret = map[string]string{"A": "secret\nenv"}, []byte("input\x00"), true
		for range 2 { // the second start does nothing
			if err := p.Start(t.Context(), "node1", "job-7.1", c); err != nil {
				t.Fatal(err)
			}
		}
		r, err := p.Follow(t.Context(), "node1", "job-7.1")
		if err != nil || string(r.Stdout) != "input\x00" || string(r.Stderr) != "secret\nenv\n" {
			t.Errorf("%q %q %v", r.Stdout, r.Stderr, err)
		}
		if r, err = p.Follow(t.Context(), "node1", "job-7.1"); err != nil || string(r.Stdout) != "input\x00" {
			t.Errorf("followed again: %q %v", r.Stdout, err)
		}
		if err := p.Forget(t.Context(), "node1", "job-7.1"); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Join(o.WorkDir, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		_, err = p.Follow(t.Context(), "node1", "job-7.1")
		if !errors.Is(err, remote.ErrNoWork) || remote.OutcomeOf(err) != remote.Unknown {
			t.Errorf("after it was forgotten: %v", err)
		}
	})
}

func TestDurableWorkThatFails(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		limited := remote.Command("sleep", "60")
		limited.Limit = 300 * time.Millisecond
		for id, tt := range map[string]struct {
			cmd    remote.Cmd
			status int
		}{
			"status": {remote.Script("echo broken >&2; exit 3"), 3},
			"limit":  {limited, 124},
			"none":   {remote.Command("gantry-no-such"), 127},
		} {
			if err := p.Start(t.Context(), "node1", id, tt.cmd); err != nil {
				t.Fatal(err)
			}
			r, err := p.Follow(t.Context(), "node1", id)
			if remote.OutcomeOf(err) != remote.Failed || r.Status != tt.status {
				t.Errorf("%s: status %d, %v", id, r.Status, err)
			}
		}
	})
}

func TestDurableWorkSurvivesTheConnection(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	o := options(t, s)
	p := newPool(t, o)
	c := remote.Script(`for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done`)
	if err := p.Start(t.Context(), "node1", "w", c); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p = newPool(t, o) // as a process that comes later
	for i := range 4 {
		time.AfterFunc(time.Duration(300+i*500)*time.Millisecond, s.Cut)
	}
	var out bytes.Buffer
	r, err := p.FollowOutput(t.Context(), "node1", "w", time.Second, func(stdout, _ []byte) { out.Write(stdout) })
	if err != nil || out.String() != "1\n2\n3\n4\n5\n6\n7\n8\n" {
		t.Errorf("%q %v", out.String(), err)
	}
	if s.Logins.Load() < 4 || r.Status != 0 {
		t.Errorf("%d logins, status %d", s.Logins.Load(), r.Status)
	}
}

// silent is a channel on which nobody learns how a command ended.
type silent struct{ ssh.Channel }

func (silent) SendRequest(string, bool, []byte) (bool, error) { return false, nil }

// The connection goes after the work has begun and before anybody here knows: the start is sent again, and the work is done once.
func TestALostStartIsSentAgain(t *testing.T) {
	var commands atomic.Int32
	s := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(command string, ch ssh.Channel) int {
		if commands.Add(1) == 1 {
			ch = silent{ch}
		}
		return remotetest.RunInShell(command, ch)
	}})
	p := newPool(t, options(t, s))
	done := filepath.Join(t.TempDir(), "done")
	if err := p.Start(t.Context(), "node1", "w", remote.Script(`echo once >>"$1"`, done)); err != nil {
		t.Fatal(err)
	}
	_, err := p.Follow(t.Context(), "node1", "w")
	text, _ := os.ReadFile(done)
	if err != nil || string(text) != "once\n" || commands.Load() < 3 {
		t.Errorf("%q after %d commands, %v", text, commands.Load(), err)
	}
}

// The node is away for good after it got the start: nobody says that nothing ran.
func TestALostStartIsUnknown(t *testing.T) {
	var s *remotetest.Server
	s = remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(string, ssh.Channel) int {
		s.Close()
		s.Cut()
		return -1
	}})
	o := options(t, s)
	o.Deadlines.Reattach = 300 * time.Millisecond
	if err := newPool(t, o).Start(t.Context(), "node1", "w", remote.Command("true")); remote.OutcomeOf(err) != remote.Unknown {
		t.Error(err)
	}
}

func TestDurableWorkIsUnknownWhenTheNodeStaysAway(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	o := options(t, s)
	o.Deadlines.Reattach = time.Second
	p := newPool(t, o)
	if err := p.Start(t.Context(), "node1", "w", remote.Command("sleep", "5")); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() {
		s.Close()
		s.Cut()
	})
	_, err := p.Follow(t.Context(), "node1", "w")
	if remote.OutcomeOf(err) != remote.Unknown || !strings.Contains(err.Error(), "no contact for") {
		t.Error(err)
	}
}

func TestDurableWorkThatIsKilled(t *testing.T) {
	p := newPool(t, local(remote.Options{WorkDir: filepath.Join(t.TempDir(), "work")}))
	// timeout's parent is the shell that would write the status.
	if err := p.Start(t.Context(), "node1", "w", remote.Script("kill -9 $(ps -o ppid= -p $PPID)")); err != nil {
		t.Fatal(err)
	}
	_, err := p.Follow(t.Context(), "node1", "w")
	if !errors.Is(err, remote.ErrWorkLost) || remote.OutcomeOf(err) != remote.Unknown {
		t.Error(err)
	}
}

func TestStop(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, o remote.Options) {
		pids := filepath.Join(t.TempDir(), "pids")
		c := remote.Script(`sleep 100 & echo $! >"$1"; trap "" TERM; sleep 100 & echo $! >>"$1"; wait; sleep 100`, pids)
		if err := p.Start(t.Context(), "node1", "w", c); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if text, _ := os.ReadFile(pids); strings.Count(string(text), "\n") == 2 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if err := p.Forget(t.Context(), "node1", "w"); err == nil || !strings.Contains(err.Error(), "still running") {
			t.Errorf("forgotten while it ran: %v", err)
		}
		if err := p.Stop(t.Context(), "node1", "w"); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(pids)
		for pid := range strings.FieldsSeq(string(text)) {
			if state := processState(pid); state != "" && state != "Z" {
				t.Errorf("process %s is still there, %s", pid, state)
			}
		}
		if _, err := p.Follow(t.Context(), "node1", "w"); err == nil {
			t.Error("ended well")
		}
		if err := p.Stop(t.Context(), "node1", "w"); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := p.Stop(t.Context(), "node1", "never"); err != nil {
			t.Errorf("what never was: %v", err)
		}
	})
}

// processState is the letter that /proc has, "" for none.
func processState(pid string) string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[0]
}

func TestDurableWorkWithMuchOutput(t *testing.T) {
	p := newPool(t, local(remote.Options{WorkDir: filepath.Join(t.TempDir(), "work"), MaxOutput: 7 << 20}))
	if err := p.Start(t.Context(), "node1", "w", remote.Script("yes | head -c 20000000; yes 2 | head -c 5000000 >&2")); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr int
	if _, err := p.FollowOutput(t.Context(), "node1", "w", time.Second, func(o, e []byte) { stdout, stderr = stdout+len(o), stderr+len(e) }); err != nil {
		t.Error(err)
	}
	if stdout != 20000000 || stderr != 5000000 {
		t.Errorf("%d and %d bytes", stdout, stderr)
	}
	if r, err := p.Follow(t.Context(), "node1", "w"); err != nil || len(r.Stdout) != 7<<20 {
		t.Errorf("kept %d bytes, %v", len(r.Stdout), err)
	}
}

func TestKeyIsLentToDurableWork(t *testing.T) {
	s := startSSHD(t)
	p := newPool(t, s.options)
	c := remote.Script(`sleep 1; ssh-add -l && exec ssh -F none -oIdentityFile=none -oBatchMode=yes -oStrictHostKeyChecking=no \
		-oUserKnownHostsFile=/dev/null -p "$1" "$2@127.0.0.1" echo there`, strconv.Itoa(s.port), s.options.User)
	c.LendKey = true
	if err := p.Start(t.Context(), "node1", "w", c); err != nil {
		t.Fatal(err)
	}
	r, err := p.Follow(t.Context(), "node1", "w")
	if err != nil || !strings.HasSuffix(string(r.Stdout), "there\n") {
		t.Errorf("%q %q %v", r.Stdout, r.Stderr, err)
	}
}

func TestWorkIDs(t *testing.T) {
	p := newPool(t, local(remote.Options{WorkDir: t.TempDir()}))
	for _, id := range []string{"", ".", "..", "a/b", "-x", "a b", "a\n", "$(id)", strings.Repeat("x", 101)} {
		err := p.Start(t.Context(), "node1", id, remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(fmt.Sprint(err), "no id") {
			t.Errorf("%q: %v", id, err)
		}
	}
}
