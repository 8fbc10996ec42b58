# send.sh LOG DIR PACK COMMAND...: lets the export script of the OS definition in DIR write, with nothing but the variables that
# the commands on stdin set, to COMMAND, through the program PACK if it is not empty. All else that they say goes to a log.
# Says on exit: 10 it failed (on stdout the status of each part, an empty line and the end of the log).
logs=/var/log/ganeti/os
[ -d $logs ] || (umask 022 && mkdir -p /var/log/ganeti && mkdir -m 0750 $logs) || exit
log=$logs/$1-$(date +%Y-%m-%d_%H_%M_%S).log
cd "$2" || exit
(umask 077 && : >>"$log") || exit
before=$(stat -c %s "$log") # of a run in the same second
script=$2/export pack=$3
shift 3

pack() {
	# shellcheck disable=SC2086 # a program and its options
	if [ -n "$pack" ]; then $pack -c; else cat; fi
}

# count passes all on and tells on our stderr how much that was, once a second.
count() {
	LC_ALL=C dd bs=1M iflag=fullblock status=progress 2>&5
}
exec 5>&2

# The script may say on EXP_SIZE_FD how much it will write; that goes where the count goes.
# The variables get to the script through the memory of a shell: on a command line everybody could read them.
# shellcheck disable=SC2016 # expanded by that shell
status=$({
	{
		env -i PATH="$PATH" EXP_SIZE_FD=6 sh -c 'eval "$(cat)"; unset PWD OLDPWD SHLVL; exec "$1" </dev/null 3>&- 6>&5 5>&-' sh "$script"
		echo "script $?" >&3
	} | {
		pack
		echo "pack $?" >&3
	} | {
		count
		echo "count $?" >&3
	} | {
		"$@" >&2 3>&- 5>&-
		echo "copy $?" >&3
	}
} 3>&1 2>>"$log")
case $(echo "$status" | sort | tr '\n' ' ') in
"copy 0 count 0 pack 0 script 0 ") exit 0 ;;
esac
printf '%s\n\n' "$status"
tail -c +$((before + 1)) "$log" | tail -c 4096
exit 10
