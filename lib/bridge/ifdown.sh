# ifdown.sh INSTANCE [TAP…]: removes the tap devices that were made for an instance, or only the named ones of them.
# Says on exit: 10 some are in use (their names on stdout).
instance=$1
shift
status=0

wanted() {
	[ "$#" -gt 1 ] || return 0
	tap=$1
	shift
	for name; do
		[ "$name" != "$tap" ] || return 0
	done
	return 1
}

for tap in $(taps "$instance"); do
	wanted "$tap" "$@" || continue
	if used "$tap"; then
		echo "$tap"
		status=10
		continue
	fi
	drop "$tap" || exit
done
exit $status
