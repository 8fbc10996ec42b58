package lab

import (
	"os/exec"
	"testing"
)

// DebiansOS gets Debian's packages of OS definitions into a directory; false where they cannot be had.
func DebiansOS(t testing.TB, dir string) bool {
	t.Helper()
	c := exec.CommandContext(t.Context(), "apt-get", "-q", "download", "ganeti-os-noop", "ganeti-instance-debootstrap")
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Logf("apt-get download: %v\n%s", err, out)
		return false
	}
	return true
}

// PutDebiansOS is a shell text that puts Debian's definitions, which lie in /usr/share/debs of the node, in the place of ours. Its
// argument is the style of partitions. The base system, tiny.tar beside them, is in their cache, where they look first.
const PutDebiansOS = `set -e
rm -rf /usr/share/ganeti/os/debootstrap /etc/ganeti/instance-debootstrap /etc/default/ganeti-instance-debootstrap
for deb in /usr/share/debs/*.deb; do dpkg-deb -x $deb /; done
echo PARTITION_STYLE=$1 >>/etc/default/ganeti-instance-debootstrap
. /etc/os-release
echo SUITE=$VERSION_CODENAME >>/etc/default/ganeti-instance-debootstrap
mkdir -p /var/cache/ganeti-instance-debootstrap
cp /usr/share/debs/tiny.tar /var/cache/ganeti-instance-debootstrap/cache-$VERSION_CODENAME-$(dpkg --print-architecture).tar`

// Content is a shell text that shows what an installed file system holds, on the device that is its argument: all files with their
// kind, mode, owner and link, and the words of those that create writes.
const Content = `set -e
mkdir -p /mnt/look
mount -o ro,noload "$1" /mnt/look
cd /mnt/look
find . -printf '%p %y %m %U:%G %l\n' | sort
for file in etc/fstab etc/hostname etc/mailname etc/hosts etc/resolv.conf etc/network/interfaces etc/inittab; do
	[ ! -e $file ] || { echo "== $file"; cat $file; }
done
grep ^root: etc/shadow
cd /
umount /mnt/look`

// Besides are the lines of a list that another lacks.
func Besides(list, other []string) (only []string) {
	there := map[string]bool{}
	for _, line := range other {
		there[line] = true
	}
	for _, line := range list {
		if !there[line] {
			only = append(only, line)
		}
	}
	return only
}
