# logged.sh: what send.sh and receive.sh share. Each of them is sent with this text before its own.

# begin LOG DIR: makes a log, and goes to the directory of the OS definition.
begin() {
	logs=/var/log/ganeti/os
	[ -d $logs ] || (umask 022 && mkdir -p /var/log/ganeti && mkdir -m 0750 $logs) || exit
	log=$logs/$1-$(date +%Y-%m-%d_%H_%M_%S).log
	cd "$2" || exit
	(umask 077 && : >>"$log") || exit
	before=$(stat -c %s "$log") # of a run in the same second
	exec 5>&2
}

# pack PROGRAM: passes all on through a program, unless that is empty.
pack() {
	# shellcheck disable=SC2086 # a program and its options
	if [ -n "$1" ]; then $1 -c; else cat; fi
}

# count passes all on and tells on our stderr how much that was, once a second.
count() {
	LC_ALL=C dd bs=1M iflag=fullblock status=progress 2>&5
}

# end STATUS-OF-ALL-PARTS. Says on exit: 10 it failed (on stdout the status of each part, an empty line and the end of the log).
end() {
	case $(echo "$1" | sort | tr '\n' ' ') in
	"copy 0 count 0 pack 0 script 0 ") exit 0 ;;
	esac
	printf '%s\n\n' "$1"
	tail -c +$((before + 1)) "$log" | tail -c 4096
	exit 10
}
