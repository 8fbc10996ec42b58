# Runs the allocator $1 with what comes on standard input as its file. Exit status 10: there is no such program; 11: it
# failed, and how it ended stands in the first line, what it said behind it.
file=$(mktemp) || exit
trap 'rm -f "$file"' EXIT
cat >"$file"
found=
for dir in /usr/local/lib/ganeti/iallocators /usr/lib/ganeti/iallocators; do
	case $1 in */* | .*) break ;; esac
	if [ -f "$dir/$1" ] && [ -x "$dir/$1" ]; then
		found=$dir/$1
		break
	fi
done
# Gantry's own is an ordinary program as well
if [ -z "$found" ] && [ "$1" = hail ]; then
	found=$(command -v hail)
fi
[ -n "$found" ] || exit 10
answer=$("$found" "$file")
status=$?
if [ "$status" -ne 0 ]; then
	printf '%s\n%s\n' "$status" "$answer"
	exit 11
fi
printf '%s\n' "$answer"
