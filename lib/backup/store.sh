# store.sh FILE UNPACK HOW: writes stdin to a file, through the program UNPACK if it is not empty. HOW says whether the file has to be
# new (excl), or to be there (nocreat,notrunc). The data is on the disk when it exits with 0.
umask 077
# shellcheck disable=SC2086 # a program and its options
if [ -z "$2" ]; then
	exec dd of="$1" bs=1M iflag=fullblock conv="$3",fsync status=none
fi
status=$({
	{
		$2 -c
		echo "unpack $?" >&3
	} | {
		dd of="$1" bs=1M iflag=fullblock conv="$3",fsync status=none
		echo "write $?" >&3
	}
} 3>&1)
case $status in
*[1-9]*)
	echo "$status" >&2
	exit 1
	;;
esac
