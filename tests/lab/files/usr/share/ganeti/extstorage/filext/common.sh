# Volumes are files in the directory that all nodes share; attaching one takes a loop device of the node's own.
# shellcheck shell=sh disable=SC2034
dir=/srv/shared/ext
volume=$dir/$VOL_NAME
device=/run/orc-ext/$(echo "$VOL_NAME" | tr / _) # names the loop device of an attached volume
mkdir -p "$dir" /run/orc-ext
/usr/local/lib/orc/dump ext "$(basename "$0")" "$0" "$@"
die() {
	echo "filext: $*" >&2
	exit 1
}
