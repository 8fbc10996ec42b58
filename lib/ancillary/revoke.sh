# revoke.sh: takes the keys on standard input out of authorized_keys of root, the file whole or not at all.
set -eu
dir=/root/.ssh file=/root/.ssh/authorized_keys
[ -e "$file" ] || exit 0
exec 9<"$dir" && flock 9
new=$(mktemp "$dir/.authorized_keys.XXXXXX")
trap 'rm -f "$new" "$new.old"' EXIT
grep -v '^$' >"$new.old" || exit 0
grep -vxF -f "$new.old" "$file" >"$new" || [ $? = 1 ]
chmod 0600 "$new"
if ! cmp -s "$new" "$file"; then
	sync "$new"
	mv "$new" "$file"
	sync "$dir"
fi
