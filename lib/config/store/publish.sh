# Writes the ssconf files that come as a tar archive on standard input, each at once and only where it differs.
# $1: data directory  $2: "candidate", or "plain": a plain node keeps no configuration  $3: epoch  $4: serial
# Exit status 66: this node has been given a newer version.
umask 022
cd "$1" || exit 1
exec 9>>.ssconf.lock
flock -w 10 9 || exit 1
newer() { # epoch serial
	[ "$1" -gt "$epoch" ] || { [ "$1" -eq "$epoch" ] && [ "$2" -gt "$serial" ]; }
}
epoch=$3 serial=$4
if read -r had_epoch had_serial 2>/dev/null <.ssconf.version && newer "$had_epoch" "$had_serial"; then
	exit 66
fi
if [ -e config.toml ]; then
	had_epoch=$(sed -n '3s/^epoch = \([0-9]\{1,18\}\)$/\1/p;3q' config.toml)
	had_serial=$(sed -n '4s/^serial = \([0-9]\{1,18\}\)$/\1/p;4q' config.toml)
	newer "${had_epoch:-0}" "${had_serial:-0}" && exit 66
fi
rm -rf .ssconf.new
mkdir .ssconf.new || exit 1
if ! tar -x -f - -C .ssconf.new; then
	rm -rf .ssconf.new
	exit 1
fi
status=0
for file in .ssconf.new/ssconf_*; do
	cmp -s "$file" "${file##*/}" || mv -f "$file" . || status=1
done
rm -rf .ssconf.new
[ "$2" = candidate ] || rm -f config.toml config.toml.pending .config.toml.staged.*
[ "$status" = 0 ] && echo "$epoch $serial" >.ssconf.version
exit "$status"
