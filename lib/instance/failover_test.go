package instance

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
)

func TestFailover(t *testing.T) {
	w := newWorld(t).running("node1")
	e := w.run(Failover{Name: "web", TargetNode: "node2", ShutdownTimeout: 1})
	w.expect(e, "", []string{"node2"}, "node2 up disks=true")
	want := []string{"Failover instance web", "* checking disk consistency between source and target", "* shutting down instance on source node",
		"* closing instance disks on node node1", "* deactivating the instance's disks on source node",
		"* activating the instance's disks on target node node2", "* starting the instance on the target node node2"}
	if !slices.Equal(e.Messages, want) {
		t.Errorf("messages %q", e.Messages)
	}
	if e.Commits != 3 {
		t.Errorf("%d commits", e.Commits)
	}
}

// Before, the scripts run where it goes; after, also where it was. Afterwards old and new primary are the same, as in Ganeti.
func TestFailoverTellsHooks(t *testing.T) {
	w := newWorld(t).running("node2")
	w.web().PrimaryNode = "n2"
	e := w.run(Failover{Name: "web", TargetNode: "node3"})
	var seen []string
	for _, h := range e.Hooks {
		if strings.HasPrefix(h.Dir, "instance-failover") {
			seen = append(seen, h.Node+" "+h.Dir+" "+h.Env["GANETI_OLD_PRIMARY"]+">"+h.Env["GANETI_NEW_PRIMARY"]+" "+h.Env["GANETI_POST_OLD_PRIMARY"])
		}
	}
	want := []string{"node1 instance-failover-pre.d node2>node3 ", "node3 instance-failover-pre.d node2>node3 ",
		"node1 instance-failover-post.d node2>node3 node3", "node2 instance-failover-post.d node2>node3 node3", "node3 instance-failover-post.d node2>node3 node3"}
	if !slices.Equal(seen, want) {
		t.Errorf("hooks %q", seen)
	}
	for _, h := range e.Hooks {
		if h.Env["GANETI_OLD_SECONDARY"]+h.Env["GANETI_NEW_SECONDARY"] != "" {
			t.Errorf("a file on several nodes has no secondary: %q", h.Env)
		}
	}
}

func TestAMovedMirrorsHooksKnowItsSecondary(t *testing.T) {
	w := mirroredWorld(t).upAndRunning()
	w.moving = true
	moved := w.run(Migrate{Name: "web"})
	w.moving = false
	for dir, hooks := range map[string][]jobtest.Hook{"instance-migrate": moved.Hooks, "instance-failover": w.run(Failover{Name: "web"}).Hooks} {
		seen := 0
		for _, h := range hooks {
			if !strings.HasPrefix(h.Dir, dir) {
				continue
			}
			seen++
			if h.Env["GANETI_OLD_SECONDARY"] != h.Env["GANETI_NEW_PRIMARY"] || h.Env["GANETI_NEW_SECONDARY"] != h.Env["GANETI_OLD_PRIMARY"] || h.Env["GANETI_OLD_PRIMARY"] == "" {
				t.Errorf("%s: %q", h.Dir, h.Env)
			}
		}
		if seen == 0 {
			t.Errorf("no hooks of %s ran", dir)
		}
	}
}

func TestFailoverOfStoppedInstanceOnlyMovesIt(t *testing.T) {
	w := newWorld(t)
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2"}), "", nowhere, "node2 down disks=false")
}

// A node that a person has declared off counts as off; one that is merely silent does not.
func TestFailoverFromDeadNode(t *testing.T) {
	w := newWorld(t).running("node1")
	w.off["node1"] = true
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2", IgnoreConsistency: true}), "if that node is off, mark it offline first", []string{"node1"}, "node1 up disks=true")

	w = newWorld(t)
	w.web().AdminState, w.cfg.Node("n1").Offline, w.cfg.Cluster.MasterNode, w.off["node1"] = config.AdminUp, true, "n3", true
	e := w.run(Failover{Name: "web", TargetNode: "node2"})
	w.expect(e, "", []string{"node2"}, "node2 up disks=true")
	if !slices.ContainsFunc(e.Messages, func(m string) bool { return strings.Contains(m, "please make sure node node1 is down") }) {
		t.Errorf("messages %q", e.Messages)
	}
}

// What could not be started again is not stopped.
func TestFailoverWantsItsProofBeforeItStopsTheSource(t *testing.T) {
	w := newWorld(t).running("node1")
	w.off["node3"] = true
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2"}), "Cannot prove that instance web does not run on node node3", []string{"node1"}, "node1 up disks=true")
}

func TestFailoverRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(w *world)
		op      Failover
		failure string
	}{
		"to itself":       {nil, Failover{TargetNode: "node1"}, "Cannot migrate instance web to its primary (node1)"},
		"nowhere":         {nil, Failover{}, "No iallocator or node given and no cluster-wide default iallocator found"},
		"twice":           {nil, Failover{TargetNode: "node2", IAllocator: "hail"}, "Do not specify both, iallocator and node"},
		"unknown node":    {nil, Failover{TargetNode: "nosuch"}, "Node 'nosuch' not known"},
		"drained node":    {func(w *world) { w.cfg.Node("n2").Drained = true }, Failover{TargetNode: "node2"}, "Can't use drained node node2"},
		"offline node":    {func(w *world) { w.cfg.Node("n2").Offline = true }, Failover{TargetNode: "node2"}, "Node is marked offline"},
		"runs there":      {func(w *world) { w.put("node2"); w.twice = false }, Failover{TargetNode: "node2"}, "Instance web runs on node node2 already"},
		"local disks":     {func(w *world) { w.addFile() }, Failover{TargetNode: "node2"}, "Instance's disk layout 'file' does not allow failovers"},
		"no memory there": {func(w *world) { w.web().BEParams = config.Params{"minmem": int64(1 << 30)} }, Failover{TargetNode: "node2"}, "Not enough memory on node node2 for migrating instance web"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t).running("node1")
			if tt.prepare != nil {
				tt.prepare(w)
			}
			before := w.where()
			tt.op.Name = "web"
			e := w.run(tt.op)
			w.twice = false // where it ran on two nodes that was not our doing
			w.expect(e, tt.failure, before, "node1 up disks=true")
			if len(w.begun) > 0 {
				t.Errorf("changed %q", w.begun)
			}
		})
	}
}

// addFile gives the instance a disk that only its node has.
func (w *world) addFile() {
	w.cfg.Disks = append(w.cfg.Disks, &config.Disk{UUID: "d1", DevType: config.DTFile, LogicalID: config.LogicalID{"loop", "/none/web/d1"}, IVName: "disk/0", Size: 32, Mode: "rw"})
	w.web().Disks = []string{"d1"}
}

// Until the new primary is recorded all is taken back; the instance runs again where it was.
func TestFailoverIsTakenBack(t *testing.T) {
	full := errors.New("no space left on device")
	w := newWorld(t).running("node1")
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2"}, jobtest.FailingUpdate(2, store.NotCommitted, full)), "no space left", []string{"node1"}, "node1 up disks=true")

	w = newWorld(t).running("node1")
	w.mends["node1: stops instance web"] = refused
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2"}), "Could not shutdown instance web on node node1", []string{"node1"}, "node1 up disks=true")
}

// If nobody knows whether the new primary is recorded nothing is started anywhere; the ordinary start does it later.
func TestFailoverWithUnknownCommit(t *testing.T) {
	w := newWorld(t).running("node1")
	e := w.run(Failover{Name: "web", TargetNode: "node2"}, jobtest.FailingUpdate(2, store.Unknown, errors.New("the master's disk is silent")))
	w.expect(e, "the master's disk is silent", nowhere, "node1 up disks=false")
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node1"}, "node1 up disks=true")
}

func TestFailoverWhoseStartFails(t *testing.T) {
	w := newWorld(t).running("node1")
	w.mends["node2: starts instance web"] = refused
	w.expect(w.run(Failover{Name: "web", TargetNode: "node2"}), "Could not start instance web on node node2", nowhere, "node2 up disks=false")
	w.expect(w.run(Startup{Name: "web"}), "", []string{"node2"}, "node2 up disks=true")
}

// The job dies before or after any of its commands: the instance never runs twice, and the ordinary commands bring it back.
func TestCrashAnywhere(t *testing.T) {
	for name, tt := range map[string]struct {
		op, repair job.Operation
	}{
		"failover": {Failover{Name: "web", TargetNode: "node2"}, Startup{Name: "web"}},
		"migrate":  {Migrate{Name: "web", TargetNode: "node2"}, Migrate{Name: "web", TargetNode: "node2", Cleanup: true}},
		"reboot":   {Reboot{Name: "web", Type: RebootFull}, Startup{Name: "web"}},
	} {
		w := newWorld(t).running("node1")
		if e := w.run(tt.op); e.Err != nil {
			t.Fatal(e.Err)
		}
		for _, change := range w.begun {
			for what, m := range map[string]mishap{"after": unheard, "before": vanished} {
				t.Run(name+" "+what+" "+change, func(t *testing.T) { crash(t, tt.op, tt.repair, change, m) })
			}
		}
	}
}

// crash cuts an operation off at a change: from then on no node is heard of until it has ended.
func crash(t *testing.T, op, repair job.Operation, change string, m mishap) {
	w := newWorld(t).running("node1")
	w.mends[change] = m
	w.silent = change
	_, w.moving = op.(Migrate)
	e := w.run(op)
	if e.Err == nil {
		t.Fatal("it did not notice")
	}
	w.silent, w.off = "", map[string]bool{}
	e = w.run(repair)
	if e.Err != nil { // a guest that is gone has to be stopped and started, as the text says
		if !strings.Contains(e.Err.Error(), "not seem to be running at all") && !strings.Contains(e.Err.Error(), "runs on node") {
			t.Fatalf("repair: %v", e.Err)
		}
		w.run(Shutdown{Name: "web"})
		if e = w.run(Startup{Name: "web"}); e.Err != nil {
			t.Fatalf("start: %v", e.Err)
		}
	}
	where := w.where()
	if len(where) != 1 || where[0] != w.cfg.NodeName(w.web().PrimaryNode) || w.web().AdminState != config.AdminUp {
		t.Errorf("runs on %v, marked %s on %s", where, w.web().AdminState, w.cfg.NodeName(w.web().PrimaryNode))
	}
	if w.twice {
		t.Error("it ran on two nodes at once")
	}
}
