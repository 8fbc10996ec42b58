# receive.sh LOG DIR UNPACK COMMAND...: lets the import script of the OS definition in DIR read what COMMAND writes, through the
# program UNPACK if it is not empty, with nothing but the variables that the commands on stdin set. All else that they say goes
# to a log. Says on exit: 10 it failed (on stdout the status of each part, an empty line and the end of the log).
logs=/var/log/ganeti/os
[ -d $logs ] || (umask 022 && mkdir -p /var/log/ganeti && mkdir -m 0750 $logs) || exit
log=$logs/$1-$(date +%Y-%m-%d_%H_%M_%S).log
cd "$2" || exit
(umask 077 && : >>"$log") || exit
before=$(stat -c %s "$log") # of a run in the same second
script=$2/import unpack=$3
shift 3

unpack() {
	# shellcheck disable=SC2086 # a program and its options
	if [ -n "$unpack" ]; then $unpack -c; else cat; fi
}

# count passes all on and tells on our stderr how much that was, once a second.
count() {
	LC_ALL=C dd bs=1M iflag=fullblock status=progress 2>&5
}
exec 5>&2

# What the script leaves unread is read here: the other side would see the pipe break, as if it had been cut off.
# The variables get to the script through the memory of a shell: on a command line everybody could read them.
exec 4<&0
# shellcheck disable=SC2016 # expanded by that shell
status=$({
	{
		"$@" </dev/null 3>&- 4<&- 5>&-
		echo "copy $?" >&3
	} | {
		count
		echo "count $?" >&3
	} | {
		unpack
		echo "pack $?" >&3
	} | {
		env -i PATH="$PATH" sh -c 'eval "$(cat <&4)"; unset PWD OLDPWD SHLVL; exec "$1" 3>&- 4<&- 5>&-' sh "$script" >&2
		done=$?
		[ $done -ne 0 ] || cat >/dev/null
		echo "script $done" >&3
	}
} 3>&1 2>>"$log")
case $(echo "$status" | sort | tr '\n' ' ') in
"copy 0 count 0 pack 0 script 0 ") exit 0 ;;
esac
printf '%s\n\n' "$status"
tail -c +$((before + 1)) "$log" | tail -c 4096
exit 10
