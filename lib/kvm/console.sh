# console.sh NAME MONITOR OPTIONS SERIAL: joins the terminal to a serial line, and wakes the guest if it is paused.
hmp() {
	printf '%s\n' "$1" | socat STDIO "UNIX-CONNECT:$monitor" 2>/dev/null
}
name=$1
monitor=$2
(
	case $(hmp 'info status') in
	*'VM status: paused'*)
		sleep 3
		printf 'Instance %s is paused, unpausing\r\n' "$name"
		hmp c >/dev/null
		;;
	esac
) &
exec socat "$3" "$4"
