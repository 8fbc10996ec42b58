# Runs durable work in a session of its own and, where systemd is process 1, in a scope of its own.
# $1 outer or inner, $2 this text, $3 the path without suffix, $4 id, then the command.
role=$1 run=$2 base=$3 id=$4
shift 4
if [ "$role" = outer ]; then
	echo $$ >"$base.pid"
	if [ -d /run/systemd/system ]; then
		systemd-run --quiet --collect --scope --slice=ganeti.slice --unit="gantry-work-$id" \
			sh -c "$run" sh inner "$run" "$base" "$id" "$@"
		[ -e "$base.began" ] && exit
	fi
fi
# A lock of its own: whoever started this may go.
exec 8>>"$base.lock"
flock -s 8
: >"$base.began"
# A handler, unlike an ignored signal, is not inherited: the command ends, and this shell stays to say how.
trap : TERM INT HUP
"$@" <"$base.in" >>"$base.out" 2>>"$base.err" 8>&- 9>&-
status=$?
rm -f "$base.in"
echo $status >"$base.status.new" && mv "$base.status.new" "$base.status"
