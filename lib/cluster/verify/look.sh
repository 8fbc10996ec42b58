# look.sh [KIND PATH]...: which paths are not what they should be (f a file, d a directory, b a block device, x a program), by
# their numbers: "absent", "kind" if something else is there, "mode" if it is a file that cannot be run.
n=0
while [ $# -gt 1 ]; do
	is=$1
	[ "$1" != x ] || is=f
	if [ ! -e "$2" ]; then
		echo "$n absent"
	elif ! test "-$is" "$2"; then
		echo "$n kind"
	elif [ "$1" = x ] && [ ! -x "$2" ]; then
		echo "$n mode"
	fi
	n=$((n + 1))
	shift 2
done
exit 0
