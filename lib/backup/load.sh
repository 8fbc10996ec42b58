# load.sh FILE PACK: writes a file to stdout, through the program PACK if it is not empty.
# shellcheck disable=SC2086 # a program and its options
if [ -n "$2" ]; then
	exec $2 -c <"$1"
fi
exec cat -- "$1"
