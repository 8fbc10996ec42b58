# receive.sh LOG DIR UNPACK COMMAND...: lets the import script of the OS definition in DIR read what COMMAND writes, through the
# program UNPACK if it is not empty, with nothing but the variables that the commands on stdin set. All else that they say goes
# to a log. Ends as end says.
begin "$1" "$2"
script=$2/import unpack=$3
shift 3

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
		pack "$unpack"
		echo "pack $?" >&3
	} | {
		env -i PATH="$PATH" sh -c 'eval "$(cat <&4)"; unset PWD OLDPWD SHLVL; exec "$1" 3>&- 4<&- 5>&-' sh "$script" >&2
		done=$?
		[ $done -ne 0 ] || cat >/dev/null
		echo "script $done" >&3
	}
} 3>&1 2>>"$log")
end "$status"
