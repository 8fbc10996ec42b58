# Ends durable work: $1 directory, $2 id. 0: it has ended, or there was none.
base=$1/$2
ended() { flock -w "$1" "$base.lock" true; }
end() {
	if [ -d /run/systemd/system ]; then
		systemctl kill --signal="$1" "gantry-work-$id.scope" 2>/dev/null
	fi
	pkill "-$1" -s "$(cat "$base.pid")"
}
id=$2
[ -e "$base.lock" ] || exit 0
ended 0 && exit 0
end TERM
ended 5 && exit 0
end KILL
ended 5
