# Ends durable work: $1 directory, $2 id. 0: none of it runs, or there was none.
base=$1/$2 unit=gantry-work-$2.scope
ended() { flock -w "$1" "$base.lock" true; }
end() {
	if [ -d /run/systemd/system ]; then
		systemctl kill --signal="$1" "$unit" 2>/dev/null
	fi
	pkill "-$1" -s "$session"
}
# What has been killed still takes a moment to go; what only waits to be reaped has gone.
gone() {
	tries=$(($1 * 10))
	# shellcheck disable=SC2009 # pgrep counts those too
	while ps -o stat= -s "$session" | grep -qv '^Z'; do
		tries=$((tries - 1))
		[ "$tries" -ge 0 ] || return 1
		sleep 0.1
	done
}
[ -e "$base.lock" ] || exit 0
ended 0 && exit 0
for _ in 1 2 3 4 5; do # it may have begun just now
	[ -s "$base.pid" ] && break
	sleep 0.2
done
session=$(cat "$base.pid") || exit 1
end TERM
ended 5 && gone 1 && exit 0
end KILL
ended 5 && gone 5
