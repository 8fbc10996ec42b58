# Starts work that outlives the connection. $1 directory, $2 id, $3 bytes of input, $4 text that runs it, then the command.
# What lies there afterwards: ID.lock (somebody holds its flock while the work lives), .in, .out, .err, .cmd, .pid (the
# session), .began, and when it has ended .status.
dir=$1 id=$2 size=$3 run=$4 base=$1/$2
shift 4
mkdir -p "$dir" || exit 1
new=$base.new.$$
cat >"$new" || exit 1
if [ "$(wc -c <"$new")" -ne "$size" ]; then
	rm -f "$new"
	echo "the input of the work did not arrive whole" >&2
	exit 1
fi
# The lock file is also the mark that this id was started: a second start, after a lost answer, does nothing.
set -C
if ! (: >"$base.lock") 2>/dev/null; then
	rm -f "$new"
	[ -e "$base.lock" ] && exit 0
	echo "cannot write to $dir" >&2
	exit 1
fi
set +C
exec 9>"$base.lock"
flock -s 9
mv "$new" "$base.in"
: >"$base.out"
: >"$base.err"
echo "$*" >"$base.cmd"
setsid sh -c "$run" sh outer "$run" "$base" "$id" "$@" </dev/null >/dev/null 2>&1 &
