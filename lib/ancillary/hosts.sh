# Keeps one node's line in /etc/hosts. Arguments: address ("" removes the line), full name, short name.
set -eu
ip=$1 name=$2 short=$3
new=$(mktemp /etc/.hosts.XXXXXX)
trap 'rm -f "$new"' EXIT
awk -v name="$name" '{ for (i = 2; i <= NF && $i !~ /^#/; i++) if ($i == name) next; print }' /etc/hosts >"$new"
[ -z "$ip" ] || printf '%s\t%s %s\n' "$ip" "$name" "$short" >>"$new"
chmod 0644 "$new"
if ! cmp -s "$new" /etc/hosts; then
	sync "$new"
	mv "$new" /etc/hosts
fi
