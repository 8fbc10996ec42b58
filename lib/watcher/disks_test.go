package watcher

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/query"
)

// mirrorGroup is three nodes; each instance of names is on node1 and has its mirror on node2.
func mirrorGroup(t *testing.T, names ...string) *group {
	cfg := &config.Config{}
	x := &group{Watcher: &Watcher{cfg: cfg, Log: &Log{Path: filepath.Join(t.TempDir(), "log"), Now: func() time.Time { return now }}},
		known: state{Instances: map[string]attempts{}, Nodes: map[string]seen{"node1": {"a"}, "node2": {"b"}, "node3": {"c"}}}}
	for i, id := range []string{"a", "b", "c"} {
		n := &config.Node{UUID: "n" + string(rune('1'+i)), Name: "node" + string(rune('1'+i))}
		cfg.Nodes = append(cfg.Nodes, n)
		x.nodes = append(x.nodes, &query.NodeRow{Config: cfg, Node: n, Live: query.NodeLive{Answered: true, BootID: id}})
	}
	for _, name := range names {
		d := &config.Disk{UUID: "d" + name, DevType: config.DTDRBD, Nodes: []string{"n1", "n2"}, LogicalID: config.DRBDID{NodeA: "n1", NodeB: "n2"}.LogicalID()}
		inst := &config.Instance{UUID: "i" + name, Name: name, PrimaryNode: "n1", DisksActive: true, AdminState: config.AdminUp, Disks: []string{d.UUID}}
		cfg.Disks, cfg.Instances = append(cfg.Disks, d), append(cfg.Instances, inst)
		x.instances = append(x.instances, &query.InstanceRow{Config: cfg, Instance: inst, Live: query.InstanceLive{Answered: true, Running: true, On: "n1"}})
	}
	return x
}

func TestMirrorsOnANodeThatWasStartedAnewAreAttached(t *testing.T) {
	x := mirrorGroup(t, "db", "mail", "web")
	if got := x.rebooted(nil); got != nil {
		t.Errorf("nothing was started anew: %q", got)
	}
	x.cfg.InstanceByName("mail").DisksActive = false
	for node, want := range map[int][]string{0: nil, 1: {"web"}, 2: nil} {
		x.nodes[node].Live.BootID = "new"
		if got := x.rebooted([]string{"db"}); !slices.Equal(got, want) {
			t.Errorf("node%d was started anew: %q, want %q", node+1, got, want)
		}
		if got := x.rebooted(nil); got != nil {
			t.Errorf("in the next run: %q", got)
		}
	}
	x.nodes[1].Live.BootID = ""
	if got := x.rebooted(nil); got != nil || x.known.Nodes["node2"].BootID != "new" {
		t.Errorf("a node that does not answer: %q, %v", got, x.known.Nodes)
	}
}

func TestDisksAreAttachedWhereAllNodesCanHelp(t *testing.T) {
	x := mirrorGroup(t, "db", "mail", "web")
	x.instances[1].Live = query.InstanceLive{}
	if got := x.helpful([]string{"web", "mail", "gone"}); !slices.Equal(got, []string{"web"}) {
		t.Errorf("one has a node that does not answer: %q", got)
	}
	x.instances[2].Live.On = "n2"
	if got := x.helpful([]string{"db", "web"}); !slices.Equal(got, []string{"db"}) {
		t.Errorf("one runs elsewhere: %q", got)
	}
	x.cfg.Nodes[1].Offline = true
	if got := x.helpful([]string{"db", "web"}); got != nil {
		t.Errorf("the other node is offline: %q", got)
	}
}
