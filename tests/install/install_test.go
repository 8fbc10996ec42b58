// Package install holds the tests that install systems on instances in a lab, with our OS definition and with Debian's own, and that
// look at them from within.
package install

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// What an installation and a guest that boots get: the guest is emulated in software, and the machine may be busy.
const (
	installLimit = 15 * time.Minute
	bootLimit    = 15 * time.Minute
)

// hooks are those that the instance is installed with, all but grub doing something where there are no partitions.
var hooks = []string{"grub", "hostname", "network", "root-password", "ssh", "swap", "tmpfs"}

// TestDefinitions is about the scripts, not about what they install: that is a tiny system out of an archive.
func TestDefinitions(t *testing.T) {
	lab.Need(t)
	packages := t.TempDir()
	had := download(t, packages)
	sum := tiny(t, filepath.Join(packages, "tiny.tar"))
	l := start(t, "CACHE_URL=file:///usr/share/debs/tiny.tar\nCACHE_SHA256="+sum+"\nPARTITION_STYLE=none\n", nil, packages)
	t.Run("what cannot be installed", func(t *testing.T) { badInput(t, l) })
	t.Run("Debian's work unchanged", func(t *testing.T) {
		if !had {
			t.Skip("DEBIAN'S PACKAGES CANNOT BE HAD: their definitions were not run")
		}
		debiansDefinitions(t, l)
	})
}

// tiny makes an archive of a system that create can take for one, and gives its SHA-256.
func tiny(t *testing.T, file string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-ec", `cd "$1"
mkdir -p bin usr/bin etc/network proc sys dev
cp "$(command -v busybox)" bin/busybox
ln -s busybox bin/sh
ln -s /bin/busybox usr/bin/passwd
echo root:x:0:0:root:/root:/bin/sh >etc/passwd
echo 'root:*:1:0:99999:7:::' >etc/shadow
tar -cf "$2" .
sha256sum <"$2"`, "sh", t.TempDir(), file)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}

// TestASystemBoots takes long: a release is fetched and booted in emulation.
func TestASystemBoots(t *testing.T) {
	lab.Need(t)
	if os.Getenv("GANTRY_BOOT") == "" {
		t.Skip("NOT BOOTED: set GANTRY_BOOT=1; the demo boots one, too")
	}
	boots(t, start(t, "MIRROR="+lab.MirrorURL+"\nPARTITION_STYLE=none\n", hooks, t.TempDir()))
}

// boots installs an instance with all example hooks, and looks at it from within.
func boots(t *testing.T, l *lab.Lab) {
	kernels, _ := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if len(kernels) == 0 {
		t.Fatal("no Debian cloud kernel in /boot: run tests/needs")
	}
	kernel := kernels[len(kernels)-1]
	l.Must(t, "node1", "gnt-cluster modify -H kvm:kvm_path=/usr/bin/qemu-system-x86_64,serial_console=true,root_path=/dev/vda,kernel_path="+kernel+
		",initrd_path="+strings.Replace(kernel, "vmlinuz-", "initrd.img-", 1))
	l.Must(t, "node1", "gnt-network add --network 192.0.2.0/24 --gateway 192.0.2.254 --network6 2001:db8:1::/64 --gateway6 fe80::1 lan")
	l.Must(t, "node1", "gnt-network connect --nic-parameters=link=br0 lan default")
	add := "gnt-instance add -o debootstrap+default -t file -n node1 --no-ip-check --no-name-check -B memory=512m,vcpus=1 --disk 0:size=2G "
	install(t, l, add+"--net 0:ip=192.0.2.77,network=lan --disk 1:size=64m,name=swap inst1.example.com")

	// what the runbook looks for, where it looks
	log := l.Must(t, "node1", `egrep 'root password|configured eth0 with|SHA256' $(ls -tr /var/log/ganeti/os/* | tail -1) | grep -v $(hostname)`)
	password := find(t, log, `(?m)^root password: (\S+)$`)
	find(t, log, `(?m)^configured eth0 with (192\.0\.2\.77/24 2001:db8:1:0:\S+/64)$`)
	key := find(t, log, `(?m)^256 (SHA256:\S+) root@inst1\.example\.com \(ED25519\)$`)

	t.Run("the second comes from the cache", func(t *testing.T) {
		began := time.Now()
		install(t, l, add+"--net 0:ip=pool,network=lan --no-start inst2.example.com")
		t.Logf("with its hooks, in %v", time.Since(began).Round(100*time.Millisecond))
		second := l.Must(t, "node1", "cat $(ls -tr /var/log/ganeti/os/* | tail -1)")
		if find(t, second, `(?m)^root password: (\S+)$`) == password || strings.Contains(second, key) {
			t.Error("two instances have the same password or host key")
		}
		if strings.Contains(second, "Retrieving") {
			t.Errorf("it was bootstrapped anew:\n%s", second)
		}
		l.Must(t, "node1", "gnt-instance remove -f inst2.example.com")
	})

	ctx, cancel := context.WithTimeout(t.Context(), bootLimit)
	defer cancel()
	line, err := l.Serial("node1", "inst1.example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	expect := func(typed string, every time.Duration, want string) string {
		t.Helper()
		m, err := line.Expect(ctx, typed, every, regexp.MustCompile(want))
		if err != nil {
			t.Fatal(err)
		}
		return m[len(m)-1]
	}
	expect("\n", 10*time.Second, `\S+ login: `)
	expect("root\n", time.Minute, `Password: `)
	expect(password+"\n", time.Minute, `root@inst1:~# `)
	for what, command := range map[string]struct{ typed, want string }{
		"the full host name": {"hostname -f", `inst1\.example\.com`},
		"both addresses":     {"ip -o address show dev eth0 scope global", `192\.0\.2\.77/24[^#]*2001:db8:1:0:`},
		"the way out":        {"ip route show default", `default via 192\.0\.2\.254 dev eth0`},
		"swap on its disk":   {"swapon --noheadings --show=NAME", `/dev/vdb`},
		"/tmp in memory":     {"findmnt -n -o FSTYPE /tmp", `tmpfs`},
		"the logged key":     {"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", regexp.QuoteMeta(key)},
		"a running sshd":     {"systemctl is-active ssh", `[^n]active\r`},
		"the root it is on":  {"findmnt -n -o SOURCE /", `/dev/vda`},
	} {
		// The prompt comes after the answer; the typed line ends with another word than what is waited for.
		t.Run(what, func(t *testing.T) {
			if _, err := line.Expect(ctx, "clear; "+command.typed+"; echo en''d\n", time.Minute, regexp.MustCompile(`(?s)`+command.want+`.*\nend\r`)); err != nil {
				t.Error(err)
			}
		})
	}
	l.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=1 inst1.example.com")
}

// install runs a command that installs, which takes longer than others.
func install(t *testing.T, l *lab.Lab, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	if r, err := l.Do(ctx, "node1", command); err != nil || r.Status != 0 {
		t.Fatalf("%s: %v, status %d\n%s%s", command, err, r.Status, r.Stdout, r.Stderr)
	}
}

// find gives what the pattern's group is in a text.
func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s in\n%s", pattern, text)
	}
	return m[1]
}

// start makes a cluster of two nodes whose OS definition debootstrap has these settings and example hooks. What is in the directory
// debs lies in /usr/share/debs on both.
func start(t *testing.T, settings string, hooks []string, debs string) *lab.Lab {
	t.Helper()
	tree, site := t.TempDir(), t.TempDir()
	if err := lab.Install(tree); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(site, "etc/default/ganeti-instance-debootstrap"), settings, 0o644)
	for _, hook := range hooks {
		text, err := os.ReadFile("../../debootstrap/examples/" + hook)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(site, "etc/ganeti/instance-debootstrap/hooks", hook), string(text), 0o755)
	}
	packages, _ := filepath.Glob(debs + "/*")
	for _, file := range packages {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(site, "usr/share/debs", filepath.Base(file)), string(text), 0o644)
	}
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: tree, Files: []string{site}, Mirror: true})
	l.Must(t, "node1", "gnt-cluster init --master-netdev br0 --nic-parameters link=br0 --secondary-ip 198.51.100.11 --enabled-hypervisors kvm,fake "+
		"--enabled-disk-templates file,blockdev,diskless --mac-prefix 06:66:38 --no-etc-hosts "+
		"--ipolicy-bounds-specs=min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/max:memory-size=32768,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 "+
		"cluster.example.com")
	l.Must(t, "node1", "gnt-node add --secondary-ip 198.51.100.12 --no-ssh-key-check --no-node-setup node2.example.com")
	return l
}

func put(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
