# Says how durable work stands and what it has printed since. $1 directory, $2 id, $3 and $4 how much of stdout and stderr
# is known, $5 seconds to wait for its end, $6 how much to send of each.
base=$1/$2
if [ ! -e "$base.lock" ]; then
	echo "absent 0 0 0"
	exit
fi
[ -e "$base.status" ] || flock -w "$5" "$base.lock" true
# The state is read before the sizes: when it has ended the output is complete.
if [ -e "$base.status" ]; then
	state="ended $(cat "$base.status")"
elif flock -n "$base.lock" true; then
	# Without a holder there will be no status any more, but it may have come between the two questions.
	state="lost 0"
	[ -e "$base.status" ] && state="ended $(cat "$base.status")"
else
	state="running 0"
fi
new() {
	size=$(wc -c <"$1")
	size=$((size - $2))
	[ "$size" -gt "$3" ] && size=$3
	[ "$size" -lt 0 ] && size=0
	echo "$size"
}
out=$(new "$base.out" "$3" "$6")
err=$(new "$base.err" "$4" "$6")
echo "$state $out $err"
tail -c "+$(($3 + 1))" "$base.out" | head -c "$out"
tail -c "+$(($4 + 1))" "$base.err" | head -c "$err"
