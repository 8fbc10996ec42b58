# Writes ssconf files that come on standard input, each at once: "=NAME", then its lines, each with a blank before it; a "."
# ends them. One awk takes them apart, since a process for each would cost more than all the rest.
# $1: data directory  $2: "candidate", or "plain": a plain node keeps no configuration  $3: epoch  $4: serial
# $5: "EPOCH SERIAL" of the files this node has, if those that are as they were are left out; "" if all come
# Exit status 66: this node has been given a newer version; 69: it has not got the files of $5.
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
[ -z "$5" ] || [ "$5" = "$had_epoch $had_serial" ] || exit 69
if [ -e config.toml ]; then
	{ read -r _; read -r _; read -r had_epoch; read -r had_serial; } <config.toml
	had_epoch=${had_epoch#epoch = } had_serial=${had_serial#serial = }
	case $had_epoch$had_serial in
	'' | *[!0-9]*) ;; # damaged: redist-conf on the master replaces it
	*) newer "$had_epoch" "$had_serial" && exit 66 ;;
	esac
fi
# The directory stays, empty: making and removing it each time would be two processes more.
[ -d .ssconf.new ] || mkdir .ssconf.new || exit 1
for old in .ssconf.new/*; do
	[ ! -e "$old" ] || rm -f "$old"
done
umask 222
if ! awk '
	/^=/ { if (file) close(file); file = ".ssconf.new/" substr($0, 2); printf "" >file; next }
	/^ / { print substr($0, 2) >file; next }
	/^\.$/ { whole = 1 }
	END { if (file && close(file)) exit 1; exit !whole }'; then
	rm -f .ssconf.new/*
	exit 1
fi
umask 022
# Before the files: were this cut off in between, nobody must take what is here for what the version before had.
echo "$epoch $serial" >.ssconf.version || exit 1
mv -f .ssconf.new/ssconf_* . || exit 1
[ "$2" = candidate ] || rm -f config.toml config.toml.pending .config.toml.new .config.toml.staged.*
