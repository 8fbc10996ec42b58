# ifdown.sh INSTANCE [TAP…]: removes the tap devices that were made for an instance, or only the named ones of them.
# Says on exit: 10 some are in use (their names on stdout).
instance=$1
shift
PATH=$PATH:/sbin:/usr/sbin
status=0

wanted() {
	[ "$#" -gt 1 ] || return 0
	tap=$1
	shift
	for name; do
		[ "$name" != "$tap" ] || return 0
	done
	return 1
}

for file in /sys/class/net/*/ifalias; do
	tap=${file%/ifalias}
	tap=${tap##*/}
	read -r alias 2>/dev/null <"$file" || continue
	case $alias in "ganeti:$instance:"*) ;; *) continue ;; esac
	wanted "$tap" "$@" || continue
	if [ "$(cat "/sys/class/net/$tap/carrier" 2>/dev/null)" = 1 ]; then # a process has it open
		echo "$tap"
		status=10
		continue
	fi
	if [ "$(readlink "/sys/class/net/$tap/master")" = ../ovs-system ] || [ -e "/sys/class/net/$tap/upper_ovs-system" ]; then
		ovs-vsctl --if-exists del-port "$tap"
	fi
	while ip rule del dev "$tap" 2>/dev/null; do :; done
	ip link delete dev "$tap" || [ ! -e "/sys/class/net/$tap" ] || exit
done
exit $status
