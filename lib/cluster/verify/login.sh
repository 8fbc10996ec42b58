# login.sh KNOWNHOSTS ALIAS KEY [NAME PORT]...: logs in to nodes as the next master would, all at once, and asks for their names.
# KEY may be empty. For each a section with what ssh printed, then its exit status in a line of its own. Of the keys known under
# ALIAS, the cluster's name, those count that are of a type the node's own are: ssh asks for one of all types it knows.
known=$1
alias=$2
key=$3
shift 3
types() {
	for file in /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2 ~/.ssh/known_hosts ~/.ssh/known_hosts2 "$known"; do
		[ ! -e "$file" ] || ssh-keygen -F "$1" -f "$file"
	done 2>/dev/null | awk '$1 !~ /^[#@]/ { printf "%s%s", or, $2; or = "|" }'
}
while [ $# -gt 1 ]; do
	(
		types=$(types "$1")
		text=$(ssh -oBatchMode=yes -oConnectTimeout=5 -oStrictHostKeyChecking=yes -oCheckHostIP=no -oPort="$2" \
			-oGlobalKnownHostsFile="/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2 $known" -oIgnoreUnknown=KnownHostsCommand \
			-oKnownHostsCommand="/bin/sed -nE \"/^$alias (${types:-.*}) /s/^$alias/%H/p\" $known" \
			${key:+"-i$key"} root@"$1" 'hostname --fqdn' </dev/null 2>&1)
		printf '=== %s\n%s\nstatus %s\n' "$1" "$text" $?
	) &
	shift 2
done
wait
exit 0
