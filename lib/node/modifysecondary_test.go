package node

import (
	"slices"
	"testing"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/job"
	"gantry/lib/remote/remotetest"
)

// loopback is a cluster whose replication network is this machine's own. node2 is the primary node of mirrored and plain, the
// secondary of other.
func loopback() *config.Config {
	cfg := fourNodes()
	for i, n := range cfg.Nodes {
		n.SecondaryIP = "127.0.0.1" + string(rune('1'+i))
	}
	mirror := config.DRBDID{NodeA: "n1", NodeB: "n2"}.LogicalID()
	for _, i := range []struct {
		name, primary string
		disk          config.Disk
	}{
		{"mirrored", "n2", config.Disk{DevType: config.DTDRBD, LogicalID: mirror}},
		{"plain", "n2", config.Disk{DevType: config.DTPlain, Nodes: []string{"n2"}}},
		{"other", "n1", config.Disk{DevType: config.DTDRBD, LogicalID: mirror}},
	} {
		i.disk.UUID = "disk of " + i.name
		cfg.Disks = append(cfg.Disks, &i.disk)
		cfg.Instances = append(cfg.Instances, &config.Instance{UUID: i.name, Name: i.name, PrimaryNode: i.primary, Hypervisor: config.HVFake,
			Disks: []string{i.disk.UUID}, AdminState: config.AdminDown, AdminStateSource: config.AdminSource})
	}
	return cfg
}

func TestTheSecondAddressIsChangedWhileTheMirrorsRest(t *testing.T) {
	const notReachable = "Node secondary ip not reachable by TCP based ping to node daemon port"
	states := func(node string) string { return node + ".example.com: " + fake.StateProbe().Line() }
	has := func(ip string) (string, string) {
		return "node2.example.com: ip -o addr show to " + ip, "2: eth1 inet " + ip + "/24"
	}
	for name, tt := range map[string]struct {
		ip     string
		change func(*config.Config)
		nodes  func(f *remotetest.Fake)
		want   string
	}{
		"all down": {"127.0.0.99", func(*config.Config) {}, func(f *remotetest.Fake) {
			f.Answer(states("node1"), "").Answer(states("node2"), "plain 3 128 1\n").Answer(has("127.0.0.99"))
		}, ""},
		"not the node's": {"127.0.0.99", func(c *config.Config) { c.Instances = nil }, func(f *remotetest.Fake) {
			f.Answer("node2.example.com: ip -o addr show to 127.0.0.99", "")
		}, "Node claims it doesn't have the secondary ip you gave (127.0.0.99), please fix and re-run this command"},
		"no way there": {"198.51.100.99", func(c *config.Config) { c.Instances = nil }, func(f *remotetest.Fake) { f.Answer(has("198.51.100.99")) }, notReachable},
		"marked up on the other node": {"127.0.0.99", func(c *config.Config) { c.InstanceByName("other").AdminState = config.AdminUp },
			func(f *remotetest.Fake) { f.Answer(states("node2"), "") }, "Instance 'other' is marked to be up, cannot change secondary ip"},
		"runs all the same": {"127.0.0.99", func(*config.Config) {},
			func(f *remotetest.Fake) { f.Answer(states("node2"), "mirrored 3 128 1\n") }, "Instance mirrored is running, cannot change secondary ip"},
		"offline": {"127.0.0.99", func(c *config.Config) { c.Nodes[1].Offline, c.Nodes[1].MasterCandidate = true, false }, func(*remotetest.Fake) {},
			"Cannot change secondary IP address: offline node has instances (mirrored, other) configured to use it"},
		"offline without mirrors": {"127.0.0.99", func(c *config.Config) {
			c.Nodes[1].Offline, c.Nodes[1].MasterCandidate, c.Instances = true, false, c.Instances[1:2]
		}, func(*remotetest.Fake) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, nodes := loopback(), remotetest.New(t)
			tt.change(cfg)
			tt.nodes(nodes)
			end := run(t, nodes, cfg, Modify{Name: "node2", SecondaryIP: tt.ip})
			got, now := "", tt.ip
			if end.Err != nil {
				got, now = end.Err.Error(), "127.0.0.12"
			}
			if got != tt.want || end.Config.Node("n2").SecondaryIP != now {
				t.Errorf("got %v, %s, want %s", end.Err, end.Config.Node("n2").SecondaryIP, tt.want)
			}
		})
	}
}

func TestMirrorsAreLockedForANewAddress(t *testing.T) {
	w := &modify{Modify: Modify{Name: "node2", SecondaryIP: "127.0.0.99"}}
	locks, err := w.Locks(loopback())
	want := []job.Lock{{Level: job.LevelInstance, Name: "mirrored", Shared: true}, {Level: job.LevelInstance, Name: "other", Shared: true}, {Level: job.LevelNode, Name: "n2"}}
	if err != nil || !slices.Equal(locks, want) {
		t.Errorf("locks %v, %v", locks, err)
	}
}

func TestOnlyTheMasterBeginsOrEndsAReplicationNetwork(t *testing.T) {
	for ip, tt := range map[string]struct {
		single bool
		want   string
	}{
		"127.0.0.99": {true, " - WARNING: Transitioning from single-homed to multi-homed cluster; all nodes will require a secondary IP address"},
		"192.0.2.11": {false, " - WARNING: Transitioning from multi-homed to single-homed cluster; secondary IP addresses will have to be removed"},
	} {
		cfg := fourNodes()
		if tt.single {
			for _, n := range cfg.Nodes {
				n.SecondaryIP = n.PrimaryIP
			}
		}
		if end := run(t, remotetest.New(t), cfg, Modify{Name: "node1", SecondaryIP: ip}); end.Err == nil {
			t.Errorf("%s without force was not refused", ip)
		}
		end := run(t, remotetest.New(t).Answer("node1.example.com: ip -o addr show to "+ip, "2: eth1"), cfg, Modify{Name: "node1", SecondaryIP: ip, Force: true})
		if end.Err != nil || !slices.Contains(end.Messages, tt.want) || end.Config.Node("n1").SecondaryIP != ip {
			t.Errorf("%s: %v, %q", ip, end.Err, end.Messages)
		}
	}
}
