package config

import (
	"fmt"
	"slices"
)

// Validate returns what must never be in a configuration: broken references, names and addresses given twice, texts that the
// file or the nodes cannot hold. The store refuses a transaction that brings in something of this; it does not refuse one
// for what was there before, so that a flawed configuration can be mended. The texts are those of Ganeti's verify where it has one.
func (c *Config) Validate() []error {
	v := &validation{Config: c, uuids: map[string]string{}}
	v.cluster()
	v.groups()
	v.nodes()
	v.networks()
	v.disks()
	v.instances()
	v.addresses()
	v.ports()
	v.minors()
	v.texts()
	return v.errs
}

// validation is the working state of one Validate.
type validation struct {
	*Config
	uuids map[string]string // UUID to what it belongs to
	errs  []error
}

func (v *validation) wrong(format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf(format, args...))
}

// identity notes an object's UUID and name, which must be new among those of its kind.
func (v *validation) identity(kind, uuid, name string, names map[string]bool) {
	if uuid == "" {
		v.wrong("%s '%s' has no UUID", kind, name)
	}
	if other, twice := v.uuids[uuid]; twice {
		v.wrong("%s '%s' has the UUID '%s' of %s", kind, name, uuid, other)
	}
	v.uuids[uuid] = fmt.Sprintf("%s '%s'", kind, name)
	if names == nil {
		return
	}
	if name == "" || !IsLine(name) {
		v.wrong("%s with UUID '%s' has the name %q, which cannot be a name", kind, uuid, name)
	}
	if names[name] {
		v.wrong("duplicate %s name '%s'", kind, name)
	}
	names[name] = true
}

func (v *validation) cluster() {
	v.identity("cluster", v.Cluster.UUID, v.Cluster.ClusterName, map[string]bool{})
	if v.MasterNode() == nil {
		v.wrong("cluster has invalid primary node %s", v.Cluster.MasterNode)
	}
	for _, r := range v.Cluster.UIDPool {
		if r[0] > r[1] {
			continue // holds no user ids; Ganeti takes it when a cluster is made
		}
		if err := CheckUIDs([]UIDRange{r}); err != nil {
			v.errs = append(v.errs, err)
		}
	}
	if err := v.Cluster.IPolicy.Check(); err != nil {
		v.wrong("cluster has invalid instance policy: %w", err)
	}
	v.tags("cluster", v.Cluster.ClusterName, v.Cluster.Tags)
	v.sshPort("the cluster", v.Cluster.NDParams)
}

// sshPort is where nodes are reached: a number that no port has would cut all of them off, and the way back with them.
func (v *validation) sshPort(of string, p Params) {
	if port, said := p["ssh_port"]; said && (p.Int("ssh_port") < 0 || p.Int("ssh_port") > 65535) {
		v.wrong("%s has the ssh_port %v, which is no port", of, port)
	}
}

func (v *validation) tags(kind, name string, tags []string) {
	for _, tag := range tags {
		if err := CheckTag(tag); err != nil {
			v.wrong("%s '%s' has the tag %q: %w", kind, name, tag, err)
		}
	}
}

func (v *validation) groups() {
	names := map[string]bool{}
	for _, g := range v.NodeGroups {
		v.identity("node group", g.UUID, g.Name, names)
		v.tags("node group", g.Name, g.Tags)
		v.sshPort("node group "+g.Name, g.NDParams)
		if err := g.IPolicy.Check(); err != nil {
			v.wrong("group %s has invalid instance policy: %w", g.Name, err)
		}
		for network := range g.Networks {
			if v.Network(network) == nil {
				v.wrong("node group '%s' has invalid network '%s'", g.Name, network)
			}
		}
	}
}

func (v *validation) nodes() {
	names := map[string]bool{}
	for _, n := range v.Nodes {
		v.identity("node", n.UUID, n.Name, names)
		v.tags("node", n.Name, n.Tags)
		v.sshPort("node "+n.Name, n.NDParams)
		if v.Group(n.Group) == nil {
			v.wrong("Node '%s' has invalid group '%s'", n.Name, n.Group)
		}
		if n.Offline && n.MasterCandidate || n.Drained && n.MasterCandidate || n.Offline && n.Drained {
			v.wrong("Node %s state is invalid: master_candidate=%s, drain=%s, offline=%s",
				n.Name, python(n.MasterCandidate), python(n.Drained), python(n.Offline))
		}
	}
}

func python(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func (v *validation) networks() {
	names := map[string]bool{}
	for _, n := range v.Networks {
		v.identity("network", n.UUID, n.Name, names)
		v.tags("network", n.Name, n.Tags)
		if _, err := n.Prefix(); err != nil {
			v.wrong("network '%s': %w", n.Name, err)
		}
		for _, pool := range []string{n.Reservations, n.ExtReservations} {
			if pool != "" && len(pool) != n.Size() {
				v.wrong("network '%s' has a pool of %d addresses for %s", n.Name, len(pool), n.Network)
			}
		}
	}
}

func (v *validation) disks() {
	for _, d := range v.Disks {
		v.disk(d)
	}
}

func (v *validation) disk(d *Disk) {
	v.identity("disk", d.UUID, d.IVName, nil)
	if !slices.Contains(DiskTemplates, d.DevType) || d.DevType == DTDiskless {
		v.wrong("disk '%s' has invalid type '%s'", d.UUID, d.DevType)
	}
	if _, ok := d.DRBD(); d.DevType == DTDRBD && !ok {
		v.wrong("disk '%s' has an invalid logical id", d.UUID)
	}
	if d.Size < 0 {
		v.wrong("disk '%s' has the size %d", d.UUID, d.Size)
	}
	for _, uuid := range d.NodesOf() {
		if v.Node(uuid) == nil {
			v.wrong("disk '%s' has invalid node '%s'", d.UUID, uuid)
		}
	}
	for _, child := range d.Children {
		v.disk(child)
	}
}

func (v *validation) instances() {
	names := map[string]bool{}
	owners := map[string]string{}
	for _, inst := range v.Instances {
		v.identity("instance", inst.UUID, inst.Name, names)
		v.tags("instance", inst.Name, inst.Tags)
		if v.Node(inst.PrimaryNode) == nil {
			v.wrong("instance '%s' has invalid primary node '%s'", inst.Name, inst.PrimaryNode)
		}
		if !slices.Contains([]string{AdminUp, AdminDown, AdminOffline}, inst.AdminState) {
			v.wrong("instance '%s' has invalid admin state '%s'", inst.Name, inst.AdminState)
		}
		for _, disk := range inst.Disks {
			if v.Disk(disk) == nil {
				v.wrong("Instance '%s' has invalid disk '%s'", inst.Name, disk)
			}
			if other := owners[disk]; other != "" {
				v.wrong("disk '%s' belongs to the instances '%s' and '%s'", disk, other, inst.Name)
			}
			owners[disk] = inst.Name
		}
		for i, nic := range inst.NICs {
			if nic.Network != "" && v.Network(nic.Network) == nil {
				v.wrong("instance '%s' has invalid network '%s' in NIC %d", inst.Name, nic.Network, i)
			}
		}
	}
}
