# ifup.sh STEPS TAP VHOST AFRESH [OPTION…]: makes the tap device of a network interface and brings it up. STEPS is make, up (of
# TAP) or both; with AFRESH all that an earlier guest has left goes first; OPTIONs are those of ip tuntap. What the interface is, is
# in the environment, as Ganeti's kvm-ifup has it.
# Prints the device's name. Says on exit: 10 it could not be brought up (name and status on stdout, the reason on stderr),
# 11 there is no vhost-net, 12 the device could not be made.
steps=$1
tap=$2
vhost=$3
afresh=$4
shift 4

# clear: removes the tap devices of a guest that has died. One that is in use is none of those.
clear() {
	for old in $(taps "$INSTANCE"); do
		used "$old" || drop "$old" >&2
	done
}

make() {
	[ -z "$vhost" ] || [ -c /dev/vhost-net ] || exit 11
	[ -z "$afresh" ] || clear
	(umask 022 && mkdir -p /var/run/ganeti)
	exec 9>/var/run/ganeti/tap.lock
	flock 9 || exit 12
	case $INTERFACE_NAME in
	ganeti:communication:*) kind=gnt.com. ;;
	*) kind=tap ;;
	esac
	n=0
	while [ -e "/sys/class/net/$kind$n" ]; do
		n=$((n + 1))
	done
	# Open vSwitch keeps its ports across a power loss, and would take a new device of the same name.
	! command -v ovs-vsctl >/dev/null || ovs-vsctl --timeout=5 --if-exists del-port "$kind$n" >/dev/null 2>&1
	ip tuntap add dev "$kind$n" mode tap "$@" || exit 12
	exec 9>&-
	tap=$kind$n
	ip link set dev "$tap" alias "ganeti:$INSTANCE:$INTERFACE_INDEX" && return
	ip link delete dev "$tap"
	exit 12
}

refuse() {
	echo "$@"
	exit 1
}

# ids: the VLANs of $VLAN. "5" or ".5" is one untagged, ":6:7" are tagged ones, "5:6" and ".5:6" have both.
# Sets untagged and tagged.
ids() {
	untagged=
	tagged=
	rest=${VLAN#.}
	case $rest in
	:*) rest=${rest#:} ;;
	*)
		untagged=${rest%%:*}
		case $rest in *:*) rest=${rest#*:} ;; *) rest= ;; esac
		;;
	esac
	tagged=$(printf %s "$rest" | tr : ' ')
	for id in $untagged $tagged; do
		case $id in *[!0-9]*) refuse "Invalid VLAN '$VLAN'" ;; esac
	done
}

# unused ID PORT: refuses an id that this port of the bridge already has as an interface of its own.
unused() {
	! ip -o -d link show type vlan |
		LOWER=$2 ID=$1 awk '$2 ~ "@" ENVIRON["LOWER"] ":$" { for (i = 1; i < NF; i++) if ($i == "id" && $(i + 1) == ENVIRON["ID"]) found = 1 } END { exit !found }' ||
		[ -n "$(ip -o link show dev "$2" type veth)" ] ||
		refuse "VLAN ID is in use by lower interface $2"
}

bridge_vlans() {
	[ "$(cat "/sys/class/net/$LINK/bridge/vlan_filtering")" = 1 ] ||
		refuse "Instance $INSTANCE NIC $INTERFACE_INDEX configured for VLAN support, but bridge $LINK has VLAN filtering disabled"
	ids
	[ -z "$untagged" ] || bridge vlan add dev "$tap" vid "$untagged" pvid untagged master
	for id in $tagged; do
		bridge vlan add dev "$tap" vid "$id" master
	done
	# The bridge gave the new port its own default VLAN, which is nobody's business here.
	default=$(cat "/sys/class/net/$LINK/bridge/default_pvid")
	case " $untagged $tagged " in
	*" $default "*) ;;
	*) [ "$default" = 0 ] || bridge vlan del dev "$tap" vid "$default" ;;
	esac
	for port in "/sys/class/net/$LINK/brif"/*; do
		port=${port##*/}
		[ ! -e "/sys/class/net/$port/tun_flags" ] || continue
		for id in $untagged $tagged; do
			unused "$id" "$port"
			bridge vlan add dev "$port" vid "$id" master
		done
	done
}

bridged() {
	[ -d "/sys/class/net/$LINK/bridge" ] || refuse "Bridge $LINK does not exist"
	# With so high an address the bridge never takes it as its own.
	mac=$(cat "/sys/class/net/$tap/address")
	ip link set dev "$tap" address "fe:${mac#*:}" || true
	ip link set dev "$tap" up
	ip link set dev "$tap" mtu "$(cat "/sys/class/net/$LINK/mtu")"
	ip link set dev "$tap" master "$LINK"
	[ -z "$VLAN" ] || bridge_vlans
}

openvswitch() {
	ids
	ip link set dev "$tap" up
	trunks=$(echo "$tagged" | tr ' ' ,)
	set -- -- add-port "$LINK" "$tap"
	[ -z "$untagged" ] || set -- "$@" "tag=$untagged"
	[ -z "$trunks" ] || set -- "$@" "trunks=$trunks"
	[ -z "$untagged" ] || [ -z "$trunks" ] || set -- "$@" vlan_mode=native-untagged
	ovs-vsctl --if-exists del-port "$tap" "$@"
}

routed() {
	[ -n "$IP" ] || refuse 'Routed NIC but no IP address specified'
	ip link set dev "$tap" up
	if [ -n "$LINK" ]; then
		while ip rule del dev "$tap" 2>/dev/null; do :; done
		ip rule add dev "$tap" table "$LINK"
		ip route replace "$IP" table "$LINK" proto static dev "$tap"
	else
		ip route replace "$IP" proto static dev "$tap"
	fi
	for key in ipv4/conf/$tap/proxy_arp ipv4/conf/$tap/forwarding ipv6/conf/$tap/proxy_ndp ipv6/conf/$tap/forwarding; do
		[ ! -e "/proc/sys/net/$key" ] || echo 1 >"/proc/sys/net/$key"
	done
}

# up: the script of the user's, if there is one, does everything.
up() {
	if [ -x /etc/ganeti/kvm-vif-bridge ]; then
		exec /etc/ganeti/kvm-vif-bridge "$tap"
	fi
	case $MODE in
	bridged | openvswitch | routed) "$MODE" ;;
	*) refuse 'MODE not specified' ;;
	esac
}

[ "$steps" = up ] || make "$@"
if [ "$steps" != make ]; then
	INTERFACE=$tap
	export INTERFACE
	(
		set -e
		up
	) </dev/null >&2
	status=$?
	if [ $status -ne 0 ]; then
		[ "$steps" = up ] || ip link delete dev "$tap"
		echo "$tap $status"
		exit 10
	fi
fi
echo "$tap"
