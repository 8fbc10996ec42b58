# Makes the directories of a master, its key and the cluster's known_hosts. Arguments: data directory, cluster name,
# key type, key bits, "yes" to make and authorise root's key, directories for disks in files.
set -eu
data=$1 cluster=$2 type=$3 bits=$4 ssh=$5
shift 5
for dir; do
	[ -d "$dir" ] || mkdir -p -m 0750 -- "$dir"
done
install -d -m 0755 "$data" /etc/ganeti /run/ganeti /run/ganeti/instance-disks /run/ganeti/bdev-cache /run/ganeti/instance-reason \
	/run/ganeti/kvm-hypervisor /run/ganeti/fake-hypervisor
install -d -m 0750 "$data/queue" "$data/queue/archive" /var/log/ganeti/os /var/log/ganeti/kvm /var/log/ganeti/extstorage
install -d -m 0770 /var/log/ganeti
if [ "$ssh" = yes ]; then
	install -d -m 0700 /root/.ssh
	key=/root/.ssh/id_$type
	[ -e "$key" ] || ssh-keygen -q -t "$type" -b "$bits" -N '' -f "$key"
	touch /root/.ssh/authorized_keys
	chmod 0600 /root/.ssh/authorized_keys
	grep -qxF -- "$(cat "$key.pub")" /root/.ssh/authorized_keys || cat "$key.pub" >>/root/.ssh/authorized_keys
fi
new=$data/known_hosts.new
: >"$new"
for pub in /etc/ssh/ssh_host_*_key.pub; do
	[ -e "$pub" ] || continue
	read -r kind text _ <"$pub"
	printf '%s %s %s\n' "$cluster" "$kind" "$text" >>"$new"
done
chmod 0644 "$new"
mv "$new" "$data/known_hosts"
