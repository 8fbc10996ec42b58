package faults

import (
	"os"
	"strings"
	"testing"
	"time"

	"gantry/tests/lab"
)

// In the place of the programs that commands of a node run under, or read the configuration with: what a node may say that has gone mad.
var mad = map[string]string{
	"garbage":           "head -c 300000 /dev/urandom",
	"gigabytes":         "exec cat /dev/zero",
	"one byte a second": "while :; do printf x; sleep 1; done",
	"nothing":           "exec sleep 1000",
}

// A node whose answers make no sense is named, the others are looked after, and nobody needs more than some time and memory for it. A limit
// of 2 GB on addresses leaves Go's programs, which reserve 1.2 GB, some 800 MB.
func TestANodeThatHasGoneMad(t *testing.T) {
	t.Parallel()
	c := withInstances(t, 3)
	for what, answer := range mad {
		t.Run(what, func(t *testing.T) {
			c.Must(t, "node3", "mkdir -p /usr/local/sbin && cd /usr/local/sbin && printf '#!/bin/sh\n"+answer+"\n' >timeout && chmod 755 timeout && cp timeout tail && cp timeout perl")
			defer c.Must(t, "node3", "rm /usr/local/sbin/timeout /usr/local/sbin/tail /usr/local/sbin/perl; pkill -x sleep; pkill -x cat; true")
			commands := []string{"gnt-cluster add-tags " + what[:3], "gnt-node list --no-headers -o name,mfree", "gnt-cluster verify"}
			if fast := what == "garbage" || what == "gigabytes"; fast || os.Getenv(lab.FaultsName) != "" {
				commands = append(commands, "gnt-instance list --no-headers -o name,pnode,oper_state",
					"gnt-node add --readd --no-ssh-key-check node3", "gnt-instance startup down.example.com", "gnt-instance failover -f up.example.com",
					"gnt-instance shutdown up.example.com", "gnt-cluster command -n node3 echo it works")
			}
			if what == "garbage" || what == "gigabytes" { // each of its questions would cost its limit
				commands = append(commands, addCommand("late.example.com", "fake", "diskless", "node3"))
			}
			for _, command := range commands {
				began := time.Now()
				r := c.Run("node1", "ulimit -v 2000000; timeout 400 "+command)
				said := r.Stdout + r.Stderr
				if !strings.Contains(said, "node3.example.com") || strings.Contains(said, "out of memory") || strings.Contains(said, "panic") {
					t.Errorf("%s: status %d\n%.2000s", command, r.Status, said)
				}
				if took := time.Since(began); r.Status == 124 || took > 5*time.Minute {
					t.Errorf("%s takes %v", command, took)
				}
			}
		})
	}
	inv := c.inventory(t, "node1")
	c.judge(t, inv)
	if on := inv.on("up.example.com"); len(on) != 1 || on[0] != "node3" {
		t.Errorf("up runs on %v", on)
	}
	c.Must(t, "node1", "ganeti-watcher")
	if inv := c.inventory(t, "node1"); inv.digests["node3"] != inv.digests["node1"] {
		t.Error("the node that is well again was not caught up")
	}
}
