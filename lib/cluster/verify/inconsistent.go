package verify

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/disk"
)

// inconsistencies are what is wrong with a configuration in itself: what no transaction may bring in (config.Validate), then
// what may come up and is only to be known.
func inconsistencies(cfg *config.Config) []string {
	c := &consistency{Config: cfg}
	for _, err := range cfg.Validate() {
		c.wrong("%v", err)
	}
	c.cluster()
	c.instances()
	c.ports()
	c.candidates()
	c.nodes()
	c.groups()
	c.addresses()
	return c.found
}

// consistency is the working state of inconsistencies.
type consistency struct {
	*config.Config
	found []string
}

// wrong notes a finding, once.
func (c *consistency) wrong(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.found, text) {
		c.found = append(c.found, text)
	}
}

// typed notes parameters that do not have their types.
func (c *consistency) typed(owner, kind string, table config.Table, params config.Params) {
	if _, err := table.Force(params); err != nil {
		c.wrong("%s has invalid %s: %v", owner, kind, err)
	}
}

func (c *consistency) cluster() {
	cl := &c.Cluster
	if len(cl.EnabledHypervisors) == 0 {
		c.wrong("enabled hypervisors list doesn't have any entries")
	}
	var without []string
	for _, hv := range cl.EnabledHypervisors {
		if cl.HVParams[hv] == nil && config.HVTable(hv) == nil {
			without = append(without, hv)
		}
	}
	if without != nil {
		c.wrong("hypervisor parameters missing for the enabled hypervisor(s) %s", comma(without))
	}
	if len(cl.EnabledDiskTemplates) == 0 {
		c.wrong("enabled disk templates list doesn't have any entries")
	}
	c.typed("cluster", "beparams", config.BEParams, c.BEDefaults())
	c.nic("cluster", c.NICDefaults())
	c.typed("cluster", "ndparams", config.NDParams, cl.NDParams)
	for _, template := range sorted(cl.DiskParams) {
		access := cl.DiskParams[template].String("access")
		if access != "" && access != "userspace" && access != "kernelspace" {
			c.wrong("Invalid value of '%s:access': '%s' (expected one of kernelspace, userspace)", template, access)
		}
	}
}

func (c *consistency) nic(owner string, params config.Params) {
	c.typed(owner, "nicparams", config.NICParams, params)
	if err := config.CheckNICParams(params); err != nil {
		c.wrong("%s has invalid nicparams: %v", owner, err)
	}
}

func (c *consistency) instances() {
	for _, inst := range c.Instances {
		for i := range inst.NICs {
			if nic := &inst.NICs[i]; len(nic.NICParams) > 0 {
				c.nic(fmt.Sprintf("instance %s nic %d", inst.Name, i), c.FilledNIC(nic))
			}
		}
		if len(inst.BEParams) > 0 {
			c.typed("instance "+inst.Name, "beparams", config.BEParams, c.FilledBE(inst))
		}
		var misnamed []string
		for i, d := range c.InstanceDisks(inst) {
			if d == nil {
				continue
			}
			if want := fmt.Sprintf("disk/%d", i); d.IVName != want {
				misnamed = append(misnamed, fmt.Sprintf("name of disk %d should be '%s', but is '%s'", i, want, d.IVName))
			}
		}
		if misnamed != nil {
			c.wrong("Instance '%s' has wrongly named disks: %s", inst.Name, strings.Join(misnamed, "; "))
		}
	}
}

// ports finds ports above the one that is noted as the highest: the next one given out could be in use.
func (c *consistency) ports() {
	highest := 0
	for _, inst := range c.Instances {
		highest = max(highest, inst.NetworkPort)
	}
	for _, d := range c.Disks {
		if id, ok := d.DRBD(); ok {
			highest = max(highest, id.Port)
		}
	}
	for _, port := range c.Cluster.TCPUDPPortPool {
		highest = max(highest, port)
	}
	if highest > c.Cluster.HighestUsedPort && highest > 0 {
		c.wrong("Highest used port mismatch, saved %d, computed %d", c.Cluster.HighestUsedPort, highest)
	}
}

func (c *consistency) candidates() {
	if master := c.MasterNode(); master != nil && !master.MasterCandidate {
		c.wrong("Master node is not a master candidate")
	}
	if actual, target := c.CandidateCount(0); actual < target {
		c.wrong("Not enough master candidates: actual %d, target %d", actual, target)
	}
}

func (c *consistency) nodes() {
	for _, n := range c.Nodes {
		c.typed("node "+n.Name, "ndparams", config.NDParams, c.FilledND(n))
		var global []string
		for _, p := range config.NDParams {
			if _, set := n.NDParams[p.Name]; set && p.ClusterOnly {
				global = append(global, p.Name)
			}
		}
		if global != nil {
			c.wrong("Node '%s' has some global parameters set: %s", n.Name, comma(global))
		}
	}
}

var uuidForm = regexp.MustCompile(`^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$`)

func (c *consistency) groups() {
	for _, g := range c.NodeGroups {
		if uuidForm.MatchString(strings.ToLower(g.Name)) {
			c.wrong("node group '%s' (uuid: '%s') has uuid-like name", g.Name, g.UUID)
		}
		if len(g.NDParams) > 0 {
			c.typed("group "+g.Name, "ndparams", config.NDParams, c.GroupND(g))
		}
	}
}

// addresses finds interfaces on the same link with the same address. Nodes' addresses are looked at by Validate.
func (c *consistency) addresses() {
	kinds := map[string]string{config.NICBridged: "bridge", config.NICRouted: "route", config.NICOpenvswitch: "ovs"}
	owners := map[string][]string{}
	for _, inst := range c.Instances {
		for i := range inst.NICs {
			nic := &inst.NICs[i]
			if nic.IP == "" {
				continue
			}
			p := c.FilledNIC(nic)
			key := fmt.Sprintf("%s:%s/%s/%s", kinds[p.String("mode")], p.String("link"), nic.IP, cmp.Or(nic.Network, "None"))
			owners[key] = append(owners[key], fmt.Sprintf("instance:%s/nic:%d", inst.Name, i))
		}
	}
	for _, key := range sorted(owners) {
		if len(owners[key]) > 1 {
			c.wrong("IP address %s is used by multiple owners: %s", key, comma(owners[key]))
		}
	}
}

// sorted are the keys of a map in order, so that findings come in the same order each time.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// redundant says that an instance can go on elsewhere when its primary node is lost.
func redundant(disks []*config.Disk) bool {
	for _, d := range disks {
		if !disk.Mirrored(d.DevType) {
			return false
		}
	}
	return true
}
