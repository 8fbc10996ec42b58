# The root file system of the instance while it is mounted. For the scripts
# that run confined; sourced after common.sh.
# shellcheck shell=bash

# mount_target RUN: sets TARGET.
mount_target() {
  export TARGET=$1/target
  mkdir -p "$TARGET"
  mount "$FSYSDEV" "$TARGET"
}

# leave_target ends what hooks left running in the namespaces, so that it does
# not keep the file system busy, and unmounts.
leave_target() {
  # -1 is every process below the first one, but only for that one itself.
  if [ $$ -eq 1 ]; then
    kill -KILL -1 2>/dev/null || true
    wait
  fi
  umount --recursive "$TARGET"
}
