package faults

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	lentKeys   = "cat /root/.ssh/authorized_keys; ls /run/ganeti/gantry/keys 2>/dev/null; true"
	noAgents   = "mkdir -p /etc/ssh/sshd_config.d && echo 'AllowAgentForwarding no' >/etc/ssh/sshd_config.d/agent.conf && kill -HUP $(cat /run/sshd.pid)"
	dataOfDisk = "head -c 5 /srv/ganeti/file-storage/web.example.com/*"
	traffic    = "cat /sys/class/net/eth[01]/statistics/?x_bytes"
)

// Where sshd forwards no agent, a copy from that node has a key of its own. It opens one command, and is gone when the copy has ended or,
// if its job was killed, when the next one on the instance has.
func TestACopyWhereNoAgentIsForwarded(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	c.onEveryNode(t, osCreate, `echo data | dd of="$DISK_0_PATH" conv=notrunc status=none`)
	c.add(t, "web.example.com", "fake", "file", "node2")
	c.Must(t, "node2", noAgents)
	before := c.Must(t, "node3", lentKeys)
	away := "gnt-instance move -f --shutdown-timeout=0 -n node3 web.example.com"

	bytes := c.sum(t, "node1", traffic)
	said := c.Must(t, "node1", "GANTRY_FAULT=list:/tmp/points "+away)
	if bytes = c.sum(t, "node1", traffic) - bytes; bytes > 8<<20 { // of 16 MiB
		t.Errorf("%d bytes went through the master", bytes)
	}
	if !strings.Contains(c.Must(t, "node3", dataOfDisk), "data\n") || c.Must(t, "node3", lentKeys) != before || strings.Contains(c.Must(t, "node2", lentKeys), "os-transfer") {
		t.Fatalf("after the copy: %s\nnode2: %s\nnode3: %s", said, c.Must(t, "node2", lentKeys), c.Must(t, "node3", lentKeys))
	}
	point := regexp.MustCompile(`gnt-job (change:\d+) node2[^\n]*umask 077; mkdir`).FindStringSubmatch(c.Must(t, "node1", "cat /tmp/points"))
	if point == nil {
		t.Fatalf("no key was given away:\n%s", c.Must(t, "node1", "cat /tmp/points"))
	}
	c.Must(t, "node1", "gnt-instance move -f --shutdown-timeout=0 -n node2 web.example.com")

	c.Run("node1", "GANTRY_FAULT=gnt-job/"+point[1]+":after "+away)
	if left := c.Must(t, "node3", lentKeys); !strings.Contains(left, " gantry-copy-os-transfer-") {
		t.Fatalf("the runner was killed elsewhere: %s", left)
	}
	for _, command := range []string{"touch /root/intruded", "", "sh"} {
		r := c.Run("node2", "ssh -oBatchMode=yes -oStrictHostKeyChecking=no -oIdentitiesOnly=yes -i /run/ganeti/gantry/keys/* root@192.0.2.13 "+command+" </dev/null")
		if r.Status == 0 || strings.Contains(r.Stderr, "Permission denied") {
			t.Errorf("%q over the key: status %d, %s%s", command, r.Status, r.Stdout, r.Stderr)
		}
	}
	c.Must(t, "node3", "test ! -e /root/intruded")
	c.doubtful(t, "node3.example.com", "admits key os-transfer-")
	c.Must(t, "node1", away)
	c.once(t, "web.example.com", "node3")
	if !strings.Contains(c.Must(t, "node3", dataOfDisk), "data\n") || c.Must(t, "node3", lentKeys) != before || strings.Contains(c.Must(t, "node2", lentKeys), "os-transfer") {
		t.Errorf("after the next command:\nnode2: %s\nnode3: %s", c.Must(t, "node2", lentKeys), c.Must(t, "node3", lentKeys))
	}
}

// sum adds up the numbers that a command prints.
func (c *cluster) sum(t *testing.T, node, command string) (sum int) {
	t.Helper()
	for word := range strings.FieldsSeq(c.Must(t, node, command)) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
