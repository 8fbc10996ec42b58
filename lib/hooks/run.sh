# Runs the scripts of one hooks directory. $1 is the directory; the other arguments are the environment of the scripts,
# NAME=VALUE each, and all of it. For each script, in the order of their names' bytes, a line comes out
#   run STATUS BYTES-OF-STDOUT BYTES-OF-STDERR NAME
# followed by the output. A script is an executable file with a plain name; everything else is left alone.
dir=$1
shift
[ -d "$dir" ] || exit 0
tmp=$(mktemp -d) || exit 3
trap 'rm -rf "$tmp"' EXIT
cd / || exit 3
LC_ALL=C
export LC_ALL
for script in "$dir"/*; do
	name=${script##*/}
	case $name in
	*[!a-zA-Z0-9_-]*) continue ;;
	esac
	if [ ! -f "$script" ] || [ ! -x "$script" ]; then
		continue
	fi
	(exec env -i "$@" "$script" >"$tmp/out" 2>"$tmp/err" </dev/null) # in parentheses: a "Killed" is the shell's own word
	status=$?
	printf 'run %d %d %d %s\n' "$status" "$(wc -c <"$tmp/out")" "$(wc -c <"$tmp/err")" "$name"
	cat "$tmp/out" "$tmp/err"
done
exit 0
