package vmlab

import (
	"fmt"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// User mode Linux is a kernel that is a process: it has LVM, DRBD, VLANs and Open vSwitch as any other, and what runs on it is not
// emulated, which makes a node several times faster. It has no second processor, and no systemd here.

// inMemory is where files are that are not to touch a disk.
const inMemory = "/dev/shm"

// umlRelease is the Debian release whose user mode Linux is used: since Linux 6.16 its programs call it by seccomp, not by ptrace, which takes
// a third of the time.
const umlRelease = "forky"

// makeUML fills a folder with Debian's kernel of that kind (linux) and the C library that it wants, its modules as far as nodes need some
// (modules.tar) and an initial file system (initrd.img): OUT FILES MIRROR RELEASE.
const makeUML = `set -eu
mount --make-rprivate /
out=$1 files=$2 mirror=$3 release=$4
cd "$out"
mkdir -p apt/lists/partial apt/cache/archives/partial
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >apt/list
# a mirror may be that of a day that is past
its() {
	apt-get -q -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$out/apt/list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$out/apt/lists" \
		-o Dir::Cache="$out/apt/cache" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::Check-Valid-Until=false "$@"
}
its update
its download user-mode-linux libc6
dpkg-deb -x user-mode-linux_*.deb package
dpkg-deb -x libc6_*.deb libc6
mkdir libc
cp libc6/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 libc6/usr/lib/x86_64-linux-gnu/libc.so.6 libc/
mv package/usr/bin/linux.uml linux
patchelf --set-interpreter "${out%.new}/libc/ld-linux-x86-64.so.2" --set-rpath "${out%.new}/libc" --force-rpath linux
mkdir -p tree/lib
mv package/usr/lib/uml/modules tree/lib/modules
tar -C tree -cf modules.tar --exclude=kernel/fs/[a-ej-np-z]* --exclude=kernel/sound --exclude=kernel/drivers/usb --exclude=kernel/drivers/media lib
mkdir -p initrd/bin initrd/modules initrd/proc initrd/sys initrd/dev initrd/new initrd/tmp
cp "$(command -v busybox)" initrd/bin/busybox
: >initrd/modules/order
# its disks and network cards get the names that they have in emulation
awk '{ print }
/ -t devtmpfs / { print "for d in /dev/ubd?; do $b mv $d /dev/vd${d#/dev/ubd}; done" }
/ -t sysfs / { print "for d in /sys/class/net/vec?; do $b ip link set ${d##*/} name eth${d##*vec}; done" }' "$files/node" >initrd/init
chmod 755 initrd/init
(cd initrd && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >initrd.img
rm -rf package tree initrd libc6 apt *.deb
`

// umlArgv is a machine that is user mode Linux. Its first disk is what it changes of the image.
func (c config) umlArgv(n int, image Image, kernel string, disks []disk, seeds string) []string {
	argv := []string{
		filepath.Join(kernel, "linux"), "mem=" + strconv.Itoa(c.Memory) + "M", "initrd=" + filepath.Join(kernel, "initrd.img"), "rdinit=/init",
		"con=null", "con0=null,fd:1", "console=tty0", "quiet", "loglevel=4", "panic=1", "random.trust_cpu=on", "audit=0", "net.ifnames=0", "selinux=0", "seccomp=auto", "lab.seed=" + seeds,
		fmt.Sprintf("ubd0=%s,%s", c.changes(n), image.root()),
	}
	for i, net := range nets {
		// gro: a card takes the large packets that the others send
		argv = append(argv, fmt.Sprintf("vec%d:transport=tap,ifname=%s%d,mac=02:00:00:00:%02x:%02x,gro=1", i, net, n, i, n))
	}
	for i, d := range disks[1:] {
		flags := ""
		if d.only {
			flags += "r"
		}
		if d.shared {
			flags += "c" // without a lock
		}
		argv = append(argv, fmt.Sprintf("ubd%d%s=/proc/%d/fd/%d", i+1, flags, c.Keeper, d.file.Fd()))
	}
	return argv
}

// changes is the file with what machine n has changed of the image. User mode Linux makes it.
func (c config) changes(n int) string { return filepath.Join(c.Dir, "root"+strconv.Itoa(n)) }

// shortSlices has what this thread starts wait less for a processor, and have it for shorter times: not more of it, all in all. Each
// call of a program in user mode Linux goes from one process to another and back, which takes long on a busy machine. A kernel that does
// not know of it leaves it as it is.
func shortSlices() {
	if attr, err := unix.SchedGetAttr(0, 0); err == nil && attr.Policy == unix.SCHED_NORMAL {
		attr.Runtime = 100_000 // nanoseconds
		unix.SchedSetAttr(0, attr, 0)
	}
}

// pin keeps a machine that has started, and all that it starts, on one processor; machines share those of this one. To wake a process on
// another processor takes several times as long as a call of a program does on its own.
func (c config) pin(n, pid int) {
	var all, one unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil || all.Count() == 0 {
		return
	}
	for skip, cpu := (c.Keeper+n)%all.Count(), 0; ; cpu++ {
		if all.IsSet(cpu) {
			if skip == 0 {
				one.Set(cpu)
				break
			}
			skip--
		}
	}
	unix.SchedSetaffinity(pid, &one)
}
