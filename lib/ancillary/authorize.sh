# authorize.sh: adds the keys on standard input to authorized_keys of root, each once, the file whole or not at all.
set -eu
dir=/root/.ssh file=/root/.ssh/authorized_keys
install -d -m 0700 "$dir"
exec 9<"$dir" && flock 9
new=$(mktemp "$dir/.authorized_keys.XXXXXX")
trap 'rm -f "$new"' EXIT
[ ! -e "$file" ] || cat "$file" >"$new"
[ -z "$(tail -c 1 "$new")" ] || echo >>"$new"
while IFS= read -r key; do
	[ -z "$key" ] || grep -qxF -e "$key" "$new" || printf '%s\n' "$key" >>"$new"
done
chmod 0600 "$new"
if ! cmp -s "$new" "$file"; then
	sync "$new"
	mv "$new" "$file"
	sync "$dir"
fi
