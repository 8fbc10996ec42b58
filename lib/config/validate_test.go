package config

import (
	"strings"
	"testing"
)

func TestValidateFindsWhatMustNotBe(t *testing.T) {
	minor := 5
	drbd := func(uuid string, minorA, port int) *Disk {
		return &Disk{UUID: uuid, DevType: DTDRBD, IVName: "disk/0", LogicalID: DRBDID{
			NodeA: "1b3ddeb4-a0d7-4de8-85f0-fa009ad6c1f9", NodeB: "0cc49a37-7e21-4f03-83a2-0d2518cb47eb", MinorA: minorA, MinorB: minorA, Port: port}.LogicalID()}
	}
	for name, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"nothing":                           {func(*Config) {}, ""},
		"a node's name twice":               {func(c *Config) { c.Nodes[1].Name = c.Nodes[0].Name }, "duplicate node name 'node1.example.com'"},
		"an instance's name twice":          {func(c *Config) { c.Instances[1].Name = c.Instances[0].Name }, "duplicate instance name 'inst1.example.com'"},
		"a UUID twice":                      {func(c *Config) { c.Instances[1].UUID = c.Instances[0].UUID }, "has the UUID"},
		"no UUID":                           {func(c *Config) { c.Instances[1].UUID = "" }, "instance 'inst2.example.com' has no UUID"},
		"a name with a newline":             {func(c *Config) { c.Instances[1].Name = "a\nb" }, "cannot be a name"},
		"an empty name":                     {func(c *Config) { c.NodeGroups[0].Name = "" }, "cannot be a name"},
		"a name that is not UTF-8":          {func(c *Config) { c.Networks[0].Name = "\xff" }, "not UTF-8"},
		"a parameter that is not UTF-8":     {func(c *Config) { c.Instances[0].HVParams = Params{"kvm_extra": "\xff"} }, "not UTF-8"},
		"a MAC twice":                       {func(c *Config) { c.Instances[1].NICs[0].MAC = c.Instances[0].NICs[0].MAC }, "instance 'inst2.example.com' has NIC 0 mac aa:00:00:4c:53:4c duplicate"},
		"a MAC an instance and a job have":  {func(c *Config) { c.Reservations = []*Reservation{{Job: 1, MAC: c.Instances[0].NICs[0].MAC}} }, "MAC address aa:00:00:4c:53:4c already in use in cluster"},
		"a name an instance and a job have": {func(c *Config) { c.Reservations = []*Reservation{{Job: 1, Name: "inst1.example.com"}} }, "Instance 'inst1.example.com' is already in the cluster"},
		"an address twice in a network": {func(c *Config) {
			c.Instances[0].NICs[0].Network, c.Instances[0].NICs[0].IP = c.Networks[0].UUID, "10.1.0.2"
		}, "IP address 10.1.0.2 is used by multiple owners: instance:inst1.example.com, instance:inst4.example.com/nic:0"},
		"an address twice outside networks": {func(c *Config) { c.Instances[0].NICs[0].IP, c.Instances[1].NICs[0].IP = "10.0.0.7", "10.0.0.7" }, ""},
		"an address two jobs have": {func(c *Config) {
			c.Reservations = []*Reservation{{Job: 1, Network: "n", IP: "10.1.0.3"}, {Job: 2, Network: "n", IP: "10.1.0.3"}}
		}, "already reserved"},
		"a node's address twice":          {func(c *Config) { c.Nodes[1].PrimaryIP = c.Nodes[0].SecondaryIP }, "IP address 198.51.100.11 is used by multiple owners: node:node1.example.com/secondary, node:node2.example.com/primary"},
		"the cluster's address on a node": {func(c *Config) { c.Nodes[1].PrimaryIP = c.Cluster.MasterIP }, "cluster_ip, node:node2.example.com/primary"},
		"one address for both of a node":  {func(c *Config) { c.Nodes[1].SecondaryIP = c.Nodes[1].PrimaryIP }, ""},
		"no port for SSH":                 {func(c *Config) { c.NodeGroups[0].NDParams = Params{"ssh_port": int64(222222)} }, "node group default has the ssh_port 222222, which is no port"},
		"a port twice":                    {func(c *Config) { c.Instances[3].NetworkPort = 11000 }, "tcp/udp port 11000 has duplicates: inst1.example.com/network port, inst4.example.com/network port"},
		"a port in use and free":          {func(c *Config) { c.Cluster.TCPUDPPortPool = []int{11000} }, "tcp/udp port 11000 has duplicates: cluster/port marked as free, inst1.example.com/network port"},
		"a minor twice":                   {func(c *Config) { c.Disks = append(c.Disks, drbd("d1", 5, 12000), drbd("d2", 5, 12001)) }, "DRBD minor 5 of node node1.example.com is used by disk d1 and disk d2"},
		"a minor a disk and a job have": {func(c *Config) {
			c.Disks = append(c.Disks, drbd("d1", 5, 12000))
			c.Reservations = []*Reservation{{Job: 9, Node: c.Nodes[0].UUID, Minor: &minor}}
		}, "used by disk d1 and job 9"},
		"no such primary node":            {func(c *Config) { c.Instances[0].PrimaryNode = "x" }, "instance 'inst1.example.com' has invalid primary node 'x'"},
		"no such disk":                    {func(c *Config) { c.Instances[0].Disks = []string{"x"} }, "Instance 'inst1.example.com' has invalid disk 'x'"},
		"a disk of two instances":         {func(c *Config) { c.Instances[1].Disks = c.Instances[0].Disks }, "belongs to the instances"},
		"no such group":                   {func(c *Config) { c.Nodes[0].Group = "x" }, "Node 'node1.example.com' has invalid group 'x'"},
		"no such network":                 {func(c *Config) { c.Instances[0].NICs[0].Network = "x" }, "has invalid network 'x' in NIC 0"},
		"a group connected to no network": {func(c *Config) { c.Networks = nil; c.Instances[3].NICs = nil }, "node group 'default' has invalid network"},
		"an offline candidate":            {func(c *Config) { c.Nodes[1].Offline = true }, "Node node2.example.com state is invalid: master_candidate=True, drain=False, offline=True"},
		"no master":                       {func(c *Config) { c.Cluster.MasterNode = "x" }, "cluster has invalid primary node x"},
		"a wrong admin state":             {func(c *Config) { c.Instances[0].AdminState = "maybe" }, "invalid admin state 'maybe'"},
		"a disk of no type":               {func(c *Config) { c.Disks[0].DevType = "floppy" }, "invalid type 'floppy'"},
		"a DRBD disk without minors":      {func(c *Config) { c.Disks[0].DevType = DTDRBD }, "invalid logical id"},
		"a disk on no node":               {func(c *Config) { c.Disks[0].Nodes = []string{"x"} }, "has invalid node 'x'"},
		"a pool of the wrong size":        {func(c *Config) { c.Networks[0].Reservations = "0000" }, "has a pool of 4 addresses for 10.1.0.0/29"},
		"a wrong tag":                     {func(c *Config) { c.Nodes[0].Tags = []string{"a b"} }, "Tag contains invalid characters"},
		"a wrong policy":                  {func(c *Config) { c.NodeGroups[0].IPolicy.DiskTemplates = []string{"x"} }, "group default has invalid instance policy: Invalid disk template(s) x"},
		"wrong user ids":                  {func(c *Config) { c.Cluster.UIDPool = []UIDRange{{-5, 3}} }, "smaller than UIDPOOL_UID_MIN"},
	} {
		t.Run(name, func(t *testing.T) {
			c := recordedConfig(t)
			tt.change(c)
			errs := c.Validate()
			if tt.want == "" {
				if errs != nil {
					t.Errorf("Validate = %v", errs)
				}
				return
			}
			for _, err := range errs {
				if strings.Contains(err.Error(), tt.want) {
					return
				}
			}
			t.Errorf("Validate = %v, want %q", errs, tt.want)
		})
	}
}

func TestObjectsAreFoundByNameAndUUID(t *testing.T) {
	c := recordedConfig(t)
	inst := c.InstanceByName("inst2.example.com")
	if inst == nil || c.Instance(inst.UUID) != inst || c.InstanceByName(inst.UUID) != nil || c.MatchInstance("inst2") != inst || c.MatchInstance("INST2.Example.com") != inst {
		t.Error("inst2 is not found as it should be")
	}
	if c.MatchInstance("inst") != nil || c.MatchInstance("") != nil || c.MatchInstance("nosuch") != nil || c.Node("") != nil {
		t.Error("something was found that is not there")
	}
	if g := c.GroupByName("default"); g == nil || c.GroupByName(g.UUID) != g {
		t.Error("a group is found by name and UUID")
	}
	inst.Name = "renamed.example.com" // the index knows the old name
	if c.InstanceByName("inst2.example.com") != nil || c.InstanceByName("renamed.example.com") != inst {
		t.Error("a renamed instance is found by its old name, or not by the new one")
	}
	c.Instances = append(c.Instances, &Instance{UUID: "new", Name: "inst2.other.org"})
	if c.Instance("new") == nil || c.MatchInstance("inst2") != c.Instance("new") {
		t.Error("a new instance is not found")
	}
	c.Instances = append(c.Instances, &Instance{UUID: "newer", Name: "inst2.third.org"})
	if c.MatchInstance("inst2") != nil {
		t.Error("a name that fits two instances found one")
	}
	c.Instances = c.Instances[:1]
	if c.InstanceByName("inst4.example.com") != nil {
		t.Error("a removed instance is found")
	}
}

func TestNodesOfAnInstance(t *testing.T) {
	c := recordedConfig(t)
	inst := c.InstanceByName("inst1.example.com")
	if got := c.SecondaryNodes(inst); len(got) != 0 || c.DiskTemplate(inst) != DTFile {
		t.Errorf("secondaries %v, template %s", got, c.DiskTemplate(inst))
	}
	a, b := c.Nodes[0].UUID, c.Nodes[1].UUID
	c.Disks = append(c.Disks, &Disk{UUID: "d", DevType: DTDRBD, LogicalID: DRBDID{NodeA: b, NodeB: a, Port: 11005, MinorA: 1, MinorB: 2, Secret: "s"}.LogicalID(),
		Children: []*Disk{{DevType: DTPlain, LogicalID: LogicalID{"xenvg", "lv"}, Nodes: []string{a, b}}}})
	inst.Disks = []string{"d"}
	if got := c.SecondaryNodes(inst); len(got) != 1 || got[0] != b || c.DiskTemplate(inst) != DTDRBD {
		t.Errorf("secondaries %v, template %s", got, c.DiskTemplate(inst))
	}
	id, ok := c.Disk("d").DRBD()
	if !ok || id.Minor(a) != 2 || id.Minor(b) != 1 || id.Port != 11005 || id.Secret != "s" {
		t.Errorf("DRBD id %+v", id)
	}
	if vg, lv, ok := c.Disk("d").Children[0].LV(); !ok || vg != "xenvg" || lv != "lv" {
		t.Errorf("LV %s/%s", vg, lv)
	}
	primary, secondary := c.NodeInstances(b)
	if len(primary) != 1 || len(secondary) != 1 || secondary[0] != inst {
		t.Errorf("instances of the secondary: %v, %v", primary, secondary)
	}
}
