# state.sh [NAME…]: all guests this node knows of. qemu itself is asked about the named ones.
cd "$root" 2>/dev/null || exit 0
echo '=== pids'
set_of_pids=
for file in pid/*; do
	pid=
	[ -r "$file" ] || continue
	read -r pid <"$file" || [ -n "$pid" ] || continue
	case $pid in '' | *[!0-9]*) continue ;; esac
	printf '%s %s\n' "$pid" "${file#pid/}"
	set_of_pids="$set_of_pids /proc/$pid/cmdline"
done
echo '=== down'
for file in ctrl/*.shutdown; do
	[ -e "$file" ] || continue
	name=${file#ctrl/}
	printf '%s\n' "${name%.shutdown}"
done
echo '=== runtimes'
for file in conf/*.runtime; do
	[ -e "$file" ] || continue
	name=${file#conf/}
	printf '%s\n' "${name%.runtime}"
done
echo '=== answers'
for name; do
	[ -S "ctrl/$name.qmp" ] || continue
	(
		answers=$(qmp "$name" 2>/dev/null <<-'END' | grep '^{"return"' | tr '\n' '\t'
			{"execute":"qmp_capabilities"}
			{"execute":"query-status"}
			{"execute":"query-balloon"}
		END
		)
		printf '%s\t%s\n' "$name" "$answers"
	) &
done
wait
echo '=== commands'
# shellcheck disable=SC2086 # a list of paths of our own making
[ -z "$set_of_pids" ] || grep -azsH '' $set_of_pids
exit 0
