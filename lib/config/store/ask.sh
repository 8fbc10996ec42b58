# Prints what this node has of the configuration: the fixed first lines of the file and its last one, or "absent".
# $1: data directory
# Both ends are read through one open file: it may be replaced meanwhile.
[ -e "$1/config.toml" ] || { echo absent; exit 0; }
{ head -n 6; tail -n 1; } <"$1/config.toml"
