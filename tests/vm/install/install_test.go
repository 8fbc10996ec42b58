// Package install installs on partitions that only the device mapper can reach: those of volumes, of mirrored disks and of multipath
// devices.
package install

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
	"gantry/tests/vmlab"
)

// left shows what an installation that has ended may have left: mappings of partitions, loop devices, mounts in any namespace, records.
const left = `dmsetup ls | grep -e '-1[[:space:]]'; losetup --noheadings --list; cat /proc/[0-9]*/mountinfo 2>/dev/null | grep instance-debootstrap; ls /run/ganeti-instance-debootstrap; true`

// look shows the partitions of a device and what was written into the first one.
const look = `set -e
sfdisk -d "$1" | sed -n 's/.* : //p'
device=$(readlink -f "$1")
kpartx -a -s -p- $device
part=/dev/mapper/$(kpartx -l -p- $device | awk 'NR == 1 { print $1 }')
mkdir -p /mnt/look
mount -o ro,noload $part /mnt/look
echo "on $(blkid -p -o value -s UUID $part)"
cat /mnt/look/etc/fstab /mnt/look/etc/hostname
umount /mnt/look
kpartx -d -p- $device`

// multipath stands for a device that is reached over several paths.
const multipath = `set -e
lvcreate -qq -Wn -y -L 1g -n lun vg_ganeti
dmsetup create mpatha --table "0 2097152 linear /dev/vg_ganeti/lun 0"
dmsetup mknodes
ln -s $(readlink -f /dev/mapper/mpatha) /dev/disk/by-id/dm-uuid-mpath-36001`

var installed = regexp.MustCompile(`^start= +2048, size= +2095104, type=83, bootable
on ([-0-9a-f]{36})
# /etc/fstab: static file system information.
#
# <file system>   <mount point>   <type>  <options>       <dump>  <pass>
UUID=([-0-9a-f]{36})   /               ext4    defaults        0       1
proc              /proc           proc    defaults        0       0
web.example.com
$`)

func wantInstalled(t *testing.T, l *vmlab.Lab, device string) {
	t.Helper()
	if got := l.Must(t, "node1", left); got != "" {
		t.Errorf("left on the node:\n%s", got)
	}
	got := l.Must(t, "node1", "set -- "+device+"\n"+look)
	if m := installed.FindStringSubmatch(got); m == nil || m[1] != m[2] {
		t.Errorf("on %s is\n%s", device, got)
	}
}

func TestPartitionsOfTheDeviceMapper(t *testing.T) {
	vmlab.Need(t)
	tree := t.TempDir()
	if err := lab.Install(tree); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(tree, "usr/share/debs")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	settings := "CACHE_URL=file:///usr/share/debs/tiny.tar\nCACHE_SHA256=" + lab.TinySystem(t, filepath.Join(shared, "tiny.tar"), "etc/inittab") + "\n"
	if err := os.WriteFile(filepath.Join(tree, "etc/default/ganeti-instance-debootstrap"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	had := lab.DebiansOS(t, shared)
	putHelper(t, tree)
	installing := debian(t, tree)
	l := vmlab.Start(t, vmlab.Options{Nodes: 2, Bin: tree})
	l.Init(t, 2)
	l.Must(t, "node1", "gnt-cluster modify --enabled-disk-templates=drbd,plain,blockdev,diskless --ipolicy-disk-templates=drbd,plain,blockdev,diskless")
	const add = "gnt-instance add -o debootstrap+default --no-start --no-name-check --no-ip-check "

	t.Run("of a volume, whose system boots", func(t *testing.T) { bootsByItself(t, l, installing) })
	t.Run("a helper overwrites free space", func(t *testing.T) {
		if !vmlab.All() { // it is a machine in a machine
			t.Skip("SKIPPED, NOT TESTED: takes long; set GANTRY_FAULTS=all")
		}
		zeroed(t, l)
	})
	t.Run("of a multipath device", func(t *testing.T) {
		l.Must(t, "node1", multipath)
		l.Must(t, "node1", add+"-t blockdev --disk 0:adopt=/dev/disk/by-id/dm-uuid-mpath-36001 -n node1 web.example.com && gnt-instance reinstall -f web.example.com")
		wantInstalled(t, l, "/dev/disk/by-id/dm-uuid-mpath-36001")
		l.Must(t, "node1", "gnt-instance remove -f web.example.com")
	})
	t.Run("as by Debian's definition", func(t *testing.T) {
		if !had {
			t.Skip("DEBIAN'S PACKAGES CANNOT BE HAD: their definition was not run")
		}
		sameAsDebians(t, l)
	})
	t.Run("of a mirrored disk", func(t *testing.T) {
		l.Must(t, "node1", add+"-t drbd -s 1g -n node1:node2 --no-wait-for-sync web.example.com && gnt-instance activate-disks web.example.com")
		wantInstalled(t, l, "$(readlink /var/run/ganeti/instance-disks/web.example.com:0)")
	})
	t.Run("of a mirrored disk, when create is killed", func(t *testing.T) {
		if !vmlab.All() {
			t.Skip("SKIPPED, NOT TESTED: takes long; set GANTRY_FAULTS=all")
		}
		killed(t, l)
	})
}

// partition shows the table of a volume and all that is on its partition.
const partition = `set -e
device=$(readlink -f "$1")
sfdisk -d $device | sed -n 's/.* : //p'
kpartx -a -s -p- $device
set -- /dev/mapper/$(kpartx -l -p- $device | awk 'NR == 1 { print $1 }')
echo "uuid $(blkid -p -o value -s UUID $1)"
` + lab.Content + `
kpartx -d -p- $device`

// sameAsDebians installs with ours on node1 and with Debian's, unmodified, on node2, on volumes.
func sameAsDebians(t *testing.T, l *vmlab.Lab) {
	const name = "web.example.com"
	l.Must(t, "node2", "set -- msdos\n"+lab.PutDebiansOS)
	found, logs := map[string][]string{}, map[string]string{}
	for _, node := range []string{"node1", "node2"} {
		l.Must(t, "node1", "gnt-instance add -t plain -s 1g -n "+node+" -o debootstrap+default -H kvm:serial_console=true --no-start --no-name-check --no-ip-check "+name)
		volume := "/dev/vg_ganeti/" + strings.TrimSpace(l.Must(t, "node1", "gnt-instance info "+name+" | sed -n 's|.*logical_id: vg_ganeti/||p'"))
		text := l.Must(t, node, "set -- "+volume+"\n"+partition)
		if m := regexp.MustCompile(`(?m)^uuid (\S+)$`).FindStringSubmatch(text); m != nil {
			text = strings.ReplaceAll(text, m[1], "UUID")
		}
		found[node], logs[node] = strings.Split(text, "\n"), l.Must(t, node, "cat /var/log/ganeti/os/add-debootstrap+default-"+name+"-*.log")
		if got := l.Must(t, node, left); got != "" {
			t.Errorf("left on %s:\n%s", node, got)
		}
		l.Must(t, "node1", "gnt-instance remove -f "+name)
		l.Must(t, node, "rm /var/log/ganeti/os/*")
	}
	for what, only := range map[string][]string{"ours": lab.Besides(found["node1"], found["node2"]), "Debian's": lab.Besides(found["node2"], found["node1"])} {
		if len(only) > 0 {
			t.Errorf("only %s: %q", what, only)
		}
	}
	if !slices.Contains(found["node1"], "T0:23:respawn:/sbin/getty ttyS0 38400") || !strings.Contains(found["node1"][0], "start=        2048,") {
		t.Errorf("installed was\n%s", strings.Join(found["node1"], "\n"))
	}
	t.Logf("the logs: %q", logs)
}

// killed runs create as Ganeti does, on the disk of the instance, and kills it at ten moments: its heir puts all in order.
func killed(t *testing.T, l *vmlab.Lab) {
	l.Must(t, "node1", `cd /etc/ganeti/instance-debootstrap/hooks && printf '#!/bin/sh\ncd "$TARGET" && mount -t proc proc proc && sleep 1 & wait\n' >busy && chmod +x busy`)
	const create = `cd /usr/share/ganeti/os/debootstrap && exec env -i PATH=/sbin:/bin:/usr/sbin:/usr/bin OS_API_VERSION=20 OS_VARIANT=default INSTANCE_NAME=web.example.com HYPERVISOR=kvm ` +
		`DISK_COUNT=1 DISK_0_PATH=$(readlink /var/run/ganeti/instance-disks/web.example.com:0) NIC_COUNT=0 ./create`
	began := time.Now()
	l.Must(t, "node1", create)
	took := time.Since(began)
	seed := rand.Uint64()
	t.Logf("seed %d; unharmed it takes %v", seed, took.Round(time.Second))
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range 10 {
		signal, after := []string{"TERM", "KILL"}[i%2], random.Float64()*took.Seconds()
		l.Must(t, "node1", fmt.Sprintf("(%s) >/dev/null 2>&1 & sleep %.2f; kill -%s $!; wait; true", create, after, signal))
		rest := ""
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
			if rest = strings.TrimSpace(l.Must(t, "node1", left)); rest == "" {
				break
			}
		}
		if rest != "" {
			t.Errorf("%s after %.2f s leaves\n%s", signal, after, rest)
		}
	}
	l.Must(t, "node1", create)
	wantInstalled(t, l, "$(readlink /var/run/ganeti/instance-disks/web.example.com:0)")
}
