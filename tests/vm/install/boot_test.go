package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gantry/tests/guest"
	"gantry/tests/vmlab"
)

// system is the archive of what the variant debian installs; its settings name it by its sum.
type system struct{ file, sum string }

// debian makes the variant of that name: Debian's stable release with a kernel and grub, and all example hooks.
func debian(t *testing.T, tree string) system {
	t.Helper()
	s := system{file: vmlab.System(t, "linux-image-cloud-amd64", "grub-pc", "openssh-server")}
	out, err := exec.CommandContext(t.Context(), "sha256sum", s.file).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.sum, _, _ = strings.Cut(string(out), " ")
	site := filepath.Join(tree, "etc/ganeti/instance-debootstrap")
	hooks := filepath.Join(site, "all-hooks")
	if err := os.CopyFS(hooks, os.DirFS("../../../debootstrap/examples")); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(hooks + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	settings := "CACHE_URL=file:///nonexistent CACHE_SHA256=" + s.sum + "\nCUSTOMIZE_DIR=/etc/ganeti/instance-debootstrap/all-hooks\n"
	list := "default\ndebian\n"
	for name, text := range map[string]string{"variants/debian.conf": settings, "variants.list": list} {
		if err := os.WriteFile(filepath.Join(site, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// carry puts the archive where it would lie after a first installation. It is too long for a connection of the lab: it travels through
// a volume.
func (s system) carry(t *testing.T, l *vmlab.Lab) {
	t.Helper()
	info, err := os.Stat(s.file)
	if err != nil {
		t.Fatal(err)
	}
	l.Must(t, "node1", fmt.Sprintf("lvcreate -qq -Wn -y -L %db -n carry vg_ganeti", (info.Size()+4<<20-1)>>22<<22))
	disk, begin, _ := where(t, l, "carry")
	tool(t, "dd", "if="+s.file, "of="+disk, "bs=1M", fmt.Sprintf("seek=%dB", begin), "conv=notrunc", "status=none")
	l.Must(t, "node1", fmt.Sprintf(`set -e
. /etc/os-release
mkdir -p /var/cache/ganeti-instance-debootstrap
head -c %d /dev/vg_ganeti/carry >/var/cache/ganeti-instance-debootstrap/cache-$VERSION_CODENAME-$(dpkg --print-architecture)-%.12s.tar
lvremove -qq -f vg_ganeti/carry`, info.Size(), s.sum))
}

// where finds a volume of node1, which lies in one piece, in the file of the node's disk.
func where(t *testing.T, l *vmlab.Lab, volume string) (file string, begin, size int64) {
	t.Helper()
	file, err := l.Disk("node1", 1)
	if err != nil {
		t.Fatal(err)
	}
	said := l.Must(t, "node1", "lvs --noheadings --units b --nosuffix --segments -o seg_pe_ranges,lv_size,vg_extent_size vg_ganeti/"+volume+" && pvs --noheadings --units b --nosuffix -o pe_start /dev/vdb")
	var first, last, extent, start int64
	if _, err := fmt.Sscanf(said, " /dev/vdb:%d-%d %d %d\n %d", &first, &last, &size, &extent, &start); err != nil || (last-first+1)*extent != size {
		t.Fatalf("the volume %s is not in one piece: %v\n%s", volume, err, said)
	}
	return file, start + first*extent, size
}

func tool(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// bootsByItself installs Debian on a partition of a volume, with all example hooks, and lets the volume boot through its own grub. In a
// machine within the node's machine that would take very long, so this machine boots it, from where it is.
func bootsByItself(t *testing.T, l *vmlab.Lab, s system) {
	began := time.Now()
	s.carry(t, l)
	t.Logf("the archive is there after %v", time.Since(began).Round(time.Second))
	l.Must(t, "node1", "gnt-network add --network 192.0.2.0/24 --gateway 192.0.2.254 --network6 2001:db8:1::/64 --gateway6 fe80::1 lan && "+
		"gnt-network connect --nic-parameters=link=br0 lan default")
	l.Must(t, "node1", "gnt-instance add -t plain -n node1 -o debootstrap+debian --disk 0:size=2500m --net 0:ip=192.0.2.77,network=lan "+
		"-H kvm:serial_console=true --no-start --no-name-check --no-ip-check inst1.example.com")
	t.Logf("it is installed after %v", time.Since(began).Round(time.Second))
	log := l.Must(t, "node1", "egrep 'root password|configured eth0 with|SHA256' /var/log/ganeti/os/add-debootstrap+debian-inst1.example.com-*.log")
	password, key := regexp.MustCompile(`(?m)^root password: (\S+)$`).FindStringSubmatch(log), regexp.MustCompile(`(?m)^256 (SHA256:\S+) root@inst1\.example\.com \(ED25519\)$`).FindStringSubmatch(log)
	if password == nil || key == nil || !strings.Contains(log, "configured eth0 with 192.0.2.77/24 2001:db8:1:0:") {
		t.Fatalf("the log lacks what is looked for in it:\n%s", log)
	}
	if got := l.Must(t, "node1", left); got != "" {
		t.Errorf("left on the node:\n%s", got)
	}
	mac := strings.TrimSpace(l.Must(t, "node1", "gnt-instance list --no-headers -o nic.mac/0 inst1.example.com"))
	volume := strings.TrimSpace(l.Must(t, "node1", "sync; gnt-instance info inst1.example.com | sed -n 's|.*logical_id: vg_ganeti/||p'"))
	file, begin, size := where(t, l, volume)
	console := guest.Boot(t, "-drive", fmt.Sprintf("if=virtio,snapshot=on,driver=raw,offset=%d,size=%d,file.driver=file,file.locking=off,file.filename=%s", begin, size, file),
		"-nic", "user,restrict=on,model=virtio-net-pci,mac="+mac)
	console.Login(t, "inst1", password[1])
	console.Asks(t, guest.Examples("inst1.example.com", "192.0.2.77", key[1]))
	console.Asks(t, map[string]guest.Question{
		"the kernel it was told":  {Typed: "cat /proc/cmdline", Want: `root=UUID=[-0-9a-f]+ ro console=tty0 console=ttyS0,`},
		"the root it is on":       {Typed: "findmnt -n -o SOURCE /", Want: `/dev/vda1\r`},
		"swap in a file":          {Typed: "swapon --noheadings --show=NAME,SIZE", Want: `/swapfile +512M`},
		"its table of partitions": {Typed: "sfdisk -d /dev/vda", Want: `vda1 : start= +2048,.*type=83, bootable`},
	})
	l.Must(t, "node1", "gnt-instance remove -f inst1.example.com")
}
