# Makes the directories of a node of a cluster.
set -eu
install -d -m 0755 /var/lib/ganeti /run/ganeti /run/ganeti/instance-disks /run/ganeti/bdev-cache /run/ganeti/instance-reason \
	/run/ganeti/kvm-hypervisor /run/ganeti/fake-hypervisor
install -d -m 0770 /var/log/ganeti
install -d -m 0750 /var/log/ganeti/os /var/log/ganeti/kvm /var/log/ganeti/extstorage
