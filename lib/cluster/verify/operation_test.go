package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote"
	"gantry/lib/remote/remotetest"
)

func TestConfigJob(t *testing.T) {
	create := func() job.Operation { return &Config{} }
	headings := []string{"* Verifying cluster config", "* Verifying cluster certificate files", "* Verifying hypervisor parameters",
		"* Verifying all nodes belong to an existing group"}
	ended := jobtest.Run(t, remotetest.New(t), cluster3(), Config{}, create)
	if ended.Err != nil || string(ended.Result) != "true" || !slices.Equal(ended.Messages, headings) || ended.Commits != 0 {
		t.Errorf("%v, %s\n%s", ended.Err, ended.Result, strings.Join(ended.Messages, "\n"))
	}

	cfg := cluster3()
	cfg.NodeByName("node3").Group = "gone"
	cfg.InstanceByName("web").PrimaryNode = "nobody"
	cfg.InstanceByName("db").HVParams = config.Params{"migration_port": int64(-1)}
	minor := 3
	cfg.Reservations = []*config.Reservation{{Job: 77, Node: "n1", Name: "new", MiB: 10, VG: "vg", Memory: 5, Minor: &minor, Port: 11009, IP: "192.0.2.7", MAC: "aa:00:00:99:99:99"}}
	ended = jobtest.Run(t, remotetest.New(t), cfg, Config{Options: Options{ErrorCodes: true}}, create)
	want := []string{
		headings[0],
		"  - ERROR:ECLUSTERCFG:cluster:None:Node 'node3' has invalid group 'gone'",
		"  - ERROR:ECLUSTERCFG:cluster:None:instance 'web' has invalid primary node 'nobody'",
		"  - WARNING:ECLUSTERCFG:cluster:None:job 77 has ended and still has reserved the name new, 10 MiB in volume group vg, 5 MiB of memory, a DRBD minor, port 11009, address 192.0.2.7, MAC address aa:00:00:99:99:99 on node node1",
		headings[1], headings[2],
		"  - ERROR:ECLUSTERCFG:cluster:None:hypervisor instance db parameters syntax check (source kvm): Parameter 'migration_port' fails syntax check: invalid port number (current value: '-1')",
		headings[3],
		"  - ERROR:ECLUSTERDANGLINGNODES:node:None:the following nodes (and their instances) belong to a non existing group: node3 (mail)",
		"  - ERROR:ECLUSTERDANGLINGINST:node:None:the following instances have a non-existing primary-node: web",
	}
	if string(ended.Result) != "false" || !slices.Equal(ended.Messages, want) {
		t.Errorf("%s\n%s\nwant\n%s", ended.Result, strings.Join(ended.Messages, "\n"), strings.Join(want, "\n"))
	}
}

func TestClusterJobSubmitsTheOthers(t *testing.T) {
	cfg := cluster3()
	cfg.NodeGroups = append(cfg.NodeGroups, &config.NodeGroup{UUID: "g2", Name: "other"})
	create := func() job.Operation { return &Cluster{} }
	ended := jobtest.Run(t, remotetest.New(t), cfg, Cluster{}, create)
	var s job.Submitted
	if err := json.Unmarshal(ended.Result, &s); err != nil || len(s.IDs()) != 3 {
		t.Errorf("%v: %s (%v)", ended.Err, ended.Result, err)
	}
	group := "default"
	ended = jobtest.Run(t, remotetest.New(t), cfg, Cluster{Group: &group}, create)
	s = job.Submitted{}
	if err := json.Unmarshal(ended.Result, &s); err != nil || len(s.IDs()) != 1 {
		t.Errorf("one group: %v: %s (%v)", ended.Err, ended.Result, err)
	}
}

func TestGroupJob(t *testing.T) {
	create := func() job.Operation { return &Group{} }
	ended := jobtest.Run(t, remotetest.New(t), cluster3(), Group{Group: "nosuch"}, create)
	if ended.Err == nil || !strings.Contains(ended.Err.Error(), "Node group 'nosuch' not found") || len(ended.Messages) > 0 {
		t.Errorf("%v, %q", ended.Err, ended.Messages)
	}
	cfg := cluster3()
	cfg.NodeGroups = append(cfg.NodeGroups, &config.NodeGroup{UUID: "g2", Name: "west"})
	ended = jobtest.Run(t, remotetest.New(t), cfg, Group{Group: "west"}, create)
	if want := []string{"* Verifying group 'west'", "* Empty node group, skipping verification"}; ended.Err != nil || string(ended.Result) != "true" || !slices.Equal(ended.Messages, want) {
		t.Errorf("%v, %s, %q", ended.Err, ended.Result, ended.Messages)
	}
}

// node is a node that answers as it likes.
type node struct {
	job.Nodes
	run func(ctx context.Context, c remote.Cmd) (remote.Result, error)
}

func (n node) Run(ctx context.Context, _ string, c remote.Cmd) (remote.Result, error) {
	return n.run(ctx, c)
}

func TestAsk(t *testing.T) {
	cfg := cluster3()
	cfg.Cluster.MasterIP = "127.0.0.1"
	for _, n := range cfg.Nodes {
		n.PrimaryIP, n.SecondaryIP = "127.0.0.1", "127.0.0.1"
	}
	g, _ := healthy(t, cfg, Options{})
	first := g.nodes[:1]
	ask := func(run func(ctx context.Context, c remote.Cmd) (remote.Result, error)) *answer {
		g.env.Nodes = node{run: run}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return g.ask(ctx, first)[first[0].UUID]
	}
	trips := 0
	here := ask(func(ctx context.Context, c remote.Cmd) (remote.Result, error) {
		trips++
		out, err := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...).Output()
		return remote.Result{Stdout: out}, err
	})
	if here.failed != nil || here.garbled != nil || here.facts.CPUs == 0 || here.ssh.hostname == "" || trips != 1 {
		t.Errorf("this machine: %v, %v, %d trips", here.failed, here.garbled, trips)
	}
	garbage := ask(func(context.Context, remote.Cmd) (remote.Result, error) {
		return remote.Result{Stdout: []byte("junk\n=== x\n")}, nil
	})
	if garbage.failed != nil || garbage.garbled == nil {
		t.Errorf("garbage: %v, %v", garbage.failed, garbage.garbled)
	}
	lost := ask(func(_ context.Context, c remote.Cmd) (remote.Result, error) {
		return remote.Result{}, &remote.Error{Node: "node1", Line: c.Line(), Outcome: remote.Unknown, Err: errors.New("connection lost")}
	})
	if reason(lost.failed) != "connection lost" {
		t.Errorf("lost: %v", lost.failed)
	}
	if got := reason(&remote.Error{Node: "node1", Err: fmt.Errorf("%w: %w", remote.ErrUnreachable, context.DeadlineExceeded)}); got != "unreachable: context deadline exceeded" {
		t.Errorf("a connection that takes too long: %s", got)
	}
}

func TestFrozenNodeIsNotWaitedFor(t *testing.T) {
	g, _ := healthy(t, cluster3(), Options{})
	g.env.Nodes = node{run: func(ctx context.Context, c remote.Cmd) (remote.Result, error) {
		<-ctx.Done()
		return remote.Result{}, &remote.Error{Node: "node1", Outcome: remote.Unknown, Err: ctx.Err()}
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	a := g.ask(ctx, g.nodes)["n3"]
	if reason(a.failed) != "no answer within 120 seconds" || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v", a.failed, time.Since(begun))
	}
}
