# What makes a base system this instance's own. Sourced after common.sh.
# shellcheck shell=bash disable=SC2154 # set by common.sh and by Ganeti

# configure_system: what every instance gets, whatever its system came from.
configure_system() {
  chroot "$TARGET" passwd -d root
  copy_from_node /etc/hosts
  copy_from_node /etc/resolv.conf
  echo "$instance" >"$TARGET/etc/hostname"
  echo "$instance" >"$TARGET/etc/mailname"
}

# copy_from_node FILE: in its place may be a link to what only a running system
# has.
copy_from_node() {
  cp -p --remove-destination "$1" "$TARGET$1"
}

# configure_base: what a system gets that was not installed as a whole disk.
configure_base() {
  write_fstab >"$TARGET/etc/fstab"
  printf '%s\n' "auto lo" "iface lo inet loopback" >"$TARGET/etc/network/interfaces"
}

write_fstab() {
  cat <<FSTAB
# /etc/fstab: static file system information.
#
# <file system>   <mount point>   <type>  <options>       <dump>  <pass>
UUID=$($VOL_ID "$FSYSDEV")   /               $OSP_FILESYSTEM    defaults        0       1
proc              /proc           proc    defaults        0       0
FSTAB
}

# console_port prints the port that wants a getty, if any. Ganeti spells
# booleans as Python does.
console_port() {
  if [ "$INSTANCE_HV_serial_console" = True ]; then
    echo ttyS0
  elif [ "$HYPERVISOR" = xen-pvm ]; then
    echo hvc0
  fi
}

# configure_console starts a getty where init does not find out by itself;
# systemd does, from console= on the kernel's command line.
configure_console() {
  local port
  port=$(console_port)
  [ -n "$port" ] || return 0
  if [ -e "$TARGET/etc/inittab" ]; then
    echo "T0:23:respawn:/sbin/getty $port 38400" >>"$TARGET/etc/inittab"
  elif [ -e "$TARGET/etc/init" ]; then
    upstart_job "$port" >"$TARGET/etc/init/$port.conf"
  elif [ -e "$TARGET/etc/event.d" ]; then
    event_job "$port" >"$TARGET/etc/event.d/$port.conf"
  fi
}

upstart_job() {
  cat <<JOB
start on stopped rc RUNLEVEL=[2345]
stop on runlevel [!2345]

respawn
exec /sbin/getty -8 38400 $1
JOB
}

event_job() {
  cat <<JOB
start on stopped rc2
start on stopped rc3
start on stopped rc4
start on stopped rc5

stop on runlevel 0
stop on runlevel 1
stop on runlevel 6

respawn
exec /sbin/getty 38400 $1
JOB
}
