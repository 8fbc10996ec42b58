package iallocator

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// protocol is the version of the file's form.
const protocol = 2

// cluster is the file a program gets.
type cluster struct {
	Version            int                 `json:"version"`
	ClusterName        string              `json:"cluster_name"`
	ClusterTags        []string            `json:"cluster_tags"`
	EnabledHypervisors []string            `json:"enabled_hypervisors"`
	IPolicy            config.IPolicy      `json:"ipolicy"`
	NodeGroups         map[string]group    `json:"nodegroups"`
	Nodes              map[string]*node    `json:"nodes"`
	Instances          map[string]instance `json:"instances"`
	Request            any                 `json:"request"`
}

type group struct {
	Name        string         `json:"name"`
	AllocPolicy string         `json:"alloc_policy"`
	Networks    []string       `json:"networks"`
	IPolicy     config.IPolicy `json:"ipolicy"`
	Tags        []string       `json:"tags"`
}

type node struct {
	*dynamic
	Tags            []string      `json:"tags"`
	PrimaryIP       string        `json:"primary_ip"`
	SecondaryIP     string        `json:"secondary_ip"`
	Offline         bool          `json:"offline"`
	Drained         bool          `json:"drained"`
	MasterCandidate bool          `json:"master_candidate"`
	Group           string        `json:"group"`
	MasterCapable   bool          `json:"master_capable"`
	VMCapable       bool          `json:"vm_capable"`
	NDParams        config.Params `json:"ndparams"`
}

// dynamic is what only the node itself can say; offline nodes have none of it.
type dynamic struct {
	TotalMemory    int64 `json:"total_memory"`
	ReservedMemory int64 `json:"reserved_memory"`
	FreeMemory     int64 `json:"free_memory"`
	TotalDisk      int64 `json:"total_disk"`
	FreeDisk       int64 `json:"free_disk"`
	TotalSpindles  int64 `json:"total_spindles"`
	FreeSpindles   int64 `json:"free_spindles"`
	TotalCPUs      int64 `json:"total_cpus"`
	ReservedCPUs   int64 `json:"reserved_cpus"`
	PrimaryMemory  int64 `json:"i_pri_memory"`
	UpMemory       int64 `json:"i_pri_up_memory"`
}

type instance struct {
	Tags         []string `json:"tags"`
	AdminState   string   `json:"admin_state"`
	VCPUs        int64    `json:"vcpus"`
	Memory       int64    `json:"memory"`
	SpindleUse   int64    `json:"spindle_use"`
	OS           string   `json:"os"`
	Nodes        []string `json:"nodes"`
	NICs         []nic    `json:"nics"`
	Disks        []disk   `json:"disks"`
	DiskTemplate string   `json:"disk_template"`
	DisksActive  bool     `json:"disks_active"`
	Hypervisor   string   `json:"hypervisor"`
	DiskSpace    int64    `json:"disk_space_total"`
}

type nic struct {
	MAC    string  `json:"mac"`
	IP     *string `json:"ip"`
	Mode   string  `json:"mode"`
	Link   string  `json:"link"`
	Bridge string  `json:"bridge,omitempty"`
}

type disk struct {
	DevType  string `json:"dev_type"`
	Size     int64  `json:"size"`
	Mode     string `json:"mode"`
	Spindles *int64 `json:"spindles"`
}

// gather describes the cluster: the configuration, and what the nodes say of themselves, all asked at once.
func gather(ctx context.Context, r remote.Runner, cfg *config.Config, template, hypervisor string) (*cluster, error) {
	c := &cluster{Version: protocol, ClusterName: cfg.Cluster.ClusterName, ClusterTags: list(cfg.Cluster.Tags),
		EnabledHypervisors: cfg.Cluster.EnabledHypervisors, IPolicy: cfg.ClusterPolicy(),
		NodeGroups: map[string]group{}, Nodes: map[string]*node{}, Instances: map[string]instance{}}
	for _, g := range cfg.NodeGroups {
		described := group{Name: g.Name, AllocPolicy: g.AllocPolicy, Networks: []string{}, IPolicy: cfg.InstancePolicy(g), Tags: list(g.Tags)}
		for _, n := range cfg.Networks {
			if _, connected := g.Networks[n.UUID]; connected {
				described.Networks = append(described.Networks, n.UUID)
			}
		}
		c.NodeGroups[g.UUID] = described
	}
	for _, inst := range cfg.Instances {
		c.Instances[inst.Name] = describe(cfg, inst)
	}
	var asked []string
	for _, n := range cfg.Nodes {
		c.Nodes[n.Name] = &node{Tags: list(n.Tags), PrimaryIP: n.PrimaryIP, SecondaryIP: n.SecondaryIP, Offline: n.Offline, Drained: n.Drained,
			MasterCandidate: n.MasterCandidate, Group: n.Group, MasterCapable: n.MasterCapable, VMCapable: n.VMCapable, NDParams: cfg.FilledND(n)}
		if !n.Offline {
			asked = append(asked, n.Name)
		}
	}
	for _, reply := range remote.Each(ctx, asked, 0, func(ctx context.Context, name string) (*dynamic, error) {
		return ask(ctx, r, cfg, cfg.NodeByName(name), template, hypervisor)
	}) {
		if reply.Err != nil {
			return nil, fault.Exec("Can't get data for node %s: %w", reply.Node, reply.Err)
		}
		c.Nodes[reply.Node].dynamic = reply.Value
	}
	return c, nil
}

func list(tags []string) []string { return append([]string{}, tags...) }

func describe(cfg *config.Config, inst *config.Instance) instance {
	be := cfg.FilledBE(inst)
	d := instance{Tags: list(inst.Tags), AdminState: inst.AdminState, VCPUs: be.Int("vcpus"), Memory: be.Int("maxmem"), SpindleUse: be.Int("spindle_use"),
		OS: inst.OS, NICs: []nic{}, Disks: []disk{}, DiskTemplate: cfg.DiskTemplate(inst), DisksActive: inst.DisksActive, Hypervisor: inst.Hypervisor}
	for _, uuid := range cfg.InstanceNodes(inst) {
		d.Nodes = append(d.Nodes, cfg.NodeName(uuid))
	}
	for _, own := range inst.NICs {
		params := cfg.FilledNIC(&own)
		n := nic{MAC: own.MAC, Mode: params.String("mode"), Link: params.String("link")}
		if own.IP != "" {
			n.IP = &own.IP
		}
		if n.Mode == config.NICBridged {
			n.Bridge = n.Link
		}
		d.NICs = append(d.NICs, n)
	}
	for _, own := range cfg.InstanceDisks(inst) {
		d.Disks = append(d.Disks, disk{own.DevType, own.Size, own.Mode, own.Spindles})
		d.DiskSpace += Space(own.DevType, own.Size)
	}
	return d
}

// Space is what a disk takes of its node's storage, in MiB.
func Space(template string, size int64) int64 {
	switch template {
	case config.DTDRBD:
		return size + 128 // its meta data
	case config.DTBlock:
		return 0
	}
	return size
}

// ask asks one node for its memory, processors, storage and guests, in one round trip.
func ask(ctx context.Context, r remote.Runner, cfg *config.Config, n *config.Node, template, hypervisor string) (*dynamic, error) {
	o := nodefacts.Options{}
	if template == config.DTFile {
		o.Dirs = []string{cfg.Cluster.FileStorageDir}
	}
	results, err := nodefacts.Gather(ctx, r, n.Name, nodefacts.Probe(o), fake.StateProbe(), kvm.StateProbe(), lvm.VGProbe())
	if err != nil {
		return nil, err
	}
	facts, err := nodefacts.Parse(results[0].Stdout)
	if err != nil {
		return nil, err
	}
	fakes, err := fake.ParseStates(results[1].Stdout)
	if err != nil {
		return nil, err
	}
	guests, err := kvm.ParseStates(results[2].Stdout)
	if err != nil {
		return nil, err
	}
	d := &dynamic{TotalMemory: facts.MemoryTotal, ReservedMemory: facts.MemoryUsed, FreeMemory: facts.MemoryFree,
		TotalCPUs: facts.CPUs, ReservedCPUs: facts.CPUs}
	if hypervisor == config.HVFake {
		d.FreeMemory = fake.FreeMemory(d.FreeMemory, fakes)
	}
	used := map[string]int64{}
	for _, g := range fakes {
		used[g.Name] = g.Memory
	}
	for _, g := range guests {
		used[g.Name] = g.Memory
	}
	d.addInstances(cfg, n, used)
	switch {
	case template == config.DTFile:
		dir := facts.Dirs[cfg.Cluster.FileStorageDir]
		d.TotalDisk, d.FreeDisk = dir.Total, dir.Free
	case template == config.DTPlain || template == config.DTDRBD:
		d.addVG(cfg.Cluster.VolumeGroupName, results[3])
	}
	d.subtractReserved(cfg, n)
	return d, nil
}

// addInstances counts the memory of the node's primary instances, and sets aside what they do not use yet but may.
func (d *dynamic) addInstances(cfg *config.Config, n *config.Node, used map[string]int64) {
	primary, _ := cfg.NodeInstances(n.UUID)
	for _, inst := range primary {
		most := cfg.FilledBE(inst).Int("maxmem")
		d.PrimaryMemory += most
		d.FreeMemory -= max(0, most-used[inst.Name])
		if inst.AdminState == config.AdminUp {
			d.UpMemory += most
		}
	}
}

func (d *dynamic) addVG(name string, out remote.Result) {
	groups, err := lvm.ParseVGs(out.Stdout)
	if err != nil || out.Status != 0 {
		return // no LVM here: nothing can be placed
	}
	for _, g := range groups {
		if g.Name == name {
			d.TotalDisk, d.FreeDisk = int64(g.Size), int64(g.Free)
		}
	}
}

// subtractReserved sets aside what running jobs are about to use.
func (d *dynamic) subtractReserved(cfg *config.Config, n *config.Node) {
	for _, r := range cfg.Reservations {
		if r.Node != n.UUID {
			continue
		}
		d.FreeMemory -= r.Memory
		if r.VG == cfg.Cluster.VolumeGroupName {
			d.FreeDisk -= r.MiB
		}
	}
}
