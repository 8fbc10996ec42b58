# Puts a staged version of the configuration in the place of this node's, unless the node's is newer or another one.
# $1: data directory  $2: staged file  $3: its epoch  $4: its serial  $5: its digest  $6: "repair": replace a damaged file too
# Exit status: 0 it is in place (or was already), 65 this node's file is damaged, 66 it is newer, 67 it is another of the same
# epoch and serial. With 66 and 67 this node's first lines and last line are printed.
cd "$1" || exit 1
exec 9>>.config.toml.lock
flock -w 10 9 || exit 1
show() { { head -n 6; tail -n 1; } <config.toml; }
refuse() {
	rm -f "$2"
	show
	exit "$1"
}
if [ -e config.toml ]; then
	epoch=$(sed -n '3s/^epoch = \([0-9]\{1,18\}\)$/\1/p;3q' config.toml)
	serial=$(sed -n '4s/^serial = \([0-9]\{1,18\}\)$/\1/p;4q' config.toml)
	digest=$(tail -n 1 config.toml | sed -n "s/^digest = '\([0-9a-f]\{64\}\)'\$/\1/p")
	if [ -z "$epoch" ] || [ -z "$serial" ] || [ -z "$digest" ]; then
		[ "$6" = repair ] || refuse 65 "$2"
	elif [ "$epoch" -gt "$3" ] || { [ "$epoch" -eq "$3" ] && [ "$serial" -gt "$4" ]; }; then
		refuse 66 "$2"
	elif [ "$epoch" -eq "$3" ] && [ "$serial" -eq "$4" ]; then
		[ "$digest" = "$5" ] || refuse 67 "$2"
		rm -f "$2"
		exit 0
	fi
fi
mv -fT "$2" config.toml && sync .
