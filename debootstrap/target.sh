# The root file system of the instance while it is mounted. For the scripts
# that run confined; sourced after common.sh.
# shellcheck shell=bash

# mount_target RUN: sets TARGET.
mount_target() {
  export TARGET=$1/target
  mkdir -p "$TARGET"
  mount "$FSYSDEV" "$TARGET"
}

# leave_target unmounts, once nothing that a hook left running is in the way.
leave_target() {
  local try
  # -1 is every process of the namespace, but for its first one alone.
  if [ $$ -eq 1 ]; then
    name_strays
    kill -KILL -1 2>/dev/null || true
  fi
  for try in 1 2 3 4 5; do
    ! umount --recursive "$TARGET" 2>/dev/null || return 0
    sleep "0.$try"
  done
  umount --recursive "$TARGET"
}

name_strays() {
  local comm name
  for comm in /proc/[2-9]*/comm /proc/1[0-9]*/comm; do
    if read -r name 2>/dev/null <"$comm"; then
      log_error "Ending $name, which a hook left running"
    fi
  done
}
