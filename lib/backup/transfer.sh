# transfer.sh DEVICE MIB PACK COMMAND...: writes a device, or file, to COMMAND, through the program PACK if it is not empty: all of it,
# or the first MIB if that is not empty.
# Says on exit: 10 it failed (on stdout the status of each part, an empty line and what they said).
device=$1 mib=$2 pack=$3
shift 3
said=$(mktemp) || exit
trap 'rm -f -- "$said"' EXIT

# A volume is read past the cache: what stands there may be older than what the guest has written.
direct=
[ ! -b "$device" ] || direct=iflag=direct

pack() {
	# shellcheck disable=SC2086 # a program and its options
	if [ -n "$pack" ]; then $pack -c; else cat; fi
}

# count passes all on and tells on our stderr how much that was, once a second.
count() {
	LC_ALL=C dd bs=1M iflag=fullblock status=progress 2>&5
}
exec 5>&2

# shellcheck disable=SC2086 # empty is no word
status=$({
	{
		dd if="$device" bs=1M $direct ${mib:+count=$mib} status=none
		echo "script $?" >&3
	} | {
		pack
		echo "pack $?" >&3
	} | {
		count
		echo "count $?" >&3
	} | {
		"$@" >&2 3>&- 5>&-
		echo "copy $?" >&3
	}
} 3>&1 2>"$said")
case $(echo "$status" | sort | tr '\n' ' ') in
"copy 0 count 0 pack 0 script 0 ") exit 0 ;;
esac
printf '%s\n\n' "$status"
tail -c 4096 "$said"
exit 10
