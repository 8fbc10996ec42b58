# Removes the files of durable work that has ended: $1 directory, $2 id. The lock file goes last: it says that there is any.
base=$1/$2
[ -e "$base.lock" ] || exit 0
if ! flock -n "$base.lock" true; then
	echo "$2 is still running" >&2
	exit 1
fi
rm -f "$base.in" "$base.out" "$base.err" "$base.cmd" "$base.pid" "$base.began" "$base.status" "$base.status.new" "$base".new.*
rm -f "$base.lock"
