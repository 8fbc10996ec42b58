package faults

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"
)

// trouble is what befalls the cluster in the middle of a job, and how it passes.
type trouble struct {
	name       string
	begin, end func(c *cluster) error
}

var troubles = []trouble{
	{"node2 is cut off", func(c *cluster) error { return c.Cut("node2") }, func(c *cluster) error { return c.Heal("node2") }},
	{"node3 is cut off", func(c *cluster) error { return c.Cut("node3") }, func(c *cluster) error { return c.Heal("node3") }},
	{"node3 is frozen", func(c *cluster) error { return c.Freeze("node3") }, func(c *cluster) error { return c.Thaw("node3") }},
	{
		"no room for the configuration",
		func(c *cluster) error {
			return c.do("dd if=/dev/zero of=/var/lib/ganeti/ballast bs=4k 2>/dev/null; true")
		},
		func(c *cluster) error { return c.do("rm /var/lib/ganeti/ballast") },
	},
}

func (c *cluster) do(command string) error {
	if r := c.Run("node1", command); r.Status != 0 {
		return fmt.Errorf("%s: %s", command, r.Stderr)
	}
	return nil
}

// Fill would take the directory away from under a runner; this one is small from the beginning.
const smallDirectory = "mkdir /run/small && mount -t tmpfs -o size=8m small /run/small && cp -a /var/lib/ganeti/. /run/small && mount --bind /run/small /var/lib/ganeti"

// TestTroubleAnywhere stops the runner at the points where TestKilledAnywhere kills it, breaks the network, a node or the disk, and lets
// the runner go on into it. What it makes of that is judged in the same way.
func TestTroubleAnywhere(t *testing.T) {
	c := start(t, 3)
	c.cleans = true
	c.Must(t, "node1", smallDirectory)
	c.anywhere(t, time.Minute, func(t *testing.T, p point, name string) {
		// What befalls a point does not depend on the order of the points, but changes with the operation.
		sum := fnv.New32()
		sum.Write([]byte(p.op.name + p.at))
		c.disturb(t, p, troubles[sum.Sum32()%uint32(len(troubles))], name)
	})
}

// lasts is how long a trouble lasts, if the job does not end before.
const lasts = 15 * time.Second

func (c *cluster) disturb(t *testing.T, p point, what trouble, name string) {
	if p.op.prepare != nil {
		p.op.prepare(t, c, name)
	}
	job := c.begin(t, p.op.command(name), "GANTRY_FAULT=gnt-job/"+p.at+":stop")
	c.until(t, "node1", "ps -o stat= -C gnt-job | grep -q T || "+ended(job), time.Minute)
	must(t, what.begin(c))
	c.Must(t, "node1", "pkill -CONT -x gnt-job; true")
	for began := time.Now(); time.Since(began) < lasts && c.Run("node1", ended(job)).Status != 0; {
		time.Sleep(500 * time.Millisecond)
	}
	must(t, what.end(c))
	status, said := c.end(t, job, 3*time.Minute)
	defer func() { // also when going on ends the test
		t.Logf("%s: the job ended with %s", what.name, status)
		if t.Failed() {
			t.Logf("it said: %s", said)
		}
	}()
	c.goOn(t, p.op, name)
}
