package install

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gantry/tests/guest"
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
	l.Must(t, "node1", "gnt-os modify -H kvm:kernel_args='ro of=debootstrap' debootstrap+default")
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
	line, err := l.Serial("node1", "inst1.example.com")
	if err != nil {
		t.Fatal(err)
	}
	console := guest.Join(t, line)
	console.Login(t, "inst1", password)
	console.Asks(t, guest.Examples("inst1.example.com", "192.0.2.77", key))
	console.Asks(t, map[string]guest.Question{
		"swap on its disk":  {Typed: "swapon --noheadings --show=NAME", Want: `/dev/vdb`},
		"what its OS gets":  {Typed: "cat /proc/cmdline", Want: `root=/dev/vda [^\n]*ro of=debootstrap`},
		"the root it is on": {Typed: "findmnt -n -o SOURCE /", Want: `/dev/vda\r`},
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
