# withdraw.sh MARK KEYFILE: takes the key with this comment out of root's authorized_keys, and removes the file of its other half.
set -eu
dir=/root/.ssh file=/root/.ssh/authorized_keys
rm -f -- "$2"
[ -e "$file" ] || exit 0
exec 9<"$dir"
flock 9
new=$(mktemp "$dir/.authorized_keys.XXXXXX")
trap 'rm -f "$new"' EXIT
awk -v mark="$1" '$NF != mark' "$file" >"$new"
chmod 0600 "$new"
if ! cmp -s "$new" "$file"; then
	sync "$new"
	mv "$new" "$file"
	sync "$dir"
fi
