# The base system: from the cache, or from debootstrap and then into the cache.
# Sourced after common.sh and image.sh.
# shellcheck shell=bash

# architecture prints ARCH or what this node has.
architecture() {
  echo "${ARCH:-$(dpkg --print-architecture)}"
}

# mirror prints MIRROR, or where apt on this node gets SUITE or its own release
# from, or nothing: debootstrap has a default of its own.
mirror() {
  if [ -n "$MIRROR" ]; then
    echo "$MIRROR"
    return
  fi
  local scripts=/usr/share/debootstrap/scripts own
  own=$(own_suite)
  apt_archive "$SUITE" && return
  # Releases of one distribution share a script, and nearly always a mirror.
  if [ "$scripts/$SUITE" -ef "$scripts/$own" ]; then
    apt_archive "$own" || true
  fi
}

# apt_archive SUITE: prints the archive that apt is configured to take it from,
# if debootstrap knows how to.
apt_archive() {
  apt-get --print-uris update 2>/dev/null |
    sed -nE "s#^'((https?|ftp|file):.*)/dists/$1/[^/ ]*Release' .*#\1#p" | head -n 1 | grep .
}

# cache_file prints the name of the cache, in which all stands that decides
# about its content.
cache_file() {
  local key=${CACHE_SHA256,,}
  if [ -z "$CACHE_URL" ]; then
    key=$(printf '%s\n' "$(mirror)" "$EXTRA_PKGS" "$COMPONENTS" | sha256sum)
  fi
  echo "$CACHE_DIR/cache-$SUITE-$(architecture)-${key:0:12}.tar"
}

# new_cache RUN: where that run writes a cache until it is complete.
new_cache() {
  echo "$CACHE_DIR/new-${1##*/}.tar"
}

expire_caches() {
  if [ -n "$CLEAN_CACHE" ] && [ -d "$CACHE_DIR" ]; then
    find "$CACHE_DIR" '(' -name 'cache-*' -o -name 'image-*' ')' -type f \
      -daystart -mtime "+$CLEAN_CACHE" -print0 | xargs -r0 rm -f
  fi
}

# Without these options file capabilities are lost (ping's, for one).
archive() {
  tar --acls --selinux --xattrs --xattrs-include='*' "$@"
}

# install_base RUN: fills TARGET.
install_base() {
  local cache
  cache=$(cache_file)
  expire_caches
  if [ -n "$CACHE_URL" ] && [ ! -f "$cache" ]; then
    fetch "$CACHE_URL" "$CACHE_SHA256" "$cache"
  fi
  if [ -f "$cache" ]; then
    archive -x -f "$cache" -C "$TARGET"
    return
  fi
  bootstrap
  tidy
  if [ "$GENERATE_CACHE" = yes ]; then
    (umask 077 && archive -c -f "$(new_cache "$1")" -C "$TARGET" .)
    mv -f "$(new_cache "$1")" "$cache"
  fi
}

# bootstrap runs debootstrap. The proxy reaches the hooks too, but only when
# this ran: that is how it always was.
bootstrap() {
  local from=() args=( --arch "$(architecture)" )
  if [ -n "$PROXY" ]; then
    export http_proxy=$PROXY https_proxy=$PROXY
  fi
  read -ra from <<<"$(mirror)" # a script of debootstrap may follow the mirror
  require_mirror "${from[0]}"
  if [ -n "$EXTRA_PKGS" ]; then
    args+=( "--include=$EXTRA_PKGS" )
  fi
  if [ -n "$COMPONENTS" ]; then
    args+=( "--components=$COMPONENTS" )
  fi
  patient debootstrap "${args[@]}" "$SUITE" "$TARGET" "${from[@]}"
}

# patient COMMAND...: wget, in it, gives up on a server that falls silent.
patient() {
  WGETRC=$PWD/wgetrc "$@"
}

# require_mirror URL fails at once, and says why, where debootstrap would try
# for long.
require_mirror() {
  local file status
  [[ $1 == http?(s)://* ]] || return 0
  for file in InRelease Release; do
    status=0
    patient wget --quiet -O /dev/null "$1/dists/$SUITE/$file" || status=$?
    case $status in
      0) return ;;
      8) ;; # the server answers: no such file
      *) fail "Mirror $1 does not answer (wget: exit status $status)" ;;
    esac
  done
  fail "Mirror $1 has no suite $SUITE"
}

# tidy removes what must not reach an instance, or would only fill the cache.
tidy() {
  find "$TARGET/var/cache/apt/archives" -type f -name '*.deb' -delete
  rm -f "$TARGET/etc/udev/rules.d/z25_persistent-net.rules"
}
