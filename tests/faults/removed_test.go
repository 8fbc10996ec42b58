package faults

import (
	"strings"
	"testing"
)

// A node that is removed while it is off keeps what it had, as in Ganeti. It is nobody's node when it comes back: it can do nothing, nobody
// misses it, and it may join again, which replaces all of that.
func TestANodeThatWasRemovedWhileItWasOff(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	must(t, c.Kill("node3"))
	c.Must(t, "node1", "gnt-node modify -O yes node3 && gnt-node remove node3")
	c.Must(t, "node1", "gnt-cluster add-tags later")
	must(t, c.Power("node3"))
	c.Must(t, "node3", "test -e /var/lib/ganeti/config.toml")
	if r := c.Run("node3", "gnt-cluster master-failover"); r.Status == 0 || !strings.Contains(r.Stderr, "newer configuration") {
		t.Errorf("it may become the master: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	if r := c.Run("node3", "gnt-cluster add-tags stale"); r.Status == 0 || !strings.Contains(r.Stderr, "not the master") {
		t.Errorf("a command on it: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	if said := c.Must(t, "node1", "gnt-cluster verify; test $? -le 1"); strings.Contains(said, "node3") || strings.Contains(said, "ERROR: cluster") {
		t.Errorf("verify misses it:\n%s", said)
	}

	c.Must(t, "node3", "echo other.example.com >/root/name && mount --bind /root/name /var/lib/ganeti/ssconf_cluster_name") // had another cluster taken it
	if r := c.Run("node1", "gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.13 node3"); r.Status == 0 || !strings.Contains(r.Stderr, "belongs to the cluster other.example.com") {
		t.Errorf("a node of another cluster joins: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	c.Must(t, "node3", "umount /var/lib/ganeti/ssconf_cluster_name")
	c.Must(t, "node3", "mkdir -p /etc/ssh/sshd_config.d && printf 'MaxSessions 4\\n' >/etc/ssh/sshd_config.d/few.conf && kill -HUP $(cat /run/sshd.pid)")
	if said := c.Must(t, "node1", "gnt-node add --no-ssh-key-check --secondary-ip=198.51.100.13 node3 2>&1"); !strings.Contains(said, "sshd allows 4 sessions on a connection") {
		t.Errorf("a node whose sshd allows too little is added without a word: %s", said)
	}
	inv := c.inventory(t, "node1")
	if inv.digests["node3"] != inv.digests["node1"] || c.Must(t, "node3", "cat /var/lib/ganeti/ssconf_*") != c.Must(t, "node1", "cat /var/lib/ganeti/ssconf_*") {
		t.Errorf("what it had is not replaced: %v", inv.digests)
	}
	c.Must(t, "node1", "gnt-instance add -t diskless -n node3 -o empty+default -H fake --no-ip-check --no-name-check web.example.com")
	c.once(t, "web.example.com", "node3")
}
