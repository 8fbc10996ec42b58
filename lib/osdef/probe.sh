# probe.sh NAME DIR…: the OS definitions in these directories, or the first one of that name. For each a line with its
# path, then the modes of its files (hexadecimal, links followed) and the lines of its lists.
name=$1
shift

list() {
	if [ ! -d "$1" ]; then
		printf 'other %s\n' "$1"
		return
	fi
	printf 'dir %s\n' "$1"
	set -- "$1" ganeti_api_version create create_untrusted export import rename verify variants.list parameters.list
	dir=$1
	shift
	for file; do
		set -- "$@" "$dir/$file"
		shift
	done
	stat -L -c 'mode %f %n' -- "$@" 2>/dev/null
	for file in ganeti_api_version variants.list parameters.list; do
		[ -f "$dir/$file" ] || continue
		while IFS= read -r line || [ -n "$line" ]; do
			printf 'line %s %s\n' "$file" "$line"
		done <"$dir/$file"
	done
}

newline='
'
for base; do
	if [ -n "$name" ]; then
		[ -d "$base/$name" ] || continue
		list "$base/$name"
		break
	fi
	for entry in "$base"/*; do
		[ -e "$entry" ] || [ -L "$entry" ] || continue
		case $entry in *"$newline"*) continue ;; esac
		list "$entry"
	done
done
exit 0
