# probe.sh: the providers of external storage that a node has: of each a line with its path, then the modes of its files
# (hexadecimal, links followed) and the lines of its list of parameters.
newline='
'
for base in /srv/ganeti/extstorage /usr/local/lib/ganeti/extstorage /usr/lib/ganeti/extstorage /usr/share/ganeti/extstorage; do
	for entry in "$base"/*; do
		[ -d "$entry" ] || continue
		case $entry in *"$newline"*) continue ;; esac
		printf 'dir %s\n' "$entry"
		for file in create remove grow attach detach setinfo verify snapshot open close parameters.list; do
			stat -L -c "mode %f $file" -- "$entry/$file" 2>/dev/null
		done
		[ -f "$entry/parameters.list" ] || continue
		while IFS= read -r line || [ -n "$line" ]; do
			printf 'line %s\n' "$line"
		done <"$entry/parameters.list"
	done
done
exit 0
