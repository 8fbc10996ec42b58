# reach.sh LIMIT [NAME HOST PORT]...: tries to connect to all of them at once. For each a line with its name and "ok" or why not.
# A connection that is refused was answered, too. Without bash nothing is tried and nothing said.
limit=$1
shift
command -v bash >/dev/null || exit 0
while [ $# -gt 2 ]; do
	(
		# shellcheck disable=SC2016 # bash is to expand it
		text=$(timeout "$limit" bash -c ': 3<>"/dev/tcp/$1/$2"' bash "$2" "$3" 2>&1)
		case $? in
		0) text=ok ;;
		124) text='Connection timed out' ;;
		esac
		printf '%s\t%s\n' "$1" "${text##*: }"
	) &
	shift 3
done
wait
exit 0
