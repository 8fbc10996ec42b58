package remote_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gantry/lib/remote"
)

// sshd is a real OpenSSH server on a port of its own, whose commands run as the test's user on this machine.
type sshd struct {
	port    int
	dir     string
	keys    map[string]ssh.PublicKey // by type: ed25519, ecdsa
	options remote.Options
	server  *exec.Cmd
	log     *bytes.Buffer
}

func startSSHD(t testing.TB, settings ...string) *sshd {
	t.Helper()
	if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "Subsystem") }) {
		settings = append(settings, "Subsystem sftp internal-sftp")
	}
	program, err := exec.LookPath("sshd")
	if err != nil {
		if program = "/usr/sbin/sshd"; !exists(program) {
			t.Skip("NOT TESTED against a real sshd: openssh-server is not installed")
		}
	}
	os.MkdirAll("/run/sshd", 0o755) // sshd of root insists on it
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{port: listener.Addr().(*net.TCPAddr).Port, dir: t.TempDir(), keys: map[string]ssh.PublicKey{}, log: &bytes.Buffer{}}
	listener.Close()
	settings = append(settings, "SetEnv HOME="+s.dir) // not the .bashrc of whoever runs the test
	id, public := newKey(t)
	lines := append([]string{
		"Port " + strconv.Itoa(s.port), "ListenAddress 127.0.0.1", "PidFile none", "UsePAM no", "StrictModes no",
		"PermitRootLogin yes", "PasswordAuthentication no", "AuthorizedKeysFile " + s.file(t, "authorized_keys", ssh.MarshalAuthorizedKey(public)),
	}, settings...)
	for _, kind := range []string{"ed25519", "ecdsa"} {
		path := filepath.Join(s.dir, kind)
		if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
		text, _ := os.ReadFile(path + ".pub")
		s.keys[kind], _, _, _, err = ssh.ParseAuthorizedKey(text)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, "HostKey "+path)
	}
	config := s.file(t, "sshd_config", []byte(strings.Join(lines, "\n")+"\n"))
	s.server = exec.Command(program, "-D", "-e", "-f", config)
	s.server.Stderr = s.log
	if err := s.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.server.Process.Kill()
		s.server.Wait()
		if t.Failed() {
			t.Logf("sshd: %s", s.log)
		}
	})
	s.await(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s.options = remote.Options{
		Hosts: func(node string) (remote.Host, error) {
			return remote.Host{Name: node, Address: "127.0.0.1", Port: s.port}, nil
		},
		User:       me.Username,
		Identity:   []string{id},
		KnownHosts: remote.KnownHosts{System: []string{}, Cluster: s.file(t, "known_hosts", knownLine("cluster", s.keys["ed25519"])), Alias: "cluster"},
		NodeLog:    filepath.Join(s.dir, "node-daemon.log"),
		WorkDir:    filepath.Join(s.dir, "work"),
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *sshd) file(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// await waits until the server answers.
func (s *sshd) await(t testing.TB) {
	t.Helper()
	for range 200 {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("sshd does not come up: %s", s.log)
}

func TestRealServer(t *testing.T) {
	s := startSSHD(t)
	p := newPool(t, s.options)
	t.Run("commands", func(t *testing.T) {
		c := remote.Script(`cat; echo "$A$1" >&2; exit 9`, "\xff'")
		c.Env, c.Stdin, c.OK = map[string]string{"A": "1 \n2"}, []byte("data"), []int{9}
		r, err := p.Run(t.Context(), "node1", c)
		if err != nil || r.Status != 9 || string(r.Stdout) != "data" || string(r.Stderr) != "1 \n2\xff'\n" {
			t.Errorf("%d %q %q %v", r.Status, r.Stdout, r.Stderr, err)
		}
	})
	t.Run("a signal ends it", func(t *testing.T) {
		if _, err := p.Run(t.Context(), "node1", remote.Script("kill -SEGV $$")); remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "signal SEGV") {
			t.Error(err)
		}
	})
	t.Run("child holds the output", func(t *testing.T) {
		r, err := p.Run(t.Context(), "node1", remote.Script("sleep 15 & echo $!"))
		if err != nil || r.Took > 6*time.Second {
			t.Errorf("%v %v", r.Took, err)
		}
		p.Run(t.Context(), "node1", remote.Command("kill", strings.TrimSpace(string(r.Stdout))))
	})
	t.Run("more commands than MaxSessions", func(t *testing.T) {
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				if r, err := p.Run(t.Context(), "node1", remote.Command("echo", fmt.Sprint(i))); err != nil || string(r.Stdout) != fmt.Sprintln(i) {
					t.Errorf("%q %v", r.Stdout, err)
				}
			})
		}
		all.Wait()
	})
	t.Run("8 MiB of input and output", func(t *testing.T) {
		c := remote.Command("cat")
		c.Stdin = bytes.Repeat([]byte("12345678"), 1<<20)
		if r, err := p.Run(t.Context(), "node1", c); err != nil || !bytes.Equal(r.Stdout, c.Stdin) {
			t.Errorf("%d bytes, %v", len(r.Stdout), err)
		}
	})
	t.Run("files", func(t *testing.T) { filesRoundTrip(t, p, s.dir) })
}

func TestLocalFiles(t *testing.T) {
	filesRoundTrip(t, newPool(t, local(remote.Options{})), t.TempDir())
}

func filesRoundTrip(t *testing.T, p *remote.Pool, dir string) {
	path := filepath.Join(dir, "a file")
	for _, data := range []string{"first", "", strings.Repeat("second\x00\xff", 100_000)} {
		if err := p.Put(t.Context(), "node1", path, []byte(data), 0o640); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o640 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if got, err := p.Get(t.Context(), "node1", path); err != nil || string(got) != data {
			t.Errorf("%d bytes, want %d: %v", len(got), len(data), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*gantry*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := p.Get(t.Context(), "node1", filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || remote.OutcomeOf(err) != remote.Failed {
		t.Errorf("%v", err)
	}
	if err := p.Put(t.Context(), "node1", filepath.Join(dir, "no/such/dir"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) || remote.OutcomeOf(err) != remote.Failed {
		t.Errorf("%v", err)
	}
	if err := p.Put(t.Context(), "node1", "relative", nil, 0o600); remote.OutcomeOf(err) != remote.Failed {
		t.Errorf("%v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(t.Context(), "node1", filepath.Join(dir, "directory"), nil, 0o600); remote.OutcomeOf(err) != remote.Failed {
		t.Errorf("over a directory: %v", err)
	}
	temp, err := p.Stage(t.Context(), "node1", path, []byte("staged"), 0o600)
	if got, _ := os.ReadFile(temp); err != nil || string(got) != "staged" || filepath.Dir(temp) != dir {
		t.Errorf("%s: %q, %v", temp, got, err)
	}
	os.Remove(temp)
}

func TestNoSFTP(t *testing.T) {
	s := startSSHD(t, "Subsystem sftp /bin/false")
	err := newPool(t, s.options).Put(t.Context(), "node1", filepath.Join(s.dir, "x"), nil, 0o600)
	if remote.OutcomeOf(err) != remote.Failed || !strings.Contains(err.Error(), "sftp subsystem") {
		t.Error(err)
	}
}

func TestKeyIsLentToOneCommand(t *testing.T) {
	s := startSSHD(t)
	everyWhere := map[string]remote.Options{"ssh": s.options, "local": local(s.options)}
	for name, o := range everyWhere {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, o)
			list := remote.Script(`ssh-add -l; ssh-add -D; exec ssh -F none -oIdentityFile=none -oBatchMode=yes -oStrictHostKeyChecking=no \
				-oUserKnownHostsFile=/dev/null -p "$1" "$2@127.0.0.1" echo on the other node`, strconv.Itoa(s.port), s.options.User)
			list.LendKey = true
			r, err := p.Run(t.Context(), "node1", list)
			if err != nil || strings.Count(string(r.Stdout), "\n") != 2 || !strings.Contains(string(r.Stdout), "lent by the master") || !strings.HasSuffix(string(r.Stdout), "on the other node\n") {
				t.Errorf("%q %v", r.Stdout, err)
			}
			other := remote.Script(`echo "<$SSH_AUTH_SOCK>"`)
			if r, err := p.Run(t.Context(), "node1", other); err != nil || string(r.Stdout) != "<>\n" {
				t.Errorf("the next command: %q %v", r.Stdout, err)
			}
		})
	}
	t.Run("forbidden", func(t *testing.T) {
		s := startSSHD(t, "AllowAgentForwarding no")
		c := remote.Command("true")
		c.LendKey = true
		if _, err := newPool(t, s.options).Run(t.Context(), "node1", c); !errors.Is(err, remote.ErrNoForwarding) || remote.OutcomeOf(err) != remote.Failed {
			t.Error(err)
		}
	})
}

func TestInteractive(t *testing.T) {
	s := startSSHD(t)
	p := newPool(t, s.options)
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	s.options.KnownHosts.Cluster = ""
	out := filepath.Join(s.dir, "out")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	// ssh(1) looks for the node by name; here all names are this machine's.
	status, err := p.Interactive(t.Context(), "127.0.0.1", remote.Script("tty; exit 5"), remote.Terminal{In: in, Out: f, Err: f})
	text, _ := os.ReadFile(out)
	if err != nil || status != 5 || !strings.Contains(string(text), "/dev/pts/") {
		t.Errorf("status %d, %v: %q", status, err, text)
	}
}

// TestMaxStartups logs in from many processes at once, of which the server turns most away at random.
func TestMaxStartups(t *testing.T) {
	s := startSSHD(t, "MaxStartups 3:60:8")
	var all sync.WaitGroup
	for range 20 {
		p := newPool(t, s.options)
		all.Go(func() {
			if _, err := p.Run(t.Context(), "node1", remote.Command("true")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// BenchmarkTrue compares with ssh(1) over an open connection.
func BenchmarkTrue(b *testing.B) {
	s := startSSHD(b)
	p := newPool(b, s.options)
	b.Run("gantry", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Run(b.Context(), "node1", remote.Command("true")); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		text, _ := os.ReadFile(s.options.Identity[0])
		key, err := ssh.ParsePrivateKey(text)
		if err != nil {
			b.Fatal(err)
		}
		client, err := ssh.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port), &ssh.ClientConfig{
			User: s.options.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(s.keys["ecdsa"]),
			HostKeyAlgorithms: []string{"ecdsa-sha2-nistp256"},
		})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		for b.Loop() {
			session, err := client.NewSession()
			if err != nil {
				b.Fatal(err)
			}
			if err := session.Run("true"); err != nil {
				b.Fatal(err)
			}
			session.Close()
		}
	})
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			if err := p.Put(b.Context(), "node1", filepath.Join(s.dir, "bench"), make([]byte, 10_000), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put by one command", func(b *testing.B) {
		c := remote.Script(`t=$1.new; (umask 077; : >"$t") && chmod 600 "$t" && cat >"$t" && sync "$t" && mv -fT "$t" "$1" && sync "$2"`, filepath.Join(s.dir, "bench"), s.dir)
		c.Stdin = make([]byte, 10_000)
		for b.Loop() {
			if _, err := p.Run(b.Context(), "node1", c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stage", func(b *testing.B) {
		for b.Loop() {
			temp, err := p.Stage(b.Context(), "node1", filepath.Join(s.dir, "bench"), make([]byte, 10_000), 0o600)
			if err != nil {
				b.Fatal(err)
			}
			os.Remove(temp)
		}
	})
}
