package network

import (
	"errors"
	"strings"
	"testing"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/job/jobtest"
	"gantry/lib/remote/remotetest"
)

// twoNodes is a cluster with a network of eight addresses that is connected to nothing.
func twoNodes() *config.Config {
	cfg := &config.Config{
		Cluster:    config.Cluster{UUID: "c", ClusterName: "cluster.example.com", MasterNode: "n1", MasterIP: "192.0.2.10", CandidatePool: 10, MACPrefix: "aa:00:00", EnabledHypervisors: []string{"fake"}},
		NodeGroups: []*config.NodeGroup{{UUID: "g", Name: "default", AllocPolicy: "preferred"}},
		Networks:   []*config.Network{{UUID: "u", Name: "net1", Network: "10.1.0.0/29", Gateway: "10.1.0.1"}},
	}
	if err := cfg.Networks[0].InitPool(); err != nil {
		panic(err)
	}
	for i, name := range []string{"node1.example.com", "node2.example.com"} {
		cfg.Nodes = append(cfg.Nodes, &config.Node{UUID: []string{"n1", "n2"}[i], Name: name, PrimaryIP: []string{"192.0.2.11", "192.0.2.12"}[i],
			SecondaryIP: []string{"198.51.100.11", "198.51.100.12"}[i], Group: "g", MasterCandidate: true, MasterCapable: true, VMCapable: true})
	}
	return cfg
}

func run(t *testing.T, cfg *config.Config, op job.Operation, options ...jobtest.Option) jobtest.Ended {
	t.Helper()
	create := map[string]func() job.Operation{
		"OP_NETWORK_ADD": func() job.Operation { return &Add{} }, "OP_NETWORK_REMOVE": func() job.Operation { return &Remove{} },
		"OP_NETWORK_SET_PARAMS": func() job.Operation { return &Modify{} }, "OP_NETWORK_CONNECT": func() job.Operation { return &Connect{} },
		"OP_NETWORK_DISCONNECT": func() job.Operation { return &Disconnect{} }, "OP_NETWORK_RENAME": func() job.Operation { return &Rename{} },
	}[op.OpID()]
	return jobtest.Run(t, remotetest.New(t), cfg, op, create, options...)
}

func TestANewNetworkSetsAsideWhatNodesHaveOfIt(t *testing.T) {
	end := run(t, twoNodes(), Add{Name: "lan", Network: "192.0.2.0/24", Gateway: "192.0.2.254", ConflictsCheck: true, Tags: []string{"b", "a"}})
	if end.Err != nil {
		t.Fatal(end.Err)
	}
	n := end.Config.NetworkByName("lan")
	if got := strings.Join(n.External(), " "); got != "192.0.2.0 192.0.2.10 192.0.2.11 192.0.2.12 192.0.2.254 192.0.2.255" {
		t.Errorf("set aside: %s", got)
	}
	if len(end.Messages) != 3 || end.Messages[0] != " - INFO: Reserved IP address of node 'node1.example.com' (192.0.2.11)" {
		t.Errorf("messages: %q", end.Messages)
	}
	if strings.Join(n.Tags, " ") != "a b" {
		t.Errorf("tags: %q", n.Tags)
	}
}

func TestRefusalsComeBeforeAnythingChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		op   job.Operation
		want string
	}{
		"no network":       {Add{Name: "x", Network: "bad"}, "Parameter 'OP_NETWORK_ADD.network' fails validation"},
		"netmask":          {Add{Name: "x", Network: "192.0.2.0/33"}, "'33' is not a valid netmask"},
		"host bits":        {Add{Name: "x", Network: "10.1.0.5/29"}, "10.1.0.5/29 has host bits set"},
		"too small":        {Add{Name: "x", Network: "10.1.0.0/31"}, "Cannot create IP address pool for network 'x': A network with only 2 host(s) is too small, please specify at least a /30 network"},
		"foreign gateway":  {Add{Name: "x", Network: "10.1.0.0/29", Gateway: "10.2.0.1"}, "Cannot create IP address pool for network 'x': 10.1.0.0/29 does not contain 10.2.0.1"},
		"taken name":       {Add{Name: "net1", Network: "10.9.0.0/29"}, "Desired network name 'net1' already exists as a network (UUID: u)"},
		"MAC prefix":       {Add{Name: "x", Network: "10.9.0.0/29", MACPrefix: "zz"}, "Invalid MAC address prefix 'zz'"},
		"bad tag":          {Add{Name: "x", Network: "10.9.0.0/29", Tags: []string{"a b"}}, "Tag contains invalid characters"},
		"empty tag":        {Add{Name: "x", Network: "10.9.0.0/29", Tags: []string{""}}, "Failed to parse request: SubmitJob: Can't parse value for 'tags': Received empty value for non-empty list"},
		"netmask 6":        {Add{Name: "x", Network: "10.9.0.0/29", Network6: "2001:db8::/129"}, "'129' is not a valid netmask"},
		"host bits 6":      {Add{Name: "x", Network: "10.9.0.0/29", Network6: "2001:db8::1/64"}, "2001:db8::1/64 has host bits set"},
		"gateway 6":        {Add{Name: "x", Network: "10.9.0.0/29", Network6: "2001:db8::/64", Gateway6: "2001:db9::1"}, "2001:db8::/64 does not contain 2001:db9::1"},
		"later gateway 6":  {Modify{Name: "net1", Network6: "2001:db8::/64", Gateway6: "2001:db9::1"}, "2001:db8::/64 does not contain 2001:db9::1"},
		"unknown network":  {Remove{Name: "nosuch"}, "Network 'nosuch' not found"},
		"unknown group":    {Connect{Name: "net1", Group: "nosuch", Mode: "bridged", Link: "br0"}, "Node group 'nosuch' not found"},
		"no name":          {Add{Network: "10.9.0.0/29"}, "Failed to parse request: SubmitJob: Can't parse value for 'network_name': Received empty value for non-empty list"},
		"no such mode":     {Connect{Name: "net1", Group: "default", Mode: "foo", Link: "br0"}, "Failed to parse request: SubmitJob: Can't parse value for 'network_mode': Invalid string value for type NICMode: \"foo\""},
		"no link":          {Connect{Name: "net1", Group: "default", Mode: "routed"}, "Failed to parse request: SubmitJob: Can't parse value for 'network_link': Received empty value for non-empty list"},
		"rename unknown":   {Rename{Name: "nosuch", NewName: "x"}, "Network 'nosuch' not found"},
		"rename to itself": {Rename{Name: "net1", NewName: "net1"}, "Desired new name 'net1' clashes with existing network (UUID: u)"},
		"rename to none":   {Rename{Name: "net1"}, "Failed to parse request: SubmitJob: Can't parse value for 'new_name': Received empty value for non-empty list"},
		"gateway outside":  {Modify{Name: "net1", Gateway: "10.2.0.1"}, "10.1.0.0/29 does not contain 10.2.0.1"},
		"two at once":      {Modify{Name: "net1", Gateway: "10.1.0.2", AddReservedIPs: []string{"10.1.0.3"}}, "Cannot modify gateway and reserved ips at once"},
		"gateway in shell": {Modify{Name: "net1", Gateway: "$(reboot)"}, "Parameter 'OP_NETWORK_SET_PARAMS.gateway' fails validation"},
	} {
		t.Run(name, func(t *testing.T) {
			end := run(t, twoNodes(), tt.op)
			if end.Err == nil || end.Err.Error() != tt.want {
				t.Errorf("got %v, want %s", end.Err, tt.want)
			}
			if end.Commits != 0 {
				t.Errorf("%d commits", end.Commits)
			}
		})
	}
}

func TestConnectAndDisconnect(t *testing.T) {
	cfg := twoNodes()
	end := run(t, cfg, Connect{Name: "net1", Group: "default", Mode: "bridged", Link: "br0", ConflictsCheck: true})
	if end.Err != nil || end.Config.NodeGroups[0].Networks["u"].String("link") != "br0" {
		t.Fatalf("connected: %v, %v", end.Config.NodeGroups[0].Networks, end.Err)
	}
	again := run(t, end.Config, Connect{Name: "net1", Group: "default", Mode: "routed", Link: "x"})
	if len(again.Messages) != 1 || again.Messages[0] != " - WARNING: Network 'net1' is already mapped to group 'default'" || again.Commits != 0 {
		t.Errorf("again: %q, %d commits", again.Messages, again.Commits)
	}
	still := run(t, end.Config, Remove{Name: "net1"})
	if fault.KindOf(still.Err) != fault.WrongState {
		t.Errorf("removing a connected network: %v", still.Err)
	}
	more := end.Config.Clone()
	more.NodeGroups = append(more.NodeGroups, &config.NodeGroup{UUID: "g2", Name: "a10", Networks: more.NodeGroups[0].Networks},
		&config.NodeGroup{UUID: "g3", Name: "a9", Networks: more.NodeGroups[0].Networks})
	still = run(t, more, Remove{Name: "net1"})
	if want := " - WARNING: Network 'net1' is connected to the following node groups: a9, a10, default"; len(still.Messages) != 1 || still.Messages[0] != want {
		t.Errorf("removing a network of three groups: %q", still.Messages)
	}
	gone := run(t, end.Config, Disconnect{Name: "net1", Group: "default"})
	if gone.Err != nil || len(gone.Config.NodeGroups[0].Networks) != 0 {
		t.Errorf("disconnected: %v, %v", gone.Config.NodeGroups[0].Networks, gone.Err)
	}
}

func TestANetworkInUseCannotBeDisconnectedNorItsAddressBeTheGateway(t *testing.T) {
	cfg := twoNodes()
	cfg.NodeGroups[0].Networks = map[string]config.Params{"u": {"mode": "bridged", "link": "br0", "vlan": ""}}
	cfg.Instances = []*config.Instance{{UUID: "i", Name: "inst1.example.com", PrimaryNode: "n2", Hypervisor: "fake", AdminState: config.AdminDown,
		AdminStateSource: config.AdminSource, NICs: []config.NIC{{UUID: "nic", MAC: "aa:00:00:00:00:01", Network: "u", IP: "10.1.0.2"}}}}
	if err := cfg.Networks[0].Reserve("10.1.0.2"); err != nil {
		t.Fatal(err)
	}
	end := run(t, cfg, Disconnect{Name: "net1", Group: "default"})
	want := " - WARNING: IP addresses from network 'net1', which is about to disconnect from node group 'default', are in use: inst1.example.com: nic0/10.1.0.2"
	if end.Err == nil || len(end.Messages) != 1 || end.Messages[0] != want {
		t.Errorf("got %v, %q", end.Err, end.Messages)
	}
	taken := run(t, cfg, Modify{Name: "net1", Gateway: "10.1.0.2"})
	if fault.KindOf(taken.Err) != fault.WrongState || taken.Commits != 0 {
		t.Errorf("an instance's address as the gateway: %v", taken.Err)
	}
}

// Who makes an instance gives the group's lock back before it is recorded.
func TestANetworkIsNotDisconnectedFromInstancesThatAreBeingMade(t *testing.T) {
	for group, refused := range map[string]bool{"g": true, "g2": false} {
		cfg := twoNodes()
		cfg.NodeGroups = append(cfg.NodeGroups, &config.NodeGroup{UUID: "g2", Name: "other", AllocPolicy: "preferred"})
		cfg.NodeGroups[0].Networks = map[string]config.Params{"u": {"mode": "bridged", "link": "br0", "vlan": ""}}
		cfg.Nodes[1].Group = group
		cfg.Reservations = []*config.Reservation{{Job: 9, Name: "inst1.example.com", Node: "n2"}, {Job: 9, Node: "n2", Memory: 128}, {Job: 9, MAC: "aa:00:00:00:00:01"},
			{Job: 9, MAC: "aa:00:00:00:00:02", Network: "u", IP: "10.1.0.2"}, {Job: 9, MAC: "aa:00:00:00:00:03", Network: "u"}}
		end := run(t, cfg, Disconnect{Name: "net1", Group: "default"})
		want := " - WARNING: IP addresses from network 'net1', which is about to disconnect from node group 'default', are in use: inst1.example.com: nic1/10.1.0.2, nic2/None"
		switch {
		case refused && (fault.KindOf(end.Err) != fault.WrongState || len(end.Messages) != 1 || end.Messages[0] != want):
			t.Errorf("%v, %q", end.Err, end.Messages)
		case !refused && end.Err != nil:
			t.Errorf("made in another group: %v", end.Err)
		}
	}
}

func TestARenamedNetworkKeepsItsConnections(t *testing.T) {
	cfg := twoNodes()
	cfg.NodeGroups[0].Networks = map[string]config.Params{"u": {"mode": "bridged", "link": "br0", "vlan": ""}}
	end := run(t, cfg, Rename{Name: "net1", NewName: "lan"})
	if n := end.Config.NetworkByName("lan"); end.Err != nil || n == nil || n.UUID != "u" || n.SerialNo != 1 {
		t.Errorf("got %v, %+v", end.Err, n)
	}
	if end.Config.NetworkByName("net1") != nil || len(end.Config.NodeGroups[0].Networks) != 1 {
		t.Error("the old name or a lost connection is left")
	}
}

func TestModifyMovesTheGateway(t *testing.T) {
	end := run(t, twoNodes(), Modify{Name: "net1", Gateway: "10.1.0.6", MACPrefix: "aa:bb:dd"})
	n := end.Config.NetworkByName("net1")
	if end.Err != nil || n.Gateway != "10.1.0.6" || n.Map() != "X.....XX" || n.MACPrefix != "aa:bb:dd" || n.SerialNo != 1 {
		t.Errorf("got %v, %s %s %s serial %d", end.Err, n.Gateway, n.Map(), n.MACPrefix, n.SerialNo)
	}
	end = run(t, end.Config, Modify{Name: "net1", AddReservedIPs: []string{"10.1.0.6", "10.1.0.3"}, RemoveReservedIPs: []string{"10.1.0.6"}, MACPrefix: None})
	if got := strings.Join(end.Messages, "|"); got != " - WARNING: Cannot reserve IP address 10.1.0.6: IP 10.1.0.6 is already externally reserved| - WARNING: Cannot unreserve Gateway's IP" {
		t.Errorf("messages: %s", got)
	}
	if n := end.Config.NetworkByName("net1"); n.Map() != "X..X..XX" || n.MACPrefix != "" {
		t.Errorf("map %s, prefix %q", n.Map(), n.MACPrefix)
	}
}

func TestAFailedCommitLeavesTheNetworkAsItWas(t *testing.T) {
	full := errors.New("no space left on device")
	end := run(t, twoNodes(), Remove{Name: "net1"}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || !strings.Contains(end.Err.Error(), full.Error()) || end.Config.NetworkByName("net1") == nil {
		t.Errorf("got %v", end.Err)
	}
	end = run(t, twoNodes(), Rename{Name: "net1", NewName: "lan"}, jobtest.FailingUpdate(1, store.NotCommitted, full))
	if end.Err == nil || end.Config.NetworkByName("net1") == nil {
		t.Errorf("got %v", end.Err)
	}
}
