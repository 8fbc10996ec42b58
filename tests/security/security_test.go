// Package security looks at a cluster as somebody does who should not get in: modes of files, secrets, host keys.
package security

import (
	"strings"
	"testing"

	"gantry/tests/lab"
)

// cluster is a lab of three nodes that are a cluster.
func cluster(t *testing.T) *lab.Lab {
	t.Helper()
	l := lab.Start(t, lab.Options{Nodes: 3, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-network", "gnt-job")})
	l.Init(t, 3)
	return l
}

// modes are those of real Ganeti's files, or stricter; the configuration has no group that may read it.
var modes = map[string]string{
	"/var/lib/ganeti":                    "755",
	"/var/lib/ganeti/config.toml":        "600",
	"/var/lib/ganeti/known_hosts":        "644",
	"/var/lib/ganeti/ssconf_master_node": "444",
	"/var/log/ganeti":                    "770",
	"/var/log/ganeti/os":                 "750",
	"/var/log/ganeti/node-daemon.log":    "600",
}

var masterModes = map[string]string{
	"/var/lib/ganeti/queue":             "750",
	"/var/lib/ganeti/queue/job-1":       "640",
	"/var/lib/ganeti/queue/archive":     "750",
	"/var/log/ganeti/jobs.log":          "600",
	"/var/log/ganeti/node-commands.log": "600",
}

func TestModesOfFiles(t *testing.T) {
	l := cluster(t)
	check := func(node, path, want string) {
		t.Helper()
		if got := strings.TrimSpace(l.Run(node, "stat -c %a "+path).Stdout); got != want {
			t.Errorf("%s: %s has mode %s, want %s", node, path, got, want)
		}
	}
	for _, node := range []string{"node1", "node2", "node3"} {
		for path, want := range modes {
			check(node, path, want)
		}
	}
	for path, want := range masterModes {
		check("node1", path, want)
	}
	for _, node := range []string{"node1", "node2"} {
		// a stranger could read it, or hold up everybody with a flock on it
		open := l.Must(t, node, "find /var/lib/ganeti /run/ganeti /var/log/ganeti -type f -perm /o=rw ! -name 'ssconf_*' ! -name known_hosts ! -name .ssconf.version ! -name commands.log")
		if open != "" {
			t.Errorf("%s: everybody may open\n%s", node, open)
		}
	}
}

const (
	// the node gets another key, as after an installation; without it nobody could be told who it is
	newKey = "cd /etc/ssh && rm -f ssh_host_*_key* && ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && kill -HUP $(cat /run/sshd.pid)"
	vouch  = `mkdir -p /etc/ssh && echo "node2.example.com,192.0.2.12 $(cat /srv/ganeti/shared-file-storage/key)" >/etc/ssh/ssh_known_hosts`
)

func TestAHostKeyNobodyVouchesForIsRefused(t *testing.T) {
	l := cluster(t)
	l.Must(t, "node1", "rm -f /etc/ssh/ssh_known_hosts /root/.ssh/known_hosts")
	l.Must(t, "node2", newKey+" && cp ssh_host_ed25519_key.pub /srv/ganeti/shared-file-storage/key")
	before := l.Must(t, "node2", "sha256sum /var/lib/ganeti/config.toml; ls /root")

	ran := l.Must(t, "node1", "gnt-cluster command -n node2 'touch /root/pwned'")
	if !strings.Contains(ran, "is not the one in /var/lib/ganeti/known_hosts line 2") || !strings.Contains(ran, "return code = 255") {
		t.Errorf("a command on a stranger: %s", ran)
	}
	if added := l.Must(t, "node1", "gnt-cluster add-tags blue"); !strings.Contains(added, "Master candidate node2.example.com has not got the new configuration") {
		t.Errorf("a change of the configuration does not complain: %s", added)
	}
	if after := l.Must(t, "node2", "sha256sum /var/lib/ganeti/config.toml; ls /root"); after != before {
		t.Errorf("a node nobody vouches for was changed:\n%s\nwas\n%s", after, before)
	}
	rows := l.Must(t, "node1", "gnt-node list --no-headers -o name,mtotal")
	if lines := strings.Split(rows, "\n"); len(lines) < 3 || !strings.HasSuffix(lines[1], "?") || strings.HasSuffix(lines[0], "?") || strings.HasSuffix(lines[2], "?") {
		t.Errorf("the others are not asked:\n%s", rows)
	}

	l.Must(t, "node1", vouch)
	if said := l.Must(t, "node1", "gnt-cluster add-tags green"); said != "" {
		t.Errorf("a key that the system vouches for: %s", said)
	}
	// ours has been replaced: it is enough by itself now
	l.Must(t, "node1", "rm /etc/ssh/ssh_known_hosts")
	if said := l.Must(t, "node1", "gnt-cluster add-tags red"); said != "" {
		t.Errorf("the cluster's file still has the old key: %s", said)
	}
}

func TestAMachineNobodyVouchesForDoesNotJoin(t *testing.T) {
	l := lab.Start(t, lab.Options{Nodes: 2, Bin: lab.Build(t, "gnt-cluster", "gnt-node", "gnt-job")})
	l.Init(t, 1)
	l.Must(t, "node1", "rm -f /etc/ssh/ssh_known_hosts /root/.ssh/known_hosts")
	before := l.Must(t, "node2", "sha256sum /root/.ssh/authorized_keys; ls /var/lib/ganeti 2>/dev/null; true")
	r := l.Run("node1", "gnt-node add --secondary-ip=198.51.100.12 node2.example.com")
	if r.Status != 1 || !strings.Contains(r.Stderr, "the host key of node2.example.com (") {
		t.Errorf("status %d\n%s", r.Status, r.Stderr)
	}
	if after := l.Must(t, "node2", "sha256sum /root/.ssh/authorized_keys; ls /var/lib/ganeti 2>/dev/null; true"); after != before {
		t.Errorf("it was changed:\n%s\nwas\n%s", after, before)
	}
}
