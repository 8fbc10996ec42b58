package install

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// hooks are all examples. grub does nothing where there are no partitions.
var hooks = []string{"grub", "hostname", "network", "root-password", "ssh", "swap", "tmpfs"}

// TestASystemBoots fetches a release, installs it with all example hooks, and looks at it from within.
func TestASystemBoots(t *testing.T) {
	lab.Need(t)
	kernels, _ := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if len(kernels) == 0 {
		t.Fatal("no Debian cloud kernel in /boot: run tests/needs")
	}
	kernel := kernels[len(kernels)-1]
	l := start(t, "MIRROR="+lab.MirrorURL+"\nPARTITION_STYLE=none\n", hooks, t.TempDir())
	l.Must(t, "node1", "gnt-cluster modify -H kvm:kvm_path=/usr/bin/qemu-system-x86_64,serial_console=true,root_path=/dev/vda,kernel_path="+kernel+
		",initrd_path="+strings.Replace(kernel, "vmlinuz-", "initrd.img-", 1))
	l.Must(t, "node1", "gnt-network add --network 192.0.2.0/24 --gateway 192.0.2.254 --network6 2001:db8:1::/64 --gateway6 fe80::1 lan")
	l.Must(t, "node1", "gnt-network connect --nic-parameters=link=br0 lan default")
	const add = "gnt-instance add -t file -n node1 --no-ip-check --no-name-check -B memory=512m,vcpus=1 --disk 0:size=2G "
	install(t, l, add+"-o debootstrap+default --net 0:ip=192.0.2.77,network=lan --disk 1:size=64m,name=swap inst1.example.com")
	password, key := logged(t, l, "inst1.example.com", "192.0.2.77")

	t.Run("the second comes from the cache", func(t *testing.T) { // the first boots meanwhile
		began := time.Now()
		install(t, l, add+"-o debootstrap+default --net 0:ip=192.0.2.78,network=lan --no-start inst2.example.com")
		t.Logf("with its hooks, in %v", time.Since(began).Round(100*time.Millisecond))
		if p, k := logged(t, l, "inst2.example.com", "192.0.2.78"); p == password || k == key {
			t.Error("two instances have the same password or host key")
		}
		if log := l.Must(t, "node1", newestLog); strings.Contains(log, "Retrieving InRelease") {
			t.Errorf("it was bootstrapped anew:\n%s", log)
		}
		l.Must(t, "node1", "gnt-instance remove -f inst2.example.com")
	})
	line := console(t, l, "inst1.example.com")
	line.login(t, "inst1", password)
	line.asks(t, map[string]question{
		"the full host name": {"hostname -f", `inst1\.example\.com`},
		"both addresses":     {"ip -o address show dev eth0 scope global", `192\.0\.2\.77/24[^#]*2001:db8:1:0:`},
		"the way out":        {"ip route show default", `default via 192\.0\.2\.254 dev eth0`},
		"swap on its disk":   {"swapon --noheadings --show=NAME", `/dev/vdb`},
		"/tmp in memory":     {"findmnt -n -o FSTYPE /tmp", `tmpfs`},
		"the logged key":     {"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", regexp.QuoteMeta(key)},
		"a running sshd":     {"systemctl is-active ssh", `[^n]active\r`},
		"the root it is on":  {"findmnt -n -o SOURCE /", `/dev/vda\r`},
	})
	l.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=1 inst1.example.com")
}

// newestLog shows the log of the last script that ran.
const newestLog = "cat $(ls -tr /var/log/ganeti/os/* | tail -1)"

// logged looks for what the runbook looks for, where it looks, and gives the password and the host key.
func logged(t *testing.T, l *lab.Lab, instance, address string) (password, key string) {
	t.Helper()
	log := l.Must(t, "node1", newestLog+" | egrep 'root password|configured eth0 with|SHA256'")
	find(t, log, `(?m)^configured eth0 with (`+regexp.QuoteMeta(address)+`/24 2001:db8:1:0:\S+/64)$`)
	return find(t, log, `(?m)^root password: (\S+)$`), find(t, log, `(?m)^256 (SHA256:\S+) root@`+regexp.QuoteMeta(instance)+` \(ED25519\)$`)
}

// serial is the console of a guest.
type serial struct {
	*lab.Serial
	ctx context.Context
}

type question struct{ typed, want string }

func console(t *testing.T, l *lab.Lab, instance string) serial {
	t.Helper()
	line, err := l.Serial("node1", instance)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	t.Cleanup(cancel)
	return serial{line, ctx}
}

func (s serial) expect(t *testing.T, typed string, every time.Duration, want string) {
	t.Helper()
	if _, err := s.Expect(s.ctx, typed, every, regexp.MustCompile(want)); err != nil {
		t.Fatal(err)
	}
}

func (s serial) login(t *testing.T, host, password string) {
	t.Helper()
	s.expect(t, "\n", 10*time.Second, `\S+ login: `)
	s.expect(t, "root\n", time.Minute, `Password: `)
	s.expect(t, password+"\n", time.Minute, `root@`+host+`:~# `)
}

// asks puts questions to the shell. The prompt comes after the answer; the typed line ends with another word than what is waited for.
func (s serial) asks(t *testing.T, questions map[string]question) {
	for what, q := range questions {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(s.ctx, answerLimit)
			defer cancel()
			if _, err := s.Expect(ctx, "clear; "+q.typed+"; echo en''d\n", time.Minute, regexp.MustCompile(`(?s)`+q.want+`.*\nend\r`)); err != nil {
				t.Error(err)
			}
		})
	}
}
