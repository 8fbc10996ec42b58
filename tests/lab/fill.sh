# fill DIRECTORY: mounts a full file system with the directory's content over it.
set -eu
dir=$1
new=$(mktemp -d)
mount -t tmpfs -o mode="$(stat -c 0%a "$dir")" tmpfs "$new"
cp -a "$dir/." "$new/"
used=$(($(df --output=used -k "$new" | tail -n 1)))
# A tmpfs of 0 kB would be one without a limit.
[ "$used" -gt 0 ] || used=4
mount -o remount,size="${used}k" "$new"
mount --move "$new" "$dir"
rmdir "$new"
dd if=/dev/zero of="$dir/.rest" bs=4k 2>/dev/null || true
