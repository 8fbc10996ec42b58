# tap.sh: what the scripts of this package share. Each of them is sent with this text before its own.
# shellcheck disable=SC2317 # not every script calls every function
PATH=$PATH:/sbin:/usr/sbin
export PATH

# taps INSTANCE: prints the tap devices that were made for an instance.
taps() {
	for file in /sys/class/net/*/ifalias; do
		read -r alias 2>/dev/null <"$file" || continue
		case $alias in "ganeti:$1:"*) ;; *) continue ;; esac
		file=${file%/ifalias}
		echo "${file##*/}"
	done
}

# used TAP: succeeds if a process has it open. The carrier of one that is down cannot be read; then it is looked for among the open
# files, where devices of other namespaces can have the same name.
used() {
	if carrier=$(cat "/sys/class/net/$1/carrier" 2>/dev/null); then
		[ "$carrier" = 1 ]
		return
	fi
	open=$(grep -rlsx "iff:	$1" /proc/[0-9]*/fdinfo)
	for file in $open; do
		[ "$(readlink "${file%/fdinfo/*}/ns/net")" != "$(readlink /proc/self/ns/net)" ] || return 0
	done
	return 1
}

# drop TAP: removes it, and what was set up for it.
drop() {
	if [ "$(readlink "/sys/class/net/$1/master")" = ../ovs-system ] || [ -e "/sys/class/net/$1/upper_ovs-system" ]; then
		ovs-vsctl --if-exists del-port "$1"
	fi
	while ip rule del dev "$1" 2>/dev/null; do :; done
	ip link delete dev "$1" || [ ! -e "/sys/class/net/$1" ]
}
