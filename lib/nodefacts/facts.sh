# facts.sh KVM [DIR…]: what this node is and has. KVM may be empty.
kvm=$1
shift
echo '=== memory'
cat /proc/meminfo
echo '=== cpus'
grep -c ^processor /proc/cpuinfo
echo '=== boot'
read -r boot </proc/sys/kernel/random/boot_id && echo "$boot"
echo '=== time'
date +%s.%N
echo '=== interfaces'
for interface in /sys/class/net/*; do
	[ -e "$interface" ] || continue
	kind=
	[ ! -d "$interface/bridge" ] || kind=bridge
	printf '%s %s\n' "${interface##*/}" "$kind"
done
echo '=== addresses'
ip -o addr show 2>/dev/null
echo '=== kvm'
[ ! -x "$kvm" ] || "$kvm" --version 2>/dev/null | head -n 1
echo '=== missing'
[ -z "$kvm" ] || [ -e "$kvm" ] || printf '%s\n' "$kvm"
for tool in socat ip flock timeout perl; do
	command -v $tool >/dev/null || echo $tool
done
for place in /proc/sys /sys/class; do
	[ -d $place ] || echo $place
done
echo '=== storage'
for dir; do
	exists=no
	writable=no
	blocks='0 0 0'
	if [ -d "$dir" ]; then
		exists=yes
		[ ! -w "$dir" ] || writable=yes
		blocks=$(stat -f -c '%S %b %a' -- "$dir") || blocks='0 0 0'
	fi
	printf '%s %s %s %s\n' $exists $writable "$blocks" "$dir"
done
exit 0
