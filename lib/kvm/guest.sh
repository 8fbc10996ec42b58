# guest.sh: what the scripts of this package share. Each of them is sent with this text before its own.
# shellcheck disable=SC2317 # not every script calls every function
root=/var/run/ganeti/kvm-hypervisor

# alive NAME: sets pid and succeeds if the guest's qemu runs. A pid file alone proves nothing: numbers are reused, and
# qemu leaves the file behind when it runs as another user.
alive() {
	pid=
	[ -r "$root/pid/$1" ] || return 1
	read -r pid <"$root/pid/$1" || [ -n "$pid" ] || return 1
	case $pid in '' | *[!0-9]*) return 1 ;; esac
	[ -r "/proc/$pid/cmdline" ] || return 1
	tr '\0' '\n' <"/proc/$pid/cmdline" | NAME=$1 awk '
		was == "-name" { sub(/,.*/, ""); if ($0 == ENVIRON["NAME"]) found = 1 }
		{ was = $0 }
		END { exit !found }'
}

# clock: sets now to hundredths of a second. Counting rounds would not do: on a busy node each takes longer than its sleep.
clock() {
	read -r now _ </proc/uptime
	now=${now%.*}${now#*.}
}

# gone NAME SECONDS: waits that long for the guest to end.
gone() {
	clock
	end=$((now + $2 * 100))
	while alive "$1"; do
		clock
		[ "$now" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# destroy NAME: ends the guest's qemu, by force if it must be.
destroy() {
	alive "$1" || return 0
	kill -TERM "$pid" 2>/dev/null
	gone "$1" 30 && return 0
	kill -KILL "$pid" 2>/dev/null
	gone "$1" 5
}

# cleanup NAME: removes what a guest that has ended left behind.
cleanup() {
	if [ -r "$root/uid/$1" ]; then
		read -r uid <"$root/uid/$1" || [ -n "$uid" ] && rm -f "/var/run/ganeti/uid-pool/$uid"
	fi
	rm -f "$root/pid/$1" "$root/uid/$1" "$root/conf/$1.runtime"
	for kind in monitor serial qmp kvmd qga shutdown; do
		rm -f "$root/ctrl/$1.$kind"
	done
	rm -rf "$root/nic/$1"
	if [ -d "$root/chroot/$1" ] && ! rmdir "$root/chroot/$1" 2>/dev/null; then
		mv "$root/chroot/$1" "$(mktemp -d "$root/chroot-quarantine/$1-$(date +%s)-XXXX")"
	fi
}

# qmp NAME: sends each line of its input to the guest's qemu once the one before is answered, and prints all that comes
# back. Stops at the first error. The connection has to stay open until the last answer: qemu drops what it has not yet
# executed when the other side closes. Before it there may stand a limit.
qmp() {
	(
		exec 3>&1 4<&0
		# shellcheck disable=SC2016,SC2089,SC2090 # a text for the shell that socat starts
		TALK='read -r line || exit 1
			printf "%s\n" "$line" >&3
			while read -r request <&4; do
				printf "%s\n" "$request"
				while :; do
					read -r line || exit 1
					printf "%s\n" "$line" >&3
					case $line in "{\"return\""*) break ;; "{\"error\""*) exit 0 ;; esac
				done
			done'
		# shellcheck disable=SC2090
		export TALK
		# shellcheck disable=SC2016,SC2086 # expanded by that shell; several words
		exec ${limit:-} socat "UNIX-CONNECT:$root/ctrl/$1.qmp" 'SYSTEM:eval \"\$TALK\"'
	)
}

# hmp NAME COMMAND: what people type at the monitor.
hmp() {
	printf '%s\n' "$2" | timeout 5 socat STDIO "UNIX-CONNECT:$root/ctrl/$1.monitor"
}
