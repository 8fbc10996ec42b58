# osimage.sh DEVICE MIB IMAGE: writes an image, a file or what is at a URL, over the beginning of a device, or file, of that size. The
# data is on the disk when it exits with 0. Says on exit: 10 it failed, and why on stdout.
device=$1 mib=$2 image=$3

fail() {
	echo "$*"
	exit 10
}

fetch() {
	case $image in
	/*) cat -- "$image" ;;
	*)
		if command -v curl >/dev/null; then
			curl --fail --silent --show-error --location --connect-timeout 30 --speed-time 60 --speed-limit 1 -- "$image"
		else
			wget --no-verbose --timeout=60 --tries=1 --output-document=- -- "$image"
		fi
		;;
	esac
}

direct=
[ ! -b "$device" ] || direct=oflag=direct
said=$(mktemp) || exit
trap 'rm -f -- "$said"' EXIT

# shellcheck disable=SC2086 # empty is no word
status=$({
	{
		fetch
		echo "fetch $?" >&3
	} | {
		dd of="$device" bs=1M count="$mib" iflag=fullblock $direct conv=notrunc,fsync status=none
		echo "write $?" >&3
		[ "$(head -c 1 | wc -c)" -eq 0 ] || echo larger >&3
	}
} 3>&1 2>"$said")
case $status in
*larger*) fail "Disk image larger than the disk" ;;
"write 0
fetch 0" | "fetch 0
write 0") ;;
*) fail "$(tail -c 4096 "$said")" ;;
esac
