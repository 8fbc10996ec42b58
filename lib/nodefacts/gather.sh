# gather.sh BOUNDARY [COUNT WORD…]…: runs commands one after another, each given by the number of its words and the words.
# Behind each one's output stands a line with the boundary and its exit status.
boundary=$1
shift
while [ $# -gt 0 ]; do
	count=$1
	shift
	words=
	n=1
	while [ $n -le "$count" ]; do
		words="$words \"\${$n}\""
		n=$((n + 1))
	done
	eval "$words" </dev/null
	printf '\n%s %s\n' "$boundary" $?
	shift "$count"
done
