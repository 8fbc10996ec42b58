# Images in place of debootstrap: IMAGE_URL is a whole disk (raw, qcow2) or the
# content of the root file system (tar); CACHE_URL is such a tar too, and takes
# the place of the cache. Each needs its SHA-256. Sourced after run.sh.
# shellcheck shell=bash disable=SC2034 # base.sh reads CACHE_URL

FETCH=/usr/lib/ganeti/debootstrap-fetch

# image_format prints raw, qcow2 or tar: what IMAGE_FORMAT says or else the end
# of the URL. Nothing without an image.
image_format() {
  [ -n "$IMAGE_URL" ] || return 0
  case ${IMAGE_FORMAT:-${IMAGE_URL%%[?#]*}} in
    raw|*.raw|*.img) echo raw ;;
    qcow2|*.qcow2) echo qcow2 ;;
    tar|*.tar|*.tar.gz|*.tgz|*.tar.xz|*.tar.zst|*.tar.bz2) echo tar ;;
    *) fail "Cannot tell the format of $IMAGE_URL, set IMAGE_FORMAT to raw, qcow2 or tar" ;;
  esac
}

# is_disk_image: whether the image brings its own file systems.
is_disk_image() {
  [[ $IMAGE_FORMAT == @(raw|qcow2) ]]
}

# fetch URL SHA256 FILE: FILE appears only complete and checked.
fetch() {
  [[ $2 =~ ^[0-9a-fA-F]{64}$ ]] || fail "$1 needs its SHA-256 (IMAGE_SHA256 or CACHE_SHA256)"
  mkdir -p "$CACHE_DIR"
  ${PROXY:+env "http_proxy=$PROXY" "https_proxy=$PROXY"} "$FETCH" "$1" "$2" "$3"
}

# image_file prints where the disk image is kept.
image_file() {
  echo "$CACHE_DIR/image-${IMAGE_SHA256,,}.$IMAGE_FORMAT"
}

# write_image DEVICE: puts the disk image there. What the image has no data for
# becomes zeros, whatever was on the device.
write_image() {
  local file size
  file=$(image_file)
  [ -f "$file" ] || fetch "$IMAGE_URL" "$IMAGE_SHA256" "$file"
  size=$(qemu-img info --output=json -f "$IMAGE_FORMAT" "$file" |
    sed -n 's/.*"virtual-size": \([0-9]*\).*/\1/p' | tail -n 1)
  if [ "$(blockdev --getsize64 "$1")" -lt "$size" ]; then
    fail "Device size is too small for the image ($((size / 1024 / 1024)) MB)"
  fi
  qemu-img convert -n -f "$IMAGE_FORMAT" -O raw "$file" "$1"
}

# grow_table DEVICE: partition 1 gets the room behind it, if there is any.
grow_table() {
  [ "$PARTITION_STYLE" != none ] || return 0
  if [ "$(/sbin/blkid -p -o value -s PTTYPE "$1")" = gpt ]; then
    sfdisk --no-reread --quiet --relocate gpt-bak-std "$1"
  fi
  echo ", +" | sfdisk --no-reread --no-tell-kernel --quiet -N 1 "$1"
}

# grow_filesystem DEVICE: it fills its device, where it can grow.
grow_filesystem() {
  local status=0
  [[ $($VOL_TYPE "$1") == ext* ]] || return 0
  e2fsck -f -p "$1" >/dev/null || status=$?
  [ "$status" -le 1 ] || fail "The file system of the image is damaged (e2fsck: exit status $status)"
  resize2fs "$1" >/dev/null 2>&1 || fail "The file system of the image cannot grow"
}

IMAGE_FORMAT=$(image_format)
# A tar as the image is no different from one as the cache.
if [ "$IMAGE_FORMAT" = tar ]; then
  CACHE_URL=$IMAGE_URL
  CACHE_SHA256=$IMAGE_SHA256
fi
