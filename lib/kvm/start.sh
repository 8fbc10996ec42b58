# start.sh NAME UIDS OPTION PREFIX TAPS KVM…: starts a guest. Its runtime file comes on stdin; there is none for the target
# of a migration, which writes it in the end. UIDS is the pool to choose a user from, empty for none; qemu is told by
# OPTION and the user's name behind PREFIX.
# Says on exit: 10 it runs already, 11 qemu ended (status and output on stdout), 12 qemu is gone, 13 a user id (on
# stdout) has no name, 14 all user ids are taken.
name=$1
uids=$2
option=$3
prefix=$4
taps=$5
shift 5
umask 022
mkdir -p /var/run/ganeti /var/log/ganeti
[ -d "$root" ] || mkdir -m 0775 "$root" || exit
[ -d /var/log/ganeti/kvm ] || mkdir -m 0750 /var/log/ganeti/kvm
for dir in pid uid ctrl conf nic chroot chroot-quarantine; do
	[ -d "$root/$dir" ] || mkdir -m 0775 "$root/$dir" || exit
done

alive "$name" && exit 10
(umask 077 && cat >"$root/conf/$name.runtime.new") || exit
if [ -s "$root/conf/$name.runtime.new" ]; then
	mv "$root/conf/$name.runtime.new" "$root/conf/$name.runtime" || exit
else
	rm "$root/conf/$name.runtime.new"
fi
rm -f "$root/ctrl/$name.shutdown"
case " $prefix $* " in
*"$root/chroot/$name"*) [ -d "$root/chroot/$name" ] || mkdir -m 0700 "$root/chroot/$name" || exit ;;
esac

uid=
if [ -n "$uids" ]; then
	mkdir -p /var/run/ganeti/uid-pool
	user=
	for uid in $uids; do
		exec 9>"/var/run/ganeti/uid-pool/$uid"
		flock -n 9 || continue
		! pgrep -u "$uid" >/dev/null || continue
		user=$(getent passwd "$uid" | cut -d: -f1)
		[ -n "$user" ] && break
		echo "$uid"
		exit 13
	done
	[ -n "$user" ] || exit 14
	set -- "$@" "$option" "$prefix$user"
fi

# A login session or a cron job that ends must not take the guest with it.
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null; then
	set -- systemd-run --quiet --scope --collect --slice=ganeti.slice -- "$@"
fi
umask 077
output=$("$@" 2>&1 </dev/null 9>&-)
status=$?
if [ $status -ne 0 ]; then
	printf '%s\n%s\n' $status "$output"
	exit 11
fi
alive "$name" || exit 12

[ -z "$uid" ] || printf %s "$uid" >"$root/uid/$name"
rm -rf "${root:?}/nic/$name"
mkdir -m 0775 "$root/nic/$name"
n=0
for tap in $taps; do
	printf %s "$tap" >"$root/nic/$name/$n"
	n=$((n + 1))
done
echo "$pid"
