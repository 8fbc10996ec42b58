# From the path Ganeti gives to the device of the root file system: loop
# devices, partition tables, partitions. Sourced by common.sh, so that hooks can
# map other disks; open_disk and open_root need run.sh.
# shellcheck shell=bash disable=SC2034 # FSYSDEV is for those who source it

# open_disk PATH: sets BLOCKDEV, a loop device when PATH is a file.
open_disk() {
  BLOCKDEV=$1
  [ ! -b "$1" ] || return 0
  push release_loops "$1"
  push settle
  BLOCKDEV=$(attach_loop "$1")
  hold_loop "$BLOCKDEV"
}

# attach_loop PATH: prints the loop device that is on PATH now. Where /dev is not
# the kernel's own, the free one that it names has no node; then one that has is
# taken.
attach_loop() {
  local loop
  losetup --show --partscan --find "$1" 2>/dev/null && return
  for loop in /dev/loop[0-9]*; do
    if is_loop "$loop" && losetup --partscan "$loop" "$1" 2>/dev/null; then
      echo "$loop"
      return
    fi
  done
  fail "Can't find a free loop device for $1"
}

# hold_loop DEVICE: the kernel detaches the loop device when the last process
# that has it open is gone; we have it open till release_loops.
hold_loop() {
  exec {LOOP_FD}<"$1"
  losetup --detach "$1"
}

# release_loops PATH: no loop device stays on PATH.
release_loops() {
  local loop
  if [ -n "$LOOP_FD" ]; then
    exec {LOOP_FD}<&-
    LOOP_FD=
  fi
  losetup --noheadings --output NAME --associated "$1" | while read -r loop; do
    losetup --detach "$loop"
  done
}

# settle waits until udev has made and removed its links, where there is udev.
settle() {
  ! command -v udevadm >/dev/null || udevadm settle || true
}

# require_size DEVICE: debootstrap needs 511 MiB, whatever the message says.
require_size() {
  local bytes
  bytes=$(blockdev --getsize64 "$1")
  if [ "$bytes" -lt 535822336 ]; then
    log_error "Device size is too small ($((bytes / 1024 / 1024)) MB)"
    fail "Required size is at least 256MB"
  fi
}

# format_disk0 DEVICE: one big partition, as PARTITION_STYLE says.
format_disk0() {
  case $PARTITION_STYLE in
    none) ;;
    msdos) write_table "$1" <<<"$PARTITION_ALIGNMENT,,L,*" ;;
    gpt) gpt_table | write_table "$1" ;;
    *) fail "Unknown partition style $PARTITION_STYLE" ;;
  esac
}

# gpt_table: the root is partition 1 as in msdos; the room before it becomes
# partition 14, where grub puts its core. sfdisk takes the numbers at the end of
# a line's first word, whatever device that is.
gpt_table() {
  cat <<TABLE
label: gpt
first-lba: 34
part1 : start=$PARTITION_ALIGNMENT, type=L
part14 : start=34, size=$((PARTITION_ALIGNMENT - 34)), type=21686148-6449-6E6F-744E-656564454649
TABLE
}

# write_table DEVICE <SFDISK-SCRIPT. DRBD and LVM cannot read a table again.
write_table() {
  sfdisk --no-reread --wipe always --wipe-partitions always --quiet "$1"
}

# open_root DEVICE: sets FSYSDEV, the device of the root file system.
open_root() {
  [ "$PARTITION_STYLE" = none ] || push unmap_disk0 "$1"
  FSYSDEV=$(map_disk0 "$1")
}

# map_disk0 DEVICE: prints the device of the root file system.
map_disk0() {
  case $PARTITION_STYLE in
    none) echo "$1" ;;
    msdos|gpt) first_partition "$1" ;;
    *) fail "Unknown partition style $PARTITION_STYLE" ;;
  esac
}

# unmap_disk0 DEVICE undoes map_disk0, also half of it. The kernel may need a
# while to let go of a file system whose last process was killed, and udev may
# look at one that was just unmounted.
unmap_disk0() {
  local device try
  if is_loop "$1"; then
    return 0 # its partitions go when it goes
  fi
  if ! has_device_mapper; then
    release_loops "$1"
    return
  fi
  device=$(readlink -f "$1")
  for ((try = 0; try < 60; try++)); do
    settle
    kpartx -d -p- "$device" || true
    is_mapped "$device" || return 0
    sleep 0.5
  done
  log_error "The partitions of $1 stay mapped: they are in use"
  return 1
}

# is_mapped DEVICE: whether kpartx has made a mapping on it that is still there.
is_mapped() {
  grep -qs '^part[0-9]' "/sys/dev/block/$(mountpoint -x "$1")"/holders/*/dm/uuid
}

first_partition() {
  if is_loop "$1"; then
    partition_node "$1"
  elif has_device_mapper; then
    mapped_partition "$(readlink -f "$1")"
  else
    partition_node "$(attach_loop "$1")"
  fi
}

is_loop() {
  [[ $1 == /dev/loop+([0-9]) ]]
}

has_device_mapper() {
  dmsetup version >/dev/null 2>&1
}

# partition_node LOOP: prints the node of its first partition, and makes one
# where /dev is not the kernel's own. partx reads the table itself, for kernels
# that cannot.
partition_node() {
  local name=${1##*/}p1 numbers
  partx --update "$1"
  if [ -b "/dev/$name" ]; then
    echo "/dev/$name"
    return
  fi
  numbers=$(cat "/sys/class/block/$name/dev") || fail "Can't find partition 1 of $1"
  mknod "${RUN:-/run}/$name" b "${numbers%:*}" "${numbers#*:}"
  echo "${RUN:-/run}/$name"
}

# mapped_partition DEVICE: kpartx names its mappings after what it finds below
# DEVICE (multipath, by-id), so the name is taken from its own list.
mapped_partition() {
  local name
  name=$(kpartx -l -p- "$1" | awk 'NR == 1 { print $1 }')
  [ -n "$name" ] || fail "Cannot interpret kpartx output and get partition mapping"
  kpartx -a -s -p- "$1" >/dev/null
  [ -b "/dev/mapper/$name" ] || fail "Can't find kpartx mapped partition: /dev/mapper/$name"
  echo "/dev/mapper/$name"
}
