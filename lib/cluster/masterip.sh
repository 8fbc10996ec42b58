# Brings the cluster's address up or down. Arguments: start or stop, address, netmask, interface.
set -eu
case $1 in
start)
	ip -o addr show dev "$4" to "$2" | grep -q . || ip address add "$2/$3" dev "$4" label "$4:0"
	if command -v arping >/dev/null 2>&1; then arping -q -U -c 3 -I "$4" -s "$2" "$2" || :; fi
	;;
stop) ! ip -o addr show dev "$4" to "$2" | grep -q . || ip address del "$2/$3" dev "$4" ;;
esac
