# reach.sh LIMIT [NAME HOST PORT]...: tries to connect to all of them at once. After a line "tried" there is one for each that was
# decided within LIMIT seconds, with its name and "ok" or why not. Without bash nothing is tried and nothing said.
limit=$1
shift
command -v bash >/dev/null || exit 0
echo tried
# shellcheck disable=SC2016 # bash is to expand it
timeout "$limit" bash -c '
while [ $# -gt 2 ]; do
	(
		text=$( (: 3<>"/dev/tcp/$2/$3") 2>&1 ) && text=ok
		printf "%s\t%s\n" "$1" "${text##*: }"
	) &
	shift 3
done
wait' bash "$@"
exit 0
