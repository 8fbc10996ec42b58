package iallocator

import (
	"encoding/json"
	"slices"

	"gantry/lib/config"
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

	Storage []storage `json:"storage_kinds,omitempty"`
}

// storage is what a node has of one kind. Ganeti has no such key, and its allocators pass over it.
type storage struct {
	Kind  string `json:"kind"`
	Total int64  `json:"total"`
	Free  int64  `json:"free"`
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

	Storage map[string]int64 `json:"storage_kinds"`
}

// describe writes down the cluster as a configuration has it, with what the nodes said.
func (f *Facts) describe(cfg *config.Config) *cluster {
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
	on := byNode(cfg)
	for _, n := range cfg.Nodes {
		live := f.of(cfg, n, on[n.UUID])
		c.Nodes[n.Name] = &node{dynamic: live, Tags: list(n.Tags), PrimaryIP: n.PrimaryIP, SecondaryIP: n.SecondaryIP, Offline: live == nil, Drained: n.Drained,
			MasterCandidate: n.MasterCandidate, Group: n.Group, MasterCapable: n.MasterCapable, VMCapable: n.VMCapable, NDParams: cfg.FilledND(n)}
	}
	return c
}

// State is what an allocator would be told of some nodes: as long as it stays the same, so does the room on them.
func (f *Facts) State(cfg *config.Config, nodes []string) string {
	c := f.describe(cfg)
	told := cluster{Nodes: map[string]*node{}, Instances: map[string]instance{}}
	for name, inst := range c.Instances {
		if slices.ContainsFunc(inst.Nodes, func(n string) bool { return slices.Contains(nodes, n) }) {
			told.Instances[name] = inst
		}
	}
	for _, name := range nodes {
		told.Nodes[name] = c.Nodes[name]
	}
	text, err := json.Marshal(told)
	if err != nil {
		return err.Error() // a number that is none: never the same as a description
	}
	return string(text)
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
		d.Disks = append(d.Disks, disk{own.DevType, own.Size, own.Mode, own.Spindles, own.Storage()})
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
