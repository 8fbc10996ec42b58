package config

// Cluster holds the values that belong to no single node: defaults of all parameters, names, addresses, limits.
type Cluster struct {
	UUID        string `toml:"uuid" json:"uuid"`
	ClusterName string `toml:"cluster_name" json:"cluster_name"`
	Stamp
	Tags []string `toml:"tags,omitempty" json:"tags"`

	MasterNode           string `toml:"master_node" json:"master_node"` // UUID
	MasterIP             string `toml:"master_ip" json:"master_ip"`
	MasterNetdev         string `toml:"master_netdev" json:"master_netdev"`
	MasterNetmask        int    `toml:"master_netmask" json:"master_netmask"`
	UseExternalMIPScript bool   `toml:"use_external_mip_script" json:"use_external_mip_script"`
	PrimaryIPFamily      int    `toml:"primary_ip_family" json:"primary_ip_family"` // 2: IPv4, 10: IPv6

	RSAHostKeyPub   string            `toml:"rsahostkeypub" json:"rsahostkeypub"`
	DSAHostKeyPub   string            `toml:"dsahostkeypub" json:"dsahostkeypub"`
	SSHKeyType      string            `toml:"ssh_key_type" json:"ssh_key_type"`
	SSHKeyBits      int               `toml:"ssh_key_bits" json:"ssh_key_bits"`
	CandidateCerts  map[string]string `toml:"candidate_certs,omitempty" json:"candidate_certs"`
	ModifyEtcHosts  bool              `toml:"modify_etc_hosts" json:"modify_etc_hosts"`
	ModifySSHSetup  bool              `toml:"modify_ssh_setup" json:"modify_ssh_setup"`
	SSHIdentity     string            `toml:"ssh_identity,omitempty" json:"-"` // path of the private key; not Ganeti's
	CandidatePool   int               `toml:"candidate_pool_size" json:"candidate_pool_size"`
	MaxRunningJobs  int               `toml:"max_running_jobs" json:"max_running_jobs"`
	MaxTrackedJobs  int               `toml:"max_tracked_jobs" json:"max_tracked_jobs"`
	MaintainHealth  bool              `toml:"maintain_node_health" json:"maintain_node_health"`
	HighestUsedPort int               `toml:"highest_used_port" json:"highest_used_port"`
	TCPUDPPortPool  []int             `toml:"tcpudp_port_pool,omitempty" json:"tcpudp_port_pool"`
	MACPrefix       string            `toml:"mac_prefix" json:"mac_prefix"`
	UIDPool         []UIDRange        `toml:"uid_pool,omitempty" json:"uid_pool"`

	VolumeGroupName        string   `toml:"volume_group_name,omitempty" json:"volume_group_name,omitempty"` // empty: no LVM
	ReservedLVs            []string `toml:"reserved_lvs,omitempty" json:"reserved_lvs"`
	DRBDUsermodeHelper     string   `toml:"drbd_usermode_helper,omitempty" json:"drbd_usermode_helper,omitempty"`
	FileStorageDir         string   `toml:"file_storage_dir" json:"file_storage_dir"`
	SharedFileStorageDir   string   `toml:"shared_file_storage_dir" json:"shared_file_storage_dir"`
	GlusterStorageDir      string   `toml:"gluster_storage_dir" json:"gluster_storage_dir"`
	EnabledDiskTemplates   []string `toml:"enabled_disk_templates,omitempty" json:"enabled_disk_templates"`
	PreallocWipeDisks      bool     `toml:"prealloc_wipe_disks" json:"prealloc_wipe_disks"`
	ZeroingImage           string   `toml:"zeroing_image" json:"zeroing_image"`
	InstallImage           string   `toml:"install_image" json:"install_image"`
	CompressionTools       []string `toml:"compression_tools,omitempty" json:"compression_tools"`
	InstanceCommunicateNet string   `toml:"instance_communication_network" json:"instance_communication_network"`

	EnabledHypervisors  []string `toml:"enabled_hypervisors,omitempty" json:"enabled_hypervisors"` // the first is the default
	HiddenOS            []string `toml:"hidden_os,omitempty" json:"hidden_os"`
	BlacklistedOS       []string `toml:"blacklisted_os,omitempty" json:"blacklisted_os"`
	EnabledUserShutdown bool     `toml:"enabled_user_shutdown" json:"enabled_user_shutdown"`
	DefaultIAllocator   string   `toml:"default_iallocator" json:"default_iallocator"`

	DefaultIAllocatorParams Params                       `toml:"default_iallocator_params,omitempty" json:"default_iallocator_params"`
	NDParams                Params                       `toml:"ndparams,omitempty" json:"ndparams"`
	IPolicy                 IPolicy                      `toml:"ipolicy,omitempty" json:"ipolicy"`
	BEParams                map[string]Params            `toml:"beparams,omitempty" json:"beparams"`   // only "default"
	NICParams               map[string]Params            `toml:"nicparams,omitempty" json:"nicparams"` // only "default"
	HVParams                map[string]Params            `toml:"hvparams,omitempty" json:"hvparams"`
	OSHVP                   map[string]map[string]Params `toml:"os_hvp,omitempty" json:"os_hvp"` // OS, hypervisor
	OSParams                map[string]Params            `toml:"osparams,omitempty" json:"osparams"`
	OSParamsPrivateCluster  map[string]Params            `toml:"osparams_private_cluster,omitempty" json:"osparams_private_cluster"`
	DiskParams              map[string]Params            `toml:"diskparams,omitempty" json:"diskparams"`
	HVStateStatic           map[string]Params            `toml:"hv_state_static,omitempty" json:"hv_state_static"`
	DiskStateStatic         map[string]map[string]Params `toml:"disk_state_static,omitempty" json:"disk_state_static"`
	DataCollectors          map[string]Collector         `toml:"data_collectors,omitempty" json:"data_collectors"`
}

// UIDRange is a first and a last user id, both in the pool.
type UIDRange [2]int64

// Collector is the setting of one data collector; Interval is in microseconds.
type Collector struct {
	Active   bool  `toml:"active" json:"active"`
	Interval int64 `toml:"interval" json:"interval"`
}

// IPolicy says which instances are allowed. On a group, what is absent (nil, empty) comes from the cluster.
type IPolicy struct {
	MinMax        []MinMax `toml:"minmax,omitempty" json:"minmax,omitempty"`
	Std           ISpec    `toml:"std,omitempty" json:"std,omitempty"`
	SpindleRatio  *float64 `toml:"spindle-ratio,omitempty" json:"spindle-ratio,omitempty"`
	VCPURatio     *float64 `toml:"vcpu-ratio,omitempty" json:"vcpu-ratio,omitempty"`
	DiskTemplates []string `toml:"disk-templates,omitempty" json:"disk-templates,omitempty"`
}

// MinMax is one pair of bounds; an instance must fit into at least one of them.
type MinMax struct {
	Min ISpec `toml:"min" json:"min"`
	Max ISpec `toml:"max" json:"max"`
}

// ISpec maps memory-size, disk-size, disk-count, cpu-count, nic-count and spindle-use to their values.
type ISpec map[string]int64
