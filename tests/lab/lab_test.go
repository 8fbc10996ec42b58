package lab

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestNodesAreMachinesOfTheirOwn(t *testing.T) {
	l := Start(t, Options{Nodes: 3, HostKeys: []string{"ed25519", "ecdsa"}})
	for _, tt := range []struct{ node, text, want string }{
		{"node1", "hostname", "node1.example.com\n"},
		{"node3.example.com", "hostname", "node3.example.com\n"},
		{"node1", "ssh node2 hostname", "node2.example.com\n"},
		{"node2", "ssh -b 198.51.100.12 root@198.51.100.13 'echo $SSH_CONNECTION' | cut -d' ' -f1,3,4", "198.51.100.12 198.51.100.13 22\n"},
		{"node1", "sshd -T | grep -E '^(maxstartups|maxsessions) '", "maxsessions 10\nmaxstartups 10:30:100\n"},
		{"node1", "cat /proc/1/comm; ps -e | wc -l", "exe\n6\n"},
		{"node1", "cd /etc/ssh; echo *_key", "ssh_host_ecdsa_key ssh_host_ed25519_key\n"},
		{"node1", "getent hosts cluster newcluster node40 inst30 | awk '{print $1}' | xargs", "192.0.2.10 192.0.2.9 192.0.2.50 192.0.2.130\n"},
		{"node1", "ip -br addr show br0 | awk '{print $3}'; ls /sys/class/net/br0/brif /sys/class/net/br1/brif", "192.0.2.11/24\n/sys/class/net/br0/brif:\neth0\n\n/sys/class/net/br1/brif:\n"},
		{"node1", "echo a >/srv/ganeti/shared-file-storage/f; echo b >/srv/ganeti/file-storage/f; ssh node2 ls /srv/ganeti/*", "/srv/ganeti/file-storage:\n\n/srv/ganeti/shared-file-storage:\nf\n"},
		{"node1", "echo on the LUN >/dev/disk/by-id/orc-lun1; ssh node3 head -n 1 /dev/disk/by-id/orc-lun1", "on the LUN\n"},
		{"node1", "ls -d /dev/kvm /opt/* /home/* /var/lib/ganeti/* /usr/sbin/gnt-* /usr/sbin/ganeti-* /usr/bin/hbal 2>/dev/null", ""},
		{"node1", "echo 1 >/proc/sys/kernel/panic", ""},
		{"node1", "sysctl -qw net.ipv4.ip_forward=1; cat /proc/sys/net/ipv4/ip_forward; ssh node2 cat /proc/sys/net/ipv4/ip_forward", "1\n0\n"},
	} {
		if got := l.Run(tt.node, tt.text).Stdout; got != tt.want {
			t.Errorf("%s: %s\ngot  %q\nwant %q", tt.node, tt.text, got, tt.want)
		}
	}
	r := l.Run("node1", "echo out; echo err >&2; exit 7")
	if r != (Result{"out\n", "err\n", 7}) {
		t.Errorf("Run = %+v", r)
	}
}

func TestNodesWithoutTrustRefuseEachOther(t *testing.T) {
	l := Start(t, Options{Nodes: 2, Trust: TrustNone})
	r := l.Run("node1", "ssh -o BatchMode=yes node2 true")
	if r.Status != 255 || !strings.Contains(r.Stderr, "Host key verification failed") {
		t.Errorf("ssh to a stranger: %+v", r)
	}
	r = l.Run("node1", "ssh -o BatchMode=yes -o StrictHostKeyChecking=no node2 true")
	if r.Status != 255 || !strings.Contains(r.Stderr, "Permission denied") {
		t.Errorf("ssh without a key: %+v", r)
	}
}

func TestWhatIsInstalledIsInEveryNode(t *testing.T) {
	tree := t.TempDir()
	script := "#!/bin/sh\necho list of $(hostname -s)\n"
	for path, mode := range map[string]os.FileMode{"usr/sbin/gnt-node": 0o755, "usr/share/man/man8/gnt-node.8": 0o644} {
		path = filepath.Join(tree, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(script), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, dir := range map[string]string{"as a tree": tree, "as binaries": filepath.Join(tree, "usr/sbin")} {
		t.Run(name, func(t *testing.T) {
			l := Start(t, Options{Nodes: 2, Bin: dir})
			got := l.Must(t, "node1", "gnt-node; ssh node2 gnt-node; type -p gnt-node; chmod 700 /usr/sbin/gnt-node")
			if want := "list of node1\nlist of node2\n/usr/sbin/gnt-node\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if info, _ := os.Stat(filepath.Join(tree, "usr/sbin/gnt-node")); info.Mode() != 0o755 {
				t.Errorf("a node changed what is installed outside: mode %v", info.Mode())
			}
		})
	}
}

func TestCutNodesCannotHearEachOther(t *testing.T) {
	l := Start(t, Options{Nodes: 3})
	hears := func(from, to string, want bool) {
		t.Helper()
		r := l.Run(from, "ssh -o ConnectTimeout=1 "+to+" true")
		if (r.Status == 0) != want {
			t.Errorf("%s to %s: status %d, want success %v: %s", from, to, r.Status, want, r.Stderr)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(l.CutBetween("node1", "node2"))
	hears("node1", "node2", false)
	hears("node2", "198.51.100.11", false)
	hears("node1", "node3", true)
	hears("node3", "node2", true)
	check(l.HealBetween("node1", "node2"))
	hears("node1", "node2", true)
	check(l.Cut("node3"))
	hears("node1", "node3", false)
	hears("node2", "198.51.100.13", false)
	hears("node3", "node3", true)
	check(l.Link("node3", "san0", "up"))
	hears("node2", "198.51.100.13", true)
	hears("node2", "node3", false)
	check(l.Heal("node3"))
	hears("node1", "node3", true)
}

func TestFrozenNodeAnswersAgainAfterThaw(t *testing.T) {
	l := Start(t, Options{Nodes: 2})
	if err := l.Freeze("node2"); err != nil {
		t.Fatal(err)
	}
	if s, err := l.Status(); err != nil || s[1].Word != "frozen" || s[0].Word != "running" {
		t.Errorf("status: %v, %v", s, err)
	}
	r := l.Run("node1", "ssh -o ConnectTimeout=1 node2 true")
	if r.Status != 255 || !strings.Contains(r.Stderr, "during banner exchange") {
		t.Errorf("a frozen node must accept and say nothing: %+v", r)
	}
	if err := l.Thaw("node2"); err != nil {
		t.Fatal(err)
	}
	l.Must(t, "node1", "ssh -o ConnectTimeout=5 node2 true")
}

func TestPowerLossKeepsTheDiskOnly(t *testing.T) {
	l := Start(t, Options{Nodes: 2})
	l.Must(t, "node2", "setsid sleep 1000 >/dev/null 2>&1 & echo kept >/var/lib/ganeti/f; echo kept >/srv/f; touch /run/f /tmp/f; sync")
	if err := l.Kill("node2"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Do(context.Background(), "node2", "true"); err == nil {
		t.Error("a node without power ran a command")
	}
	if err := l.Kill("node2"); err == nil {
		t.Error("a node without power was killed")
	}
	if s, err := l.Status(); err != nil || s[1].Word != "off" {
		t.Errorf("status: %v, %v", s, err)
	}
	if err := l.Power("node2"); err != nil {
		t.Fatal(err)
	}
	got := l.Must(t, "node1", "ssh node2 'cat /var/lib/ganeti/f /srv/f; ls /run/f /tmp/f; pgrep sleep' 2>/dev/null; true")
	if got != "kept\nkept\n" {
		t.Errorf("after power loss: %q", got)
	}
}

func TestFullDirectoryTakesNothingUntilDrained(t *testing.T) {
	l := Start(t, Options{Nodes: 1})
	const dir = "/var/lib/ganeti"
	l.Must(t, "node1", "echo before >/var/lib/ganeti/f; chmod 750 "+dir)
	if err := l.Fill("node1", dir); err != nil {
		t.Fatal(err)
	}
	r := l.Run("node1", "cat /var/lib/ganeti/f; stat -c %a /var/lib/ganeti; echo more >/var/lib/ganeti/g")
	if r.Stdout != "before\n750\n" || !strings.Contains(r.Stderr, "No space left on device") {
		t.Errorf("in a full directory: %+v", r)
	}
	if err := l.Drain("node1", dir); err != nil {
		t.Fatal(err)
	}
	if got := l.Must(t, "node1", "echo more >/var/lib/ganeti/g; cat /var/lib/ganeti/[fg]; findmnt -n /var/lib/ganeti || true"); got != "before\nmore\n" {
		t.Errorf("after draining: %q", got)
	}
}

func TestRunEndsWhatTakesTooLong(t *testing.T) {
	l := Start(t, Options{Nodes: 1})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	r, err := l.Do(ctx, "node1", "echo begun; sleep 1000")
	if err != nil || r.Status != 124 || r.Stdout != "begun\n" {
		t.Errorf("Do = %+v, %v", r, err)
	}
	waitFor(t, "the command to end", func() bool { return l.Run("node1", "pgrep sleep").Stdout == "" })
}

// TestStartingTimes holds the lab to its promise on a machine with two cores: 3 nodes in 5 s, 40 in 60 s.
func TestStartingTimes(t *testing.T) {
	for nodes, limit := range map[int]time.Duration{3: 5 * time.Second, 40: 60 * time.Second} {
		begin := time.Now()
		l := Start(t, Options{Nodes: nodes})
		took := time.Since(begin)
		t.Logf("%d nodes: %.2f s (at most %v)", nodes, took.Seconds(), limit)
		if took > limit {
			t.Errorf("%d nodes took %v", nodes, took)
		}
		if got := l.Must(t, "node1", "ssh "+Name(nodes)+" hostname"); got != FullName(nodes)+"\n" {
			t.Errorf("the last node answers %q", got)
		}
	}
}

// TestNothingIsLeft ends labs in every way there is, and looks for what they may have left on the machine.
func TestNothingIsLeft(t *testing.T) {
	Need(t)
	for name, end := range map[string]func(t *testing.T, dir string){
		"by down": func(t *testing.T, dir string) {
			if err := Down("", dir); err != nil {
				t.Error(err)
			}
		},
		"keeper killed": func(t *testing.T, dir string) { killNow(t, keeperOf(t, dir)) },
		"world killed":  func(t *testing.T, dir string) { killNow(t, worldOf(t, dir)) },
		"both killed": func(t *testing.T, dir string) {
			keeper, world := keeperOf(t, dir), worldOf(t, dir)
			syscall.Kill(keeper, syscall.SIGSTOP) // so that neither can clear up after the other
			killNow(t, world)
			killNow(t, keeper)
			waitFor(t, "the nodes to go", func() bool { return len(processesOf(dir)) == 0 })
			if err := Down("", dir); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lab")
			l, err := Up(Options{Nodes: 2, Dir: dir}, false)
			if err != nil {
				t.Fatal(err)
			}
			var c config
			if err := c.read(dir); err != nil {
				t.Fatal(err)
			}
			l.Must(t, "node1", "truncate -s 1M /srv/v; losetup /dev/loop$(cut -d' ' -f1 /etc/orc/loops) /srv/v; setsid sleep 1000 >/dev/null 2>&1 & ip netns add inner-of-lab; mount -t tmpfs t /mnt")
			end(t, dir)
			waitFor(t, "the directory to go", func() bool { _, err := os.Stat(dir); return err != nil })
			waitFor(t, "the loop devices to go", func() bool { return len(loopsFrom(c.FirstLoop)) == 0 })
			if list := processesOf(dir); len(list) > 0 {
				t.Errorf("processes left: %v", list)
			}
			if left := onMachine(t, dir); left != "" {
				t.Errorf("left on the machine:\n%s", left)
			}
		})
	}
}

func TestOtherDirectoriesAreLeftAlone(t *testing.T) {
	Need(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(Options{Nodes: 1, Dir: dir}, true); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("Up in a directory with files: %v", err)
	}
	if err := Down("", dir); !errors.Is(err, ErrNotUp) {
		t.Errorf("Down of a directory that is no lab: %v", err)
	}
	if _, err := Attach("", dir); !errors.Is(err, ErrNotUp) {
		t.Errorf("Attach to a directory that is no lab: %v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left of the directory: %v, %v", list, err)
	}
}

// TestLabEndsWithTheTestThatStartedIt starts a lab in a process that is then killed.
func TestLabEndsWithTheTestThatStartedIt(t *testing.T) {
	Need(t)
	dir := filepath.Join(t.TempDir(), "lab")
	if os.Getenv("LAB_TEST_DIR") != "" {
		if _, err := Up(Options{Nodes: 1, Dir: os.Getenv("LAB_TEST_DIR")}, true); err != nil {
			t.Fatal(err)
		}
		killNow(t, os.Getpid())
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestLabEndsWithTheTestThatStartedIt$")
	cmd.Env = append(os.Environ(), "LAB_TEST_DIR="+dir)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the starter was to be killed: %v\n%s", err, out)
	}
	waitFor(t, "the directory to go", func() bool { _, err := os.Stat(dir); return err != nil })
	if list := processesOf(dir); len(list) > 0 {
		t.Errorf("processes left: %v", list)
	}
}

// onMachine lists what of a lab can be seen on the machine itself: mounts, networks and links that it made.
func onMachine(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `grep -F "$1" /proc/mounts; ip netns | grep inner-of-lab; ip -o link | grep -E ': (lan|san|br)[0-9]*[:@]'; true`, "sh", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// processesOf lists the lab's own processes and, by their mounts, all that run in its nodes.
func processesOf(dir string) (list []string) {
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		line, _ := os.ReadFile(p + "/cmdline")
		mounts, _ := os.ReadFile(p + "/mountinfo")
		if strings.Contains(string(line), dir+"\x00") || strings.Contains(string(mounts), "upperdir="+dir+"/") {
			list = append(list, p+" "+string(line))
		}
	}
	return list
}

func keeperOf(t *testing.T, dir string) int {
	t.Helper()
	var c config
	if err := c.read(dir); err != nil {
		t.Fatal(err)
	}
	return c.Keeper
}

func worldOf(t *testing.T, dir string) int {
	t.Helper()
	s, err := ReadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s.World
}

func killNow(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 200 {
		if f() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("waited in vain for %s", what)
}
