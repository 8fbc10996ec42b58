# Puts a staged version of the configuration in the place of this node's, unless the node's is newer or another one.
# $1: data directory  $2: staged file  $3: its epoch  $4: its serial  $5: its digest  $6: "repair": replace a damaged file too
# Exit status: 0 it is in place (or was already), 65 this node's file is damaged, 66 it is newer, 67 it is another of the same
# epoch and serial. With these three the node's first lines and last line are printed.
cd "$1" || exit 1
exec 9>>.config.toml.lock
flock -w 10 9 || exit 1
number() { # variable "name = " line: sets the variable to the number in the line, or to nothing
	set -- "$1" "${3#"$2"}"
	case $2 in '' | *[!0-9]* | ???????????????????*) set -- "$1" '' ;; esac
	eval "$1=\$2"
}
refuse() { # status
	{ head -n 6; tail -n 1; } <config.toml
	exit "$1"
}
if [ -e config.toml ]; then
	{ read -r _; read -r _; read -r epoch; read -r serial; } <config.toml
	number epoch 'epoch = ' "$epoch"
	number serial 'serial = ' "$serial"
	last=$(tail -n 1 config.toml)
	digest=${last#"digest = '"}
	digest=${digest%"'"}
	if [ -z "$epoch" ] || [ -z "$serial" ] || [ "$last" != "digest = '$digest'" ] || [ "${#digest}" -ne 64 ]; then
		[ "$6" = repair ] || refuse 65
	elif [ "$epoch" -gt "$3" ] || { [ "$epoch" -eq "$3" ] && [ "$serial" -gt "$4" ]; }; then
		refuse 66
	elif [ "$epoch" -eq "$3" ] && [ "$serial" -eq "$4" ]; then
		[ "$digest" = "$5" ] || refuse 67
		rm -f "$2"
		exit 0
	fi
fi
mv -fT "$2" config.toml && sync .
