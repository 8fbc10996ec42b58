# Settings and arguments of every script here, and the stack of things to undo.
# Hooks may source this file too (the working directory is that of the OS
# definition): the names in it are theirs as much as ours.
# shellcheck shell=bash disable=SC2034 # most names are for those who source it

CLEANUP=( )

log_error() {
  echo "$@" >&2
}

fail() {
  log_error "$@"
  exit 1
}

# cleanup runs the commands of CLEANUP, the last one first. One that fails
# does not keep the others from running.
cleanup() {
  local i status=0
  for ((i = ${#CLEANUP[@]} - 1; i >= 0; i--)); do
    eval "${CLEANUP[i]}" || status=1
  done
  CLEANUP=( )
  return "$status"
}

trap cleanup EXIT

# own_suite prints the code name of the release that runs on this node.
own_suite() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-stable}") 2>/dev/null || echo stable
}

get_api5_arguments() {
  local option
  while getopts i:n:o:b:s: option; do
    case $option in
      i|n) instance=$OPTARG ;;
      o) old_name=$OPTARG ;;
      b) blockdev=$OPTARG ;;
      s) fail "Swap devices of OS API 5 are not supported; use a disk named swap and a hook" ;;
      *) exit 1 ;;
    esac
  done
}

# get_api10_arguments reads what Ganeti says in the environment.
get_api10_arguments() {
  if [ -z "$INSTANCE_NAME" ] || [ -z "$HYPERVISOR" ] || [ -z "$DISK_COUNT" ]; then
    log_error "Missing OS API Variable:"
    fail "(INSTANCE_NAME HYPERVISOR or DISK_COUNT)"
  fi
  if [ "$DISK_COUNT" -lt 1 ] || [ -z "$DISK_0_PATH" ]; then
    fail "At least one disk is needed"
  fi
  instance=$INSTANCE_NAME
  case $SCRIPT_NAME in
    export) required EXPORT_DEVICE; blockdev=$EXPORT_DEVICE ;;
    import) required IMPORT_DEVICE; blockdev=$IMPORT_DEVICE ;;
    rename) required OLD_INSTANCE_NAME; old_name=$OLD_INSTANCE_NAME; blockdev=$DISK_0_PATH ;;
    *) blockdev=$DISK_0_PATH ;;
  esac
}

required() {
  [ -n "${!1}" ] || fail "Missing OS API Variable $1"
}

# source_variant lets the file of the variant override all settings.
source_variant() {
  local file=$VARIANTS_DIR/$OS_VARIANT.conf
  [ -d "$VARIANTS_DIR" ] || fail "OS Variants directory $VARIANTS_DIR doesn't exist"
  if [ -f "$file" ]; then
    # shellcheck source=/dev/null
    . "$file"
  elif grep -qxF -e "$OS_VARIANT" variants.list; then
    log_error "ERROR: instance-debootstrap configuration error"
    log_error "  Published variant $OS_VARIANT is missing its config file"
    log_error "  Please create $file or unpublish the variant"
    fail "  (by removing $OS_VARIANT from variants.list)"
  else
    log_error "Unofficial variant $OS_VARIANT is unsupported"
    log_error "Most probably this is a user error, forcing a wrong name"
    fail "To support this variant please create file $file"
  fi
}

DEFAULT_FILE=/etc/default/ganeti-instance-debootstrap
if [ -f "$DEFAULT_FILE" ]; then
  # shellcheck source=/dev/null
  . "$DEFAULT_FILE"
fi

# An empty value counts as unset, but for what a variant says.
: "${MIRROR:=}" "${PROXY:=}" "${ARCH:=}" "${EXTRA_PKGS:=}" "${COMPONENTS:=}"
: "${SUITE:=$(own_suite)}"
: "${CUSTOMIZE_DIR:=/etc/ganeti/instance-debootstrap/hooks}"
: "${VARIANTS_DIR:=/etc/ganeti/instance-debootstrap/variants}"
: "${GENERATE_CACHE:=yes}"
: "${CLEAN_CACHE:=14}"          # days
: "${PARTITION_ALIGNMENT:=2048}" # sectors of 512 bytes
: "${OSP_FILESYSTEM:=ext4}"
CACHE_DIR=/var/cache/ganeti-instance-debootstrap
SCRIPT_NAME=${0##*/}
VOL_ID="/sbin/blkid -p -o value -s UUID"
VOL_TYPE="/sbin/blkid -p -o value -s TYPE"

[ -x /sbin/blkid ] || fail "vol_id or blkid not found, please install udev or util-linux"

case ${OS_API_VERSION:=5} in
  5) : "${PARTITION_STYLE:=none}"; get_api5_arguments "$@" ;;
  10|15|20) : "${PARTITION_STYLE:=msdos}"; get_api10_arguments ;;
  *) fail "Unknown OS API VERSION $OS_API_VERSION" ;;
esac

if [ -n "$OS_VARIANT" ]; then
  source_variant
fi

# shellcheck source=disk.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/disk.sh"
