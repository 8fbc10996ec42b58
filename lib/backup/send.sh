# send.sh LOG DIR PACK COMMAND...: lets the export script of the OS definition in DIR write, with nothing but the variables that
# the commands on stdin set, to COMMAND, through the program PACK if it is not empty. All else that they say goes to a log. Ends as end says.
begin "$1" "$2"
script=$2/export pack=$3
shift 3

# The script may say on EXP_SIZE_FD how much it will write; that goes where the count goes.
# The variables get to the script through the memory of a shell: on a command line everybody could read them.
# shellcheck disable=SC2016 # expanded by that shell
status=$({
	{
		env -i PATH="$PATH" EXP_SIZE_FD=6 sh -c 'eval "$(cat)"; unset PWD OLDPWD SHLVL; exec "$1" </dev/null 3>&- 6>&5 5>&-' sh "$script"
		echo "script $?" >&3
	} | {
		pack "$pack"
		echo "pack $?" >&3
	} | {
		count
		echo "count $?" >&3
	} | {
		"$@" >&2 3>&- 5>&-
		echo "copy $?" >&3
	}
} 3>&1 2>>"$log")
end "$status"
