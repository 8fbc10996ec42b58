# Writes the ssconf files that come on standard input, each at once: "=NAME", then its lines, each with a blank before it; a "."
# ends them. One awk takes them apart, since a process for each would cost more than all the rest.
# $1: data directory  $2: "candidate", or "plain": a plain node keeps no configuration  $3: epoch  $4: serial
# Exit status 66: this node has been given a newer version.
umask 077
cd "$1" || exit 1
exec 9>>.ssconf.lock
flock -w 10 9 || exit 1
umask 022
newer() { # epoch serial
	[ "$1" -gt "$epoch" ] || { [ "$1" -eq "$epoch" ] && [ "$2" -gt "$serial" ]; }
}
epoch=$3 serial=$4
if read -r had_epoch had_serial 2>/dev/null <.ssconf.version && newer "$had_epoch" "$had_serial"; then
	exit 66
fi
if [ -e config.toml ]; then
	{ read -r _; read -r _; read -r had_epoch; read -r had_serial; } <config.toml
	had_epoch=${had_epoch#epoch = } had_serial=${had_serial#serial = }
	case $had_epoch$had_serial in
	'' | *[!0-9]*) ;; # damaged: redist-conf on the master replaces it
	*) newer "$had_epoch" "$had_serial" && exit 66 ;;
	esac
fi
[ ! -e .ssconf.new ] || rm -rf .ssconf.new
mkdir .ssconf.new || exit 1
umask 222
if ! awk '
	/^=/ { if (file) close(file); file = ".ssconf.new/" substr($0, 2); printf "" >file; next }
	/^ / { print substr($0, 2) >file; next }
	/^\.$/ { whole = 1 }
	END { if (file && close(file)) exit 1; exit !whole }'; then
	rm -rf .ssconf.new
	exit 1
fi
umask 022
status=0
mv -f .ssconf.new/ssconf_* . || status=1
rm -rf .ssconf.new
[ "$2" = candidate ] || rm -f config.toml config.toml.pending .config.toml.staged.*
[ "$status" = 0 ] && echo "$epoch $serial" >.ssconf.version
exit "$status"
