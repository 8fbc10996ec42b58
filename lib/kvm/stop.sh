# stop.sh NAME SECONDS ACPI KEEP: asks the guest to power itself off, again every 5 seconds, for as long as SECONDS; then
# ends it. Without ACPI there is nobody to ask. KEEP leaves its files for the start that follows.
# Says on exit: 20 it could not be ended.
name=$1
seconds=$2
acpi=$3
keep=$4

# poweredoff: qemu was told to stay (-no-shutdown), but its guest has ended.
poweredoff() {
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx -e -no-shutdown &&
		hmp "$name" 'info status' 2>/dev/null | grep -q '(shutdown)'
}

if alive "$name" && [ "$acpi" = yes ]; then
	clock
	last=$((now + seconds * 100))
	while :; do
		hmp "$name" system_powerdown >/dev/null 2>&1
		clock
		left=$(((last - now + 99) / 100))
		wait=5
		[ "$left" -gt 5 ] || wait=$((left > 0 ? left : 0))
		gone "$name" "$wait" && break
		poweredoff && break
		clock
		[ "$now" -lt "$last" ] || break
	done
fi
destroy "$name" || exit 20
[ -n "$keep" ] || cleanup "$name"
