# build OUT FILES RELEASE MIRROR SOURCES: makes in OUT what every node starts from, a disk (root.img), a kernel and an initial
# file system. FILES is the folder that this script is in; SOURCES is an apt source list. Runs in a mount and a process
# namespace of its own, so that whatever ends it ends what it started.
set -eu
out=$1 files=$2 release=$3 mirror=$4 sources=$5
root=$out/root
mount --make-rprivate /

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"; }

packages="openssh-server openssh-client lvm2 drbd-utils iproute2 openvswitch-switch qemu-system-x86 qemu-utils seabios socat kpartx
	parted fdisk python3-minimal busybox-static kmod udev systemd procps iputils-arping iputils-ping psmisc less tcpdump"

# --- the packages
debootstrap --variant=minbase --include=ca-certificates "$release" "$root" "$mirror" >"$out/debootstrap.log" || { tail -n 20 "$out/debootstrap.log"; exit 1; }
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale info >"$root/etc/dpkg/dpkg.cfg.d/lab"
echo force-unsafe-io >>"$root/etc/dpkg/dpkg.cfg.d/lab"
cp /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump | grep -i '^Acquire::.*Proxy' >"$root/etc/apt/apt.conf.d/90proxy" || true
cp "$sources" "$root/etc/apt/sources.list"
inside apt-get -q update
# shellcheck disable=SC2086 # a list of words
inside apt-get -q install -y --no-install-recommends $packages

# --- the kernel: Debian's package for real machines, of whose modules a node needs some
kernel=$(inside apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
inside sh -c "cd /tmp && apt-get -q download $kernel"
dpkg-deb -x "$root"/tmp/linux-image-*.deb "$out/kernel"
rm "$root"/tmp/linux-image-*.deb
version=$(basename "$out"/kernel/lib/modules/*)
modules=$root/lib/modules/$version
mkdir -p "$modules"
cd "$out/kernel/lib/modules/$version"
cp modules.order modules.builtin modules.builtin.modinfo "$modules/"
find kernel/drivers/block kernel/drivers/md kernel/drivers/virtio kernel/drivers/target kernel/drivers/char/hw_random kernel/drivers/scsi/virtio_scsi.ko \
	kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_common.ko kernel/drivers/scsi/sd_mod.ko kernel/block \
	kernel/fs/ext4 kernel/fs/jbd2 kernel/fs/mbcache.ko kernel/fs/overlayfs kernel/fs/fuse kernel/fs/configfs kernel/net \
	kernel/drivers/net/tun.ko kernel/drivers/net/virtio_net.ko kernel/drivers/net/net_failover.ko kernel/drivers/net/veth.ko kernel/drivers/net/dummy.ko \
	kernel/drivers/net/vxlan kernel/drivers/net/geneve.ko kernel/lib kernel/crypto kernel/arch/x86/crypto -name '*.ko' |
	grep -vE 'net/(mac80211|wireless|bluetooth|sctp|rxrpc|ceph|tipc|dccp|can|batman|nfc|rds|smc|sunrpc|ieee802154|6lowpan|mac802154|appletalk|ax25|atm|x25)/|block/(aoe|mtip|rsxx)' |
	xargs cp --parents -t "$modules"
cd /
inside depmod -a "$version"
# unpacked: to do that in emulation takes as long as all else until process 1
kernel=$out/kernel/boot/vmlinuz-$version
sectors=$(od -An -tu1 -j497 -N1 "$kernel")
payload=$(od -An -tu4 -j584 -N4 "$kernel")
tail -c "+$(((sectors + 1) * 512 + payload + 1))" "$kernel" | xz -dc --single-stream >"$out/kernel.img"

# initrd FILE INIT MODULE...: an initial file system of busybox, the modules and what they depend on, in the order to load them
initrd() {
	file=$1 init=$2 tree=$out/initrd
	shift 2
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/modules" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/new" "$tree/tmp"
	cp "$root/bin/busybox" "$tree/bin/busybox"
	cp "$init" "$tree/init"
	chmod 755 "$tree/init"
	for m in "$@"; do inside modprobe -S "$version" --show-depends "$m"; done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
		case $path in */crc32c-intel.ko) continue ;; esac # for a processor that the machines do not have
		cp "$root$path" "$tree/modules/"
		basename "$path" >>"$tree/modules/order"
	done
	(cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$file"
}
initrd "$out/initrd.img" "$files/node" virtio_pci virtio_blk ext4 virtio_rng
initrd "$root/boot/initrd-guest" "$files/instance" virtio_pci virtio_net virtio_blk virtio_scsi sd_mod
cp "$out/kernel.img" "$root/boot/vmlinux-guest"

# --- what makes it a node of a lab, as far as that does not come with the lab
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service lvm2-monitor.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"
# the users of a pool that guests run as; a guest's user must have a name
for id in $(seq 4000 4019); do echo "kvm$id:x:$id:65534::/nonexistent:/usr/sbin/nologin" >>"$root/etc/passwd"; done
ln -sf /proc/mounts "$root/etc/mtab"
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
rm -rf "$root"/etc/ssh/ssh_host_* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/etc/apt/apt.conf.d/90proxy"
umount "$root/proc"

size=$(du -sm "$root" | cut -f1)
truncate -s "$((size + size / 4 + 3000))M" "$out/root.img"
# with a journal: nodes lose their power
mkfs.ext4 -q -F -O '^metadata_csum' -J size=16 -m 0 -E lazy_itable_init=1 -N 100000 -d "$root" "$out/root.img"
rm -rf "$root" "$out/kernel" "$out/initrd"
