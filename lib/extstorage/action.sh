# action.sh ACTION PROVIDER VOLUME NAME=VALUE…: runs a script of a provider of external storage in its directory, with the environment it
# has got and the variables whose names no shell would pass on. Exit status 10: there is no such provider; 11: it has no such script, which
# it need not have; 12: the script failed, and how it ended stands in the first line, the last lines of its output behind it. attach says
# where the volume is; what the others say goes to a log of their own.
action=$1 provider=$2 volume=$3
shift 3
found=
for dir in /srv/ganeti/extstorage /usr/local/lib/ganeti/extstorage /usr/lib/ganeti/extstorage /usr/share/ganeti/extstorage; do
	if [ -d "$dir/$provider" ]; then
		found=$dir/$provider
		break
	fi
done
[ -n "$found" ] || exit 10
if [ ! -f "$found/$action" ]; then
	case $action in
	open | close | snapshot) exit 11 ;;
	esac
fi
cd "$found" || exit
[ $# -eq 0 ] || set -- env -- "$@"
link=/var/run/ganeti/extstorage/$(printf %s "$volume" | tr / _)
if [ "$action" = attach ]; then
	errors=$(mktemp) || exit
	trap 'rm -f "$errors"' EXIT
	said=$("$@" "$found/$action" 2>"$errors")
	status=$?
	if [ "$status" -ne 0 ]; then
		printf '%s\n' "$status"
		printf '%s\n' "$said" | cat - "$errors" | tail -n 20
		exit 12
	fi
	device=$(printf '%s\n' "$said" | head -n 1)
	: "${device:=.}" # a directory, which nobody can take for the volume
	if [ "$(readlink -- "$link")" != "$device" ]; then
		mkdir -p "${link%/*}" && ln -s -- "$device" "$link.new" && mv -T -- "$link.new" "$link" || exit
	fi
	printf '%s\n' "$said"
	exit
fi
logs=/var/log/ganeti/extstorage
mkdir -p "$logs" || exit
log=$logs/$action-$provider-$(printf %s "$volume" | tr / _)-$(date +%Y-%m-%d_%H_%M_%S).log
"$@" "$found/$action" >"$log" 2>&1
status=$?
if [ "$status" -eq 0 ]; then
	[ "$action" != detach ] || rm -f -- "$link"
	exit 0
fi
printf '%s\n' "$status"
tail -n 20 "$log"
exit 12
