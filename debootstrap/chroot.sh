# For hooks that work inside the system being installed. Source common.sh, set
# a trap for cleanup, then source this.
# shellcheck shell=bash

# in_target COMMAND...: run it in the system, in English, without questions.
in_target() {
  LC_ALL=C DEBIAN_FRONTEND=noninteractive \
    ${PROXY:+env "http_proxy=$PROXY" "https_proxy=$PROXY"} chroot "$TARGET" "$@"
}

# bind_system shows the system this node's /dev, /proc and /sys until cleanup.
bind_system() {
  local dir
  for dir in dev proc sys; do
    mount --rbind "/$dir" "$TARGET/$dir"
    CLEANUP+=("umount --recursive $TARGET/$dir")
    mount --make-rslave "$TARGET/$dir"
  done
}

# install_packages NAME...: without starting what is in them, and without a
# sync for every file: an installation that is cut off is worth nothing anyway.
install_packages() {
  local policy=$TARGET/usr/sbin/policy-rc.d
  local apt=( apt-get -q -y -o Acquire::http::Timeout=30 -o Dpkg::Use-Pty=0
    -o Dpkg::Options::=--force-unsafe-io )
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  CLEANUP+=("rm -f $policy")
  chmod 755 "$policy"
  in_target "${apt[@]}" update
  in_target "${apt[@]}" install --no-install-recommends "$@"
  in_target apt-get clean
}
