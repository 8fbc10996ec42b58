# drain DIRECTORY: undoes fill.
set -eu
dir=$1
rm -f "$dir/.rest"
kept=$(mktemp -d)
cp -a "$dir/." "$kept/"
umount "$dir"
find "$dir" -mindepth 1 -delete
cp -a "$kept/." "$dir/"
rm -rf "$kept"
