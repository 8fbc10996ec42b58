// Package allocation shows in a lab that hail chooses the nodes of instances, and that what is chosen at the same time is
// never the same room.
package allocation

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gantry/tests/lab"
)

const cluster = "gnt-cluster init --secondary-ip=198.51.100.11 --master-netdev=br0 --enabled-hypervisors=fake " +
	"--enabled-disk-templates=sharedfile,diskless --nic-parameters=mode=bridged,link=br0 --default-iallocator=hail " +
	"--ipolicy-bounds-specs=min:memory-size=32,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1/" +
	"max:memory-size=1048576,cpu-count=16,disk-count=16,disk-size=1048576,nic-count=8,spindle-use=12 " +
	"--ipolicy-vcpu-ratio=1000 cluster.example.com"

// start makes a cluster of so many nodes, with an OS that does nothing and some more tools.
func start(t *testing.T, nodes int, tools ...string) *lab.Lab {
	t.Helper()
	lab.Need(t)
	l := lab.Start(t, lab.Options{Nodes: nodes, Bin: lab.Build(t, append(tools, "gnt-cluster", "gnt-node", "gnt-instance", "gnt-group", "gnt-job", "hail")...)})
	for i := 1; i <= nodes; i++ {
		l.Must(t, lab.FullName(i), `mkdir -p /usr/share/ganeti/os/noop && cd /usr/share/ganeti/os/noop && echo 20 >ganeti_api_version &&
			echo default >variants.list && : >parameters.list && for s in create export import rename verify; do
			printf '#!/bin/sh\n' >$s; chmod +x $s; done`)
	}
	l.Must(t, "node1", cluster)
	for i := 2; i <= nodes; i++ {
		l.Must(t, "node1", "gnt-node add --no-ssh-key-check --secondary-ip="+lab.Secondary(i)+" "+lab.FullName(i))
	}
	return l
}

const add = "gnt-instance add -o noop+default -t diskless --no-nics --no-name-check --no-ip-check --no-install "

// TestAddsAtTheSameTimeNeverOvercommitANode: each instance takes a third of a node's memory, and far more are made than fit. What
// does not fit is refused by hail, which was asked again when somebody else had taken the room.
func TestAddsAtTheSameTimeNeverOvercommitANode(t *testing.T) {
	l := start(t, 3)
	free, err := strconv.Atoi(strings.TrimSpace(l.Must(t, "node1", "gnt-node list --no-headers --units=m -o mfree node1")))
	if err != nil {
		t.Fatal(err)
	}
	each := free*3/10 + 1
	var jobs []string
	for i := range 20 {
		out := l.Must(t, "node1", fmt.Sprintf("%s -B minmem=%dM,maxmem=%dM --submit inst%d 2>&1", add, each, each, i+1))
		id := regexp.MustCompile(`JobID: (\d+)`).FindStringSubmatch(out)
		if id == nil {
			t.Fatal(out)
		}
		jobs = append(jobs, id[1])
	}
	refused := 0
	for _, id := range jobs {
		if r := l.Run("node1", "gnt-job watch "+id); r.Status != 0 {
			refused++
			if !strings.Contains(r.Stderr+r.Stdout, "Can't compute nodes using iallocator 'hail': Request failed:") {
				t.Errorf("job %s: %s%s", id, r.Stdout, r.Stderr)
			}
		}
	}
	on := map[string]int{}
	for node := range strings.FieldsSeq(l.Must(t, "node1", "gnt-instance list --no-headers -o pnode")) {
		on[node]++
	}
	made := 0
	for node, n := range on {
		made += n
		if n > 3 {
			t.Errorf("%s has %d instances of %d MiB and had %d MiB", node, n, each, free)
		}
	}
	if made+refused != len(jobs) || made < 6 {
		t.Errorf("%d were made and %d refused: %v", made, refused, on)
	}
	if out := l.Run("node1", "grep -c '^\\[\\[reservation' /var/lib/ganeti/config.toml").Stdout; strings.TrimSpace(out) != "0" {
		t.Errorf("%s reservations are left", out)
	}
}

// TestInstancesChangeTheirGroup with both commands that do it; what cannot be done is refused in Ganeti's words. A group of one
// node could not stand its loss: hail puts nothing there.
func TestInstancesChangeTheirGroup(t *testing.T) {
	l := start(t, 4)
	l.Must(t, "node1", "gnt-group add west && gnt-group assign-nodes west node3 node4")
	l.Must(t, "node1", strings.Replace(add, "-t diskless", "-t sharedfile -s 16M -n node1", 1)+"inst1")
	for _, step := range []struct{ text, wants, group string }{
		{"gnt-instance change-group --to default inst1", "Can't use group(s) '", "default"},
		{"gnt-instance change-group --to nosuch inst1", "Node group 'nosuch' not found", "default"},
		{"gnt-instance change-group inst1", "INFO: Instances to be moved: inst1 (to west)\n", "west"},
		{"gnt-group evacuate --to west west", "can not be used as a target group", "west"},
		{"gnt-group evacuate -I hail --sequential --force-failover west", "INFO: Jobs will be submitted to run sequentially\n", "default"},
		{"gnt-group evacuate west", "Failure: command execution error:\n", "default"},
	} {
		r := l.Run("node1", step.text)
		if !strings.Contains(r.Stdout+r.Stderr, step.wants) {
			t.Errorf("%s:\n%s%s", step.text, r.Stdout, r.Stderr)
		}
		if group := strings.TrimSpace(l.Must(t, "node1", "gnt-instance list --no-headers -o pnode.group inst1")); group != step.group {
			t.Errorf("after %s the instance is in %s", step.text, group)
		}
	}
}
