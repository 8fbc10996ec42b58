package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

// newKey writes a private key to a file of the test.
func newKey(t testing.TB) (file string, public ssh.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	public, err = ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "id", pem.EncodeToMemory(block)), public
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// knownLine is a line of known_hosts.
func knownLine(names string, key ssh.PublicKey) []byte {
	return append([]byte(names+" "), ssh.MarshalAuthorizedKey(key)...)
}

// options reach one server as node1, with short deadlines.
func options(t testing.TB, s *remotetest.Server) remote.Options {
	t.Helper()
	id, _ := newKey(t)
	return remote.Options{
		Hosts: func(node string) (remote.Host, error) {
			return remote.Host{Name: node, Address: s.Address, Port: s.Port}, nil
		},
		Identity:   []string{id},
		KnownHosts: remote.KnownHosts{System: []string{}, Cluster: write(t, "known_hosts", knownLine("cluster", s.HostKey)), Alias: "cluster"},
		WorkDir:    filepath.Join(t.TempDir(), "work"),
		Deadlines:  remote.Deadlines{Connect: 2 * time.Second, Handshake: 2 * time.Second, Open: 3 * time.Second, Grace: time.Second},
	}
}

func newPool(t testing.TB, o remote.Options) *remote.Pool {
	t.Helper()
	p := remote.NewPool(o)
	t.Cleanup(func() { p.Close() })
	return p
}

// local is a pool whose every node is this machine, without SSH.
func local(o remote.Options) remote.Options {
	o.Hosts = func(node string) (remote.Host, error) { return remote.Host{Name: node, Local: true}, nil }
	return o
}

// everyWay runs a test over the SSH server of this process and over the local runner: both are to be the same.
func everyWay(t *testing.T, test func(t *testing.T, p *remote.Pool, o remote.Options)) {
	t.Run("ssh", func(t *testing.T) {
		o := options(t, remotetest.NewServer(t, remotetest.ServerOptions{}))
		o.MasterLog, o.NodeLog = filepath.Join(t.TempDir(), "m.log"), filepath.Join(t.TempDir(), "n.log")
		test(t, newPool(t, o), o)
	})
	t.Run("local", func(t *testing.T) {
		o := local(options(t, remotetest.NewServer(t, remotetest.ServerOptions{})))
		o.MasterLog, o.NodeLog = filepath.Join(t.TempDir(), "m.log"), filepath.Join(t.TempDir(), "n.log")
		test(t, newPool(t, o), o)
	})
}

func TestWhatACommandGetsAndGives(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		c := remote.Script(`cat; echo "$1|$A|$PWD|$LC_ALL|$(umask)" >&2; exit 3`, "a 'b'\n$(id)")
		c.Env = map[string]string{"A": "it's\nsecret"}
		c.Dir = "/usr"
		c.Stdin = []byte("exec data\x00\xff")
		c.OK = []int{3}
		r, err := p.Run(t.Context(), "node1", c)
		if err != nil || r.Status != 3 {
			t.Fatalf("status %d, %v", r.Status, err)
		}
		if string(r.Stdout) != "exec data\x00\xff" {
			t.Errorf("stdout %q", r.Stdout)
		}
		if got, want := string(r.Stderr), "a 'b'\n$(id)|it's\nsecret|/usr|C|0077\n"; got != want {
			t.Errorf("stderr %q, want %q", got, want)
		}
	})
}

func TestNothingRunsWhereWhatItNeedsIsMissing(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		dir := t.TempDir()
		c := remote.Command("touch", dir+"/ran")
		c.Needs, c.Dir = dir+"/it's there", "/nowhere at all"
		r, err := p.Run(t.Context(), "node1", c)
		if _, ran := os.Stat(dir + "/ran"); err != nil || r.Status != 0 || len(r.Stdout) > 0 || ran == nil {
			t.Errorf("without: %+v, %v, ran: %v", r, err, ran == nil)
		}
		c.Dir = ""
		if err := os.Mkdir(c.Needs, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err = p.Run(t.Context(), "node1", c)
		if _, ran := os.Stat(dir + "/ran"); err != nil || ran != nil {
			t.Errorf("with: %v, %v", err, ran)
		}
	})
}

func TestWarmConnectsAhead(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	p := newPool(t, options(t, s))
	p.Warm(t.Context(), "node1", "node1")
	for range 500 {
		if s.Logins.Load() == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := s.Logins.Load(); n != 1 {
		t.Fatalf("%d connections before anything was run", n)
	}
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil || s.Logins.Load() != 1 {
		t.Errorf("%v, %d connections", err, s.Logins.Load())
	}
}

func TestWarmingANodeThatIsDownHurtsNobody(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	o := options(t, s)
	s.Close()
	p := newPool(t, o)
	p.Warm(t.Context(), "node1")
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); !errors.Is(err, remote.ErrUnreachable) || remote.OutcomeOf(err) != remote.Failed {
		t.Errorf("Run = %v", err)
	}
}

func TestOutcomes(t *testing.T) {
	slow := remote.Command("sleep", "20")
	slow.Limit = 300 * time.Millisecond
	nowhere := remote.Command("true")
	nowhere.Dir = "/nowhere at all"
	used := remote.Command("sh", "-c", "exit 124")
	used.OK = []int{124}
	for name, tt := range map[string]struct {
		cmd     remote.Cmd
		outcome remote.Outcome
		status  int
		says    string
	}{
		"done":               {remote.Command("true"), remote.Done, 0, ""},
		"fails":              {remote.Script("echo no >&2; exit 7"), remote.Failed, 7, "exit status 7: no"},
		"no such command":    {remote.Command("gantry-no-such"), remote.Failed, 127, "gantry-no-such"},
		"no such directory":  {nowhere, remote.Failed, 126, "/nowhere at all"},
		"limit":              {slow, remote.Unknown, 124, "time limit was reached (0.3 s)"},
		"124 as an answer":   {used, remote.Done, 124, ""},
		"killed by a signal": {remote.Script("kill -9 $$"), remote.Unknown, 137, "signal KILL"},
		"crashes":            {remote.Script("kill -SEGV $$"), remote.Failed, 139, "signal SEGV"},
	} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
				r, err := p.Run(t.Context(), "node1", tt.cmd)
				if remote.OutcomeOf(err) != tt.outcome || r.Status != tt.status {
					t.Errorf("%v, status %d: %v", remote.OutcomeOf(err), r.Status, err)
				}
				if err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%q does not say %q", err, tt.says)
				}
			})
		})
	}
}

func TestAChildThatHoldsTheOutputIsNotWaitedFor(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		r, err := p.Run(t.Context(), "node1", remote.Script("echo started; sleep 30 & echo $! >&2"))
		if err != nil || string(r.Stdout) != "started\n" {
			t.Errorf("%q, %v", r.Stdout, err)
		}
		if r.Took < 2*time.Second || r.Took > 6*time.Second {
			t.Errorf("took %v", r.Took)
		}
		p.Run(t.Context(), "node1", remote.Command("kill", strings.TrimSpace(string(r.Stderr))))
	})
}

func TestTheCallerGoesAway(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := p.Run(ctx, "node1", remote.Command("sleep", "5"))
		if remote.OutcomeOf(err) != remote.Unknown || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("returned after %v", took)
		}
		if _, err := p.Run(ctx, "node1", remote.Command("true")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before the start: %v", err)
		}
	})
}

func TestTooMuchOutput(t *testing.T) {
	for name, flood := range map[string]string{"zeros": "cat /dev/zero", "garbage": "cat /dev/urandom", "one line": "yes | tr -d '\\n'"} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(t *testing.T, _ *remote.Pool, o remote.Options) {
				o.MaxOutput = 1 << 20
				p := newPool(t, o)
				c := remote.Script(flood)
				c.Limit = 5 * time.Second
				r, err := p.Run(t.Context(), "node1", c)
				if remote.OutcomeOf(err) != remote.Unknown || !strings.Contains(fmt.Sprint(err), "node1") || !strings.Contains(fmt.Sprint(err), "more than 1048576 bytes of output") {
					t.Errorf("%v", err)
				}
				if len(r.Stdout) > 1<<20 || r.Took > 4*time.Second {
					t.Errorf("%d bytes, %v", len(r.Stdout), r.Took)
				}
			})
		})
	}
}

func TestMuchOnStderrIsCut(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		r, err := p.Run(t.Context(), "node1", remote.Script("head -c 3000000 /dev/zero >&2; echo done"))
		if err != nil || string(r.Stdout) != "done\n" || len(r.Stderr) != 256<<10 {
			t.Errorf("%q, %d bytes of stderr, %v", r.Stdout, len(r.Stderr), err)
		}
	})
}

func TestStream(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, o remote.Options) {
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		var out bytes.Buffer
		c := remote.Command("cat")
		c.Stdin = []byte("first ")
		if _, err := p.Stream(t.Context(), "node1", c, bytes.NewReader(big), &out); err != nil {
			t.Fatal(err)
		}
		if out.Len() != len(big)+6 || !bytes.HasPrefix(out.Bytes(), []byte("first 0123")) {
			t.Errorf("%d bytes came back", out.Len())
		}
	})
}

func TestLogs(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, o remote.Options) {
		c := remote.Command("echo", "two\nlines", "it's")
		c.Secret = true
		c.Env = map[string]string{"PASSWORD": "hunter2"}
		c.Stdin = []byte("hunter3")
		if _, err := p.Run(t.Context(), "node1", c); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(t.Context(), "node1", remote.Script("exit 4")); err == nil {
			t.Fatal("no error")
		}
		p.Close()
		line := `timeout -k 5 60 echo $'two\nlines' 'it'\''s' # cannot be pasted, left out: secret environment PASSWORD, 7 bytes on stdin`
		for path, want := range map[string][]string{
			o.MasterLog: {"node=node1 took=0.", "status=0 " + line, "status=4 timeout -k 5 60 sh -c 'exit 4' sh"},
			o.NodeLog:   {": gantry pid=", "INFO RunCmd " + line, "RunCmd timeout -k 5 60 sh -c 'exit 4' sh"},
		} {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if !strings.Contains(string(text), w) {
					t.Errorf("%q is not in %s", w, text)
				}
			}
			if strings.Contains(string(text), "hunter") || strings.Count(string(text), "\n") != 2 {
				t.Errorf("%s", text)
			}
		}
	})
}

func TestNothingSecretInArgv(t *testing.T) {
	everyWay(t, func(t *testing.T, p *remote.Pool, _ remote.Options) {
		// The command looks at the command lines of itself, its parents and all else.
		c := remote.Script(`cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c "$(printf '%s%s' "$A" "$B")"; cat >/dev/null`)
		c.Env = map[string]string{"A": "hunter", "B": "2-in-env"}
		c.Stdin = []byte("hunter2-in-env")
		c.OK = []int{1}
		r, err := p.Run(t.Context(), "node1", c)
		if err != nil {
			t.Fatal(err)
		}
		// grep's own argument is the only one.
		if got := strings.TrimSpace(string(r.Stdout)); got != "0" && got != "1" {
			t.Errorf("seen %s times", got)
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{MaxSessions: 3, Drop: 2})
	p := newPool(t, options(t, s))
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			r, err := p.Run(t.Context(), "node1", remote.Command("echo", fmt.Sprint(i)))
			if err != nil || string(r.Stdout) != fmt.Sprintln(i) {
				t.Errorf("%d: %q, %v", i, r.Stdout, err)
			}
		})
	}
	all.Wait()
	if n := s.Logins.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// sshd takes ten sessions on a connection unless it is told otherwise.
func TestAtMostEightAtATime(t *testing.T) {
	p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{})))
	dir, most := t.TempDir(), atomic.Int64{}
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			r, err := p.Run(t.Context(), "node1", remote.Script(`cd "$1" && : >"$2" && ls | wc -l && sleep 0.3; rm -f "$2"`, dir, strconv.Itoa(i)))
			n, bad := strconv.ParseInt(strings.TrimSpace(string(r.Stdout)), 10, 64)
			if err != nil || bad != nil {
				t.Errorf("%q, %v", r.Stdout, err)
			}
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
		})
	}
	all.Wait()
	if n := most.Load(); n > 8 || n < 3 {
		t.Errorf("%d at a time", n)
	}
}

func TestHandshakes(t *testing.T) {
	t.Run("dropped before authentication", func(t *testing.T) {
		p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{Drop: 4})))
		if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
			t.Error(err)
		}
	})
	t.Run("dropped for ever", func(t *testing.T) {
		p := newPool(t, options(t, remotetest.NewServer(t, remotetest.ServerOptions{Drop: 1000})))
		_, err := p.Run(t.Context(), "node1", remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !errors.Is(err, remote.ErrUnreachable) {
			t.Error(err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		o := options(t, remotetest.NewServer(t, remotetest.ServerOptions{Mute: true}))
		o.Deadlines.Handshake = 300 * time.Millisecond
		begun := time.Now()
		_, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), "within 300ms") {
			t.Error(err)
		}
		if time.Since(begun) > 3*time.Second {
			t.Errorf("took %v", time.Since(begun))
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		s := remotetest.NewServer(t, remotetest.ServerOptions{})
		o := options(t, s)
		s.Port = 1
		_, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !errors.Is(err, remote.ErrUnreachable) {
			t.Error(err)
		}
	})
	t.Run("no key", func(t *testing.T) {
		o := options(t, remotetest.NewServer(t, remotetest.ServerOptions{}))
		o.Identity = []string{"/nonexistent/id"}
		_, err := newPool(t, o).Run(t.Context(), "node1", remote.Command("true"))
		if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "/nonexistent/id") {
			t.Error(err)
		}
	})
}

// misbehave runs a command on a server whose commands are f.
func misbehave(t *testing.T, limit time.Duration, f func(ch ssh.Channel) int) (remote.Result, error) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(_ string, ch ssh.Channel) int { return f(ch) }})
	o := options(t, s)
	o.MaxOutput = 4 << 20
	c := remote.Command("lvs")
	c.Limit = limit
	return newPool(t, o).Run(t.Context(), "node1", c)
}

func TestHostileNodes(t *testing.T) {
	const begun = "\x01gantry\x01"
	for name, tt := range map[string]struct {
		do      func(ch ssh.Channel) int
		outcome remote.Outcome
		says    string
	}{
		"says nothing": {func(ch ssh.Channel) int { io.Copy(io.Discard, ch); select {} }, remote.Unknown, "time limit"},
		"one byte a time": {func(ch ssh.Channel) int {
			io.WriteString(ch, begun)
			for {
				if _, err := ch.Write([]byte("x")); err != nil {
					return 0
				}
				time.Sleep(50 * time.Millisecond)
			}
		}, remote.Unknown, "time limit"},
		"gigabytes": {func(ch ssh.Channel) int {
			io.WriteString(ch, begun)
			for {
				if _, err := ch.Write(make([]byte, 1<<20)); err != nil {
					return 0
				}
			}
		}, remote.Unknown, "more than 4194304 bytes"},
		"gigabytes before the mark": {func(ch ssh.Channel) int {
			for {
				if _, err := ch.Write(make([]byte, 1<<16)); err != nil {
					return 0
				}
			}
		}, remote.Unknown, "root's shell printed more than 64 KiB"},
		"never runs the preamble": {func(ch ssh.Channel) int {
			io.WriteString(ch, "This account is currently not available.\n")
			return 0
		}, remote.Failed, "root's shell did not start the command: This account is"},
		"closes without a status": {func(ch ssh.Channel) int { io.WriteString(ch, begun); return -1 }, remote.Unknown, "connection lost"},
		"status but endless output": {func(ch ssh.Channel) int {
			io.WriteString(ch, begun)
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 5})
			select {}
		}, remote.Failed, "exit status 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := misbehave(t, 500*time.Millisecond, tt.do)
			if remote.OutcomeOf(err) != tt.outcome || !strings.Contains(fmt.Sprint(err), tt.says) || !strings.Contains(fmt.Sprint(err), "node node1: lvs") {
				t.Errorf("%v: %v", remote.OutcomeOf(err), err)
			}
			if r.Took > 5*time.Second || len(r.Stdout) > 4<<20 {
				t.Errorf("%v, %d bytes", r.Took, len(r.Stdout))
			}
		})
	}
}

func TestTheConnectionIsLost(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	p := newPool(t, options(t, s))
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, s.Cut)
	_, err := p.Run(t.Context(), "node1", remote.Command("sleep", "3"))
	if remote.OutcomeOf(err) != remote.Unknown || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("while it ran: %v", err)
	}
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
		t.Errorf("after that: %v", err)
	}
	s.Cut()
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
		t.Errorf("cut while idle: %v", err)
	}
}

func TestNoiseOfRootsShell(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{Exec: func(command string, ch ssh.Channel) int {
		io.WriteString(ch, "welcome\n")
		io.WriteString(ch.Stderr(), "you have mail\n")
		return remotetest.RunInShell(command, ch)
	}})
	r, err := newPool(t, options(t, s)).Run(t.Context(), "node1", remote.Script("echo out; echo err >&2"))
	if err != nil || string(r.Stdout) != "out\n" || string(r.Stderr) != "err\n" || string(r.Noise) != "welcome\n" {
		t.Errorf("%q %q %q %v", r.Stdout, r.Stderr, r.Noise, err)
	}
}

// frozen forwards connections until it is told to stop moving bytes, without closing anything.
func frozen(t *testing.T, s *remotetest.Server) (port int, freeze func(bool)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var cold atomic.Bool
	pump := func(to, from net.Conn) {
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if cold.Load() {
				return // what was read is lost, and so is the connection, but nobody says so
			}
			if err != nil {
				to.Close()
				return
			}
			to.Write(buffer[:n])
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", net.JoinHostPort(s.Address, fmt.Sprint(s.Port)))
			if err != nil {
				client.Close()
				continue
			}
			go pump(server, client)
			go pump(client, server)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, cold.Store
}

func TestANodeThatFreezes(t *testing.T) {
	s := remotetest.NewServer(t, remotetest.ServerOptions{})
	o := options(t, s)
	port, freeze := frozen(t, s)
	o.Hosts = func(node string) (remote.Host, error) {
		return remote.Host{Name: node, Address: s.Address, Port: port}, nil
	}
	o.Deadlines.Keepalive, o.Deadlines.Handshake = 200*time.Millisecond, 500*time.Millisecond
	p := newPool(t, o)
	if err := p.Start(t.Context(), "node1", "w", remote.Script("echo before; sleep 2; echo after")); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { freeze(true) })
	endless := remote.Command("sleep", "4")
	endless.Limit = remote.NoLimit
	begun := time.Now()
	_, err := p.Run(t.Context(), "node1", endless)
	if remote.OutcomeOf(err) != remote.Unknown || !strings.Contains(err.Error(), "connection lost") || time.Since(begun) > 3*time.Second {
		t.Errorf("%v: %v", time.Since(begun), err)
	}
	if _, err := p.Run(t.Context(), "node1", remote.Command("true")); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("while it is frozen: %v", err)
	}
	time.AfterFunc(time.Second, func() { freeze(false) })
	r, err := p.Follow(t.Context(), "node1", "w")
	if err != nil || string(r.Stdout) != "before\nafter\n" {
		t.Errorf("after the thaw: %q %v", r.Stdout, err)
	}
}

func TestACommandThatIgnoresTheEndOfItsLimit(t *testing.T) {
	c := remote.Script("trap '' TERM; while :; do sleep 1; done")
	c.Limit = 100 * time.Millisecond
	r, err := newPool(t, local(remote.Options{})).Run(t.Context(), "node1", c)
	if remote.OutcomeOf(err) != remote.Unknown || !strings.Contains(err.Error(), "time limit was reached (0.1 s)") || r.Took > 8*time.Second {
		t.Errorf("%v %v", r.Took, err)
	}
}
