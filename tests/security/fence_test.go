package security

import (
	"strings"
	"testing"

	"gantry/lib/remote"
)

// laterMaster gives a candidate's copy a higher epoch, as a failover to it does.
const laterMaster = `cd /var/lib/ganeti && sed -i "s/^epoch = .*/epoch = 9/; s/^master = .*/master = 'node3.example.com'/" config.toml && head -n -1 config.toml >/root/body &&
(cat /root/body; printf "digest = '%s'\n" $(sha256sum </root/body | cut -d' ' -f1)) >config.toml`

func TestAMasterWhoseEpochIsOverChangesNothing(t *testing.T) {
	l := cluster(t)
	l.Must(t, "node3", laterMaster)
	l.Must(t, "node1", "echo text >/root/file")
	const state = "sha256sum /var/lib/ganeti/config.toml /root/.ssh/authorized_keys; ls /root"
	before := l.Must(t, "node1", state) + l.Must(t, "node2", state)
	for _, words := range [][]string{
		{"gnt-cluster", "add-tags", "blue"},
		{"gnt-cluster", "command", "-n", "node2", "touch /root/command"},
		{"gnt-cluster", "copyfile", "/root/file"},
		{"gnt-cluster", "modify", "-B", "vcpus=2"},
		{"gnt-network", "add", "--network=10.0.0.0/24", "net1"},
		{"gnt-node", "modify", "-O", "yes", "node2"},
		{"gnt-node", "add", "--readd", "--no-ssh-key-check", "node2.example.com"},
		{"gnt-node", "remove", "node2"},
	} {
		r := l.Run("node1", remote.Quote(words...))
		if r.Status != 1 || !strings.Contains(r.Stderr, "another master has taken over") || !strings.Contains(r.Stderr, "node3.example.com") {
			t.Errorf("%q: status %d, %s", words, r.Status, r.Stderr)
		}
	}
	if after := l.Must(t, "node1", state) + l.Must(t, "node2", state); after != before {
		t.Errorf("something has changed:\n%s\nwas\n%s", after, before)
	}
}
