# masterip.sh ACTION ADDRESS NETMASK INTERFACE [OLD-NETMASK]: brings the cluster's address up (start) or down (stop), or changes
# its netmask. Status 3: there is no address whose netmask could be changed.
set -eu
own() { ip -o addr show to "$1" | grep -q .; }
case $1 in
start)
	if ! ip -o addr show dev "$4" to "$2" 2>/dev/null | grep -q .; then
		ip address add "$2/$3" dev "$4" label "$4:0" || { echo "Error during the activation of the master IP address" >&2; exit 1; }
	fi
	# neighbours are told three times, which takes seconds nobody has to wait for
	if command -v arping >/dev/null 2>&1; then arping -q -U -c 3 -I "$4" -s "$2" "$2" </dev/null >/dev/null 2>&1 & fi
	;;
stop) ! ip -o addr show dev "$4" to "$2" 2>/dev/null | grep -q . || ip address del "$2/$3" dev "$4" ;;
netmask)
	own "$2" || exit 3
	[ "$3" != "$5" ] || exit 0
	ip address add "$2/$3" dev "$4" label "$4:0"
	ip address del "$2/$5" dev "$4"
	;;
esac
