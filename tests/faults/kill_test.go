package faults

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// GANTRY_FAULTS_FROM goes on at the point of that number where a long run was ended.
const (
	fromName   = lab.FaultsName + "_FROM"
	shortWhile = 2 * time.Minute
)

// operation is something whose runner is killed.
type operation struct {
	name    string
	prepare func(t *testing.T, c *cluster, name string) // what has to be there before; nil is nothing
	command func(name string) string
	again   func(t *testing.T, c *cluster, name string) // the ordinary command afterwards has to succeed
}

var operations = []operation{
	{
		name:    "add",
		command: func(name string) string { return addCommand(name, "kvm", "sharedfile", "node2") },
		again: func(t *testing.T, c *cluster, name string) {
			if c.known(t, name) {
				c.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=0 "+name)
			}
			c.Must(t, "node1", addCommand(name, "kvm", "sharedfile", "node2"))
		},
	},
	{
		name:    "add file",
		command: func(name string) string { return addCommand(name, "fake", "file", "node3") },
		again: func(t *testing.T, c *cluster, name string) {
			if c.known(t, name) {
				c.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=0 "+name)
			}
			c.Must(t, "node1", addCommand(name, "fake", "file", "node3"))
		},
	},
	{
		name:    "migrate",
		prepare: runningOnNode2,
		command: func(name string) string { return "gnt-instance migrate -f -n node3 " + name },
		again:   movedToNode3("gnt-instance migrate -f -n node3 "),
	},
	{
		name:    "failover",
		prepare: runningOnNode2,
		command: func(name string) string { return "gnt-instance failover -f --shutdown-timeout=0 -n node3 " + name },
		again:   movedToNode3("gnt-instance failover -f --shutdown-timeout=0 -n node3 "),
	},
	{
		name:    "modify",
		prepare: func(t *testing.T, c *cluster, name string) { c.add(t, name, "fake", "diskless", "node2") },
		command: func(name string) string { return "gnt-instance modify -B memory=80M,vcpus=2 " + name },
		again: func(t *testing.T, c *cluster, name string) {
			c.Must(t, "node1", "gnt-instance modify -B memory=80M,vcpus=2 "+name)
			if got := c.field(t, "node1", name, "be/vcpus,be/memory --units=m"); got != "2 80" {
				t.Errorf("modified again it has %q", got)
			}
		},
	},
	{
		name:    "configuration",
		command: func(name string) string { return "gnt-cluster add-tags " + name },
		again: func(t *testing.T, c *cluster, name string) {
			c.Must(t, "node1", "gnt-cluster add-tags "+name)
			if !strings.Contains(c.Must(t, "node1", "gnt-cluster list-tags"), name) {
				t.Errorf("the tag is not there")
			}
			c.Must(t, "node1", "gnt-cluster remove-tags "+name)
		},
	},
}

func runningOnNode2(t *testing.T, c *cluster, name string) {
	c.add(t, name, "kvm", "sharedfile", "node2")
}

// movedToNode3 repeats a move. The job that was killed may have come so far that the next one finds the instance there.
func movedToNode3(command string) func(*testing.T, *cluster, string) {
	return func(t *testing.T, c *cluster, name string) {
		r := c.Run("node1", command+name)
		if _, told, ok := strings.Cut(r.Stderr, "run '"); c.cleans && ok && strings.HasPrefix(told, "gnt-instance migrate --cleanup") {
			told, _, _ = strings.Cut(told, "'")
			c.Must(t, "node1", strings.Replace(told, "--cleanup", "--cleanup -f", 1))
			r = c.Run("node1", command+name)
		}
		there := strings.Contains(r.Stderr, "to its primary (node3")
		if r.Status != 0 && !there && !strings.Contains(r.Stderr, "please use failover: Instance "+name+" is not running") {
			t.Errorf("%s%s: status %d\n%s%s", command, name, r.Status, r.Stdout, r.Stderr)
		}
		if r.Status != 0 && !there {
			c.Must(t, "node1", "gnt-instance failover -f --shutdown-timeout=0 -n node3 "+name)
		}
		c.Must(t, "node1", "gnt-instance startup "+name)
		if on := c.inventory(t, "node1").on(name); !slices.Equal(on, []string{"node3"}) || c.field(t, "node1", name, "pnode") != "node3.example.com" {
			t.Errorf("after moving it again it runs on %v, and its primary is %s", on, c.field(t, "node1", name, "pnode"))
		}
	}
}

func (c *cluster) known(t *testing.T, name string) bool {
	t.Helper()
	return c.config(t, "node1").InstanceByName(name) != nil
}

// point is one moment of an operation: "remote:7" before or after.
type point struct {
	op   operation
	at   string
	what string
}

// TestKilledAnywhere kills the runner with SIGKILL, looks what is there, and goes on as an operator would.
func TestKilledAnywhere(t *testing.T) {
	c := start(t, 3)
	c.anywhere(t, shortWhile, c.kill)
}

// anywhere tries something at points taken at random, each with an instance of its own.
func (c *cluster) anywhere(t *testing.T, short time.Duration, try func(t *testing.T, p point, name string)) {
	c.loops = c.inventory(t, "node1").loops
	all, limit := c.points(t), lab.FaultTime(t, short)
	lab.FaultChance(t).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	from, err := strconv.Atoi(os.Getenv(fromName))
	if err != nil || from > len(all) {
		from = 0
	}
	began, tried := time.Now(), map[string]int{}
	for i, p := range all[from:] {
		if limit > 0 && time.Since(began) > limit {
			break
		}
		ok := t.Run(p.op.name+"/"+p.at, func(t *testing.T) { try(t, p, fmt.Sprintf("i%d.example.com", i)) })
		tried[p.op.name]++
		if !ok {
			t.Logf("the point was %s", p.what)
		}
	}
	c.nothingToReport(t)
	t.Logf("tried at %v of %d points", tried, len(all))
}

// mostCommits is how often a job may write the configuration: each time costs a round trip to all candidates, and is a moment more at
// which a crash leaves something.
const mostCommits = 3

// points runs each operation once and lists where it can be killed.
func (c *cluster) points(t *testing.T) (all []point) {
	t.Helper()
	for i, op := range operations {
		name := fmt.Sprintf("list%d.example.com", i)
		if op.prepare != nil {
			op.prepare(t, c, name)
		}
		commits := 0
		c.Must(t, "node1", "rm -f /tmp/points; GANTRY_FAULT=list:/tmp/points "+op.command(name))
		for _, p := range lab.Points(c.Must(t, "node1", "cat /tmp/points")) {
			all = append(all, point{op, p.At + ":before", p.What}, point{op, p.At + ":after", p.What})
			if p.What == "commit on candidates" {
				commits++
			}
		}
		if commits == 0 || commits > mostCommits {
			t.Errorf("%s commits %d times", op.name, commits)
		}
		c.forget(t, name)
	}
	return all
}

// forget removes what a case has made.
func (c *cluster) forget(t *testing.T, name string) {
	t.Helper()
	cfg := c.config(t, "node1")
	if cfg.InstanceByName(name) != nil {
		c.Must(t, "node1", "gnt-instance remove -f --shutdown-timeout=0 "+name)
	}
	if slices.Contains(cfg.Cluster.Tags, name) {
		c.Must(t, "node1", "gnt-cluster remove-tags "+name)
	}
}

func (c *cluster) kill(t *testing.T, p point, name string) {
	if p.op.prepare != nil {
		p.op.prepare(t, c, name)
	}
	r := c.Run("node1", "GANTRY_FAULT=gnt-job/"+p.at+" "+p.op.command(name))
	c.goOn(t, p.op, name)
	if t.Failed() {
		t.Logf("the command that was killed: status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
}

// goOn looks what a broken job has left, and goes on as an operator would.
func (c *cluster) goOn(t *testing.T, op operation, name string) {
	t.Helper()
	inv := c.inventory(t, "node1")
	c.judge(t, inv)
	op.again(t, c, name)
	inv = c.inventory(t, "node1")
	c.judge(t, inv)
	if extras := inv.extras(); extras != nil {
		t.Errorf("left after the ordinary command: %v", extras)
	}
	c.forget(t, name)
	c.nothingLeft(t)
	if t.Failed() {
		t.Logf("jobs:\n%s", c.Run("node1", "gnt-job list | tail -n 8; tail -n 20 /var/log/ganeti/jobs.log").Stdout)
	}
}

// judge compares what there is with the configuration and with what verify says.
func (c *cluster) judge(t *testing.T, inv *inventory) {
	t.Helper()
	if twice := inv.doubled(); twice != nil {
		t.Errorf("runs twice: %v", twice)
	}
	if missing := inv.missing(); missing != nil {
		t.Errorf("missing: %v", missing)
	}
	extras := inv.extras()
	if extras == nil {
		return
	}
	said := c.Run("node1", "gnt-cluster verify").Stdout
	for _, extra := range extras {
		if !mentioned(said, extra) {
			t.Errorf("verify does not report %s:\n%s", extra, said)
		}
	}
}

// mentioned says whether a text names a file, or what a guest is called.
func mentioned(said, extra string) bool {
	if words := strings.Fields(extra); words[0] == "guest" {
		return strings.Contains(said, words[1])
	}
	return strings.Contains(said, extra)
}

// nothingLeft is how it has to be once the instance is removed.
func (c *cluster) nothingLeft(t *testing.T) {
	t.Helper()
	inv := c.inventory(t, "node1")
	if extras := inv.extras(); extras != nil || len(inv.guests) > 0 || len(inv.files[""]) > 0 {
		t.Errorf("left at the end: %v, %v, %v", extras, inv.guests, inv.files)
	}
	for node, taps := range inv.taps {
		t.Errorf("taps left on %s: %v", node, taps)
	}
	if inv.loops != c.loops {
		t.Errorf("loop devices were %s and are %s", c.loops, inv.loops)
	}
	if inv.digests["node1"] != inv.digests["node2"] || inv.digests["node1"] != inv.digests["node3"] {
		t.Errorf("the candidates differ: %v", inv.digests)
	}
	if open := c.Must(t, "node1", "ls /var/lib/ganeti/queue/intents 2>/dev/null; true"); open != "" {
		t.Errorf("intents of these jobs are open: %s", open)
	}
}

// nothingToReport is what verify says in the end.
func (c *cluster) nothingToReport(t *testing.T) {
	t.Helper()
	if said := c.Run("node1", "gnt-cluster verify").Stdout; strings.Contains(said, "ERROR: cluster") {
		t.Errorf("verify at the end:\n%s", said)
	}
}
