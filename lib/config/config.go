// Package config holds the cluster's objects as plain values, with Ganeti's attribute names, their defaults and their rules.
// It does no input or output: lib/config/store reads and writes the file, ganeti.go maps the values to and from Ganeti's config.data.
//
// A Config that came out of the store is a shared snapshot and is not to be changed; a transaction changes a Clone.
// Sizes are MiB, times seconds since 1970 (UTC) with microseconds, references are UUIDs.
package config

// Config is the whole configuration. The first fields are the version's identity and stand in the first lines of the file;
// only the store sets them.
type Config struct {
	Format    int    `toml:"format"`     // of the file
	MinReader int    `toml:"min_reader"` // the oldest format a reader must know to understand this file
	Epoch     int64  `toml:"epoch"`      // raised by master-failover alone
	Serial    int64  `toml:"serial"`     // raised by every transaction; Ganeti's serial_no of the configuration
	Parent    string `toml:"parent"`     // sha256 of the version before, in hex; empty for the first
	Master    string `toml:"master"`     // name of the master node when this version was written

	Version int     `toml:"version"` // Ganeti's version of the configuration, 3000000
	CTime   float64 `toml:"ctime"`
	MTime   float64 `toml:"mtime"`

	Cluster      Cluster        `toml:"cluster"`
	Nodes        []*Node        `toml:"node,omitempty"`
	NodeGroups   []*NodeGroup   `toml:"nodegroup,omitempty"`
	Networks     []*Network     `toml:"network,omitempty"`
	Instances    []*Instance    `toml:"instance,omitempty"`
	Disks        []*Disk        `toml:"disk,omitempty"`
	Filters      []*Filter      `toml:"filter,omitempty"`
	Reservations []*Reservation `toml:"reservation,omitempty"`

	index index
}

// GanetiVersion is the configuration version that Config.Version carries and Ganeti 3.0 expects in its config.data.
const GanetiVersion = 3000000

// Node is one machine. A nil Powered or empty SecondaryIP never occurs in a valid configuration.
type Node struct {
	UUID            string                       `toml:"uuid" json:"uuid"`
	Name            string                       `toml:"name" json:"name"`
	PrimaryIP       string                       `toml:"primary_ip" json:"primary_ip"`
	SecondaryIP     string                       `toml:"secondary_ip" json:"secondary_ip"`
	MasterCandidate bool                         `toml:"master_candidate" json:"master_candidate"`
	Offline         bool                         `toml:"offline" json:"offline"`
	Drained         bool                         `toml:"drained" json:"drained"`
	Group           string                       `toml:"group" json:"group"`
	MasterCapable   bool                         `toml:"master_capable" json:"master_capable"`
	VMCapable       bool                         `toml:"vm_capable" json:"vm_capable"`
	Powered         bool                         `toml:"powered" json:"powered"`
	NDParams        Params                       `toml:"ndparams,omitempty" json:"ndparams"`
	HVStateStatic   map[string]Params            `toml:"hv_state_static,omitempty" json:"hv_state_static,omitempty"`
	DiskStateStatic map[string]map[string]Params `toml:"disk_state_static,omitempty" json:"disk_state_static,omitempty"`
	Stamp
	Tags []string `toml:"tags,omitempty" json:"tags"`
}

// NodeGroup is a set of nodes with the policy and parameters they share. Which nodes belong to it, the nodes say.
type NodeGroup struct {
	UUID            string                       `toml:"uuid" json:"uuid"`
	Name            string                       `toml:"name" json:"name"`
	AllocPolicy     string                       `toml:"alloc_policy" json:"alloc_policy"`
	NDParams        Params                       `toml:"ndparams,omitempty" json:"ndparams"`
	IPolicy         IPolicy                      `toml:"ipolicy,omitempty" json:"ipolicy"`
	DiskParams      map[string]Params            `toml:"diskparams,omitempty" json:"diskparams"`
	Networks        map[string]Params            `toml:"networks,omitempty" json:"networks"` // network UUID to NIC parameters
	HVStateStatic   map[string]Params            `toml:"hv_state_static,omitempty" json:"hv_state_static,omitempty"`
	DiskStateStatic map[string]map[string]Params `toml:"disk_state_static,omitempty" json:"disk_state_static,omitempty"`
	Stamp
	Tags []string `toml:"tags,omitempty" json:"tags"`
}

// Instance is one virtual machine. Its disks stand in Config.Disks, in the order of the UUIDs here.
type Instance struct {
	UUID             string `toml:"uuid" json:"uuid"`
	Name             string `toml:"name" json:"name"`
	PrimaryNode      string `toml:"primary_node" json:"primary_node"`
	OS               string `toml:"os" json:"os"`
	Hypervisor       string `toml:"hypervisor" json:"hypervisor"`
	AdminState       string `toml:"admin_state" json:"admin_state"`               // up, down, offline
	AdminStateSource string `toml:"admin_state_source" json:"admin_state_source"` // admin, user
	DisksActive      bool   `toml:"disks_active" json:"disks_active"`
	NetworkPort      int    `toml:"network_port,omitempty" json:"network_port,omitempty"` // 0: the hypervisor needs none
	Forthcoming      bool   `toml:"forthcoming,omitempty" json:"forthcoming,omitempty"`

	HVParams        Params   `toml:"hvparams,omitempty" json:"hvparams"`
	BEParams        Params   `toml:"beparams,omitempty" json:"beparams"`
	OSParams        Params   `toml:"osparams,omitempty" json:"osparams"`
	OSParamsPrivate Params   `toml:"osparams_private,omitempty" json:"osparams_private"`
	Disks           []string `toml:"disks,omitempty" json:"disks"`
	Stamp
	Tags []string `toml:"tags,omitempty" json:"tags"`
	NICs []NIC    `toml:"nic,omitempty" json:"nics"`
}

// NIC is a network interface of an instance. In a network it carries the network's parameters of the time it was connected.
type NIC struct {
	UUID      string `toml:"uuid" json:"uuid"`
	Name      string `toml:"name,omitempty" json:"name,omitempty"`
	MAC       string `toml:"mac" json:"mac"`
	IP        string `toml:"ip,omitempty" json:"ip,omitempty"`
	Network   string `toml:"network,omitempty" json:"network,omitempty"` // UUID
	NICParams Params `toml:"nicparams,omitempty" json:"nicparams"`
}

// Disk is a disk of an instance, or (as a child) one of the volumes a DRBD disk stands on.
type Disk struct {
	UUID        string    `toml:"uuid" json:"uuid"`
	Name        string    `toml:"name,omitempty" json:"name,omitempty"`
	DevType     string    `toml:"dev_type" json:"dev_type"`
	LogicalID   LogicalID `toml:"logical_id" json:"logical_id"`
	IVName      string    `toml:"iv_name" json:"iv_name"`
	Size        int64     `toml:"size" json:"size"` // MiB
	Mode        string    `toml:"mode" json:"mode"` // rw, ro
	Spindles    *int64    `toml:"spindles,omitempty" json:"spindles,omitempty"`
	Nodes       []string  `toml:"nodes,omitempty" json:"nodes"`
	Params      Params    `toml:"params,omitempty" json:"params"`
	Forthcoming bool      `toml:"forthcoming,omitempty" json:"forthcoming,omitempty"`
	Stamp
	Children []*Disk `toml:"child,omitempty" json:"children"`
}

// Network is an address range that NICs take their addresses from. The bit strings are described in pool.go.
type Network struct {
	UUID            string `toml:"uuid" json:"uuid"`
	Name            string `toml:"name" json:"name"`
	Network         string `toml:"network" json:"network"`
	Gateway         string `toml:"gateway,omitempty" json:"gateway,omitempty"`
	Network6        string `toml:"network6,omitempty" json:"network6,omitempty"`
	Gateway6        string `toml:"gateway6,omitempty" json:"gateway6,omitempty"`
	MACPrefix       string `toml:"mac_prefix,omitempty" json:"mac_prefix,omitempty"`
	Reservations    string `toml:"reservations,omitempty" json:"reservations,omitempty"`
	ExtReservations string `toml:"ext_reservations,omitempty" json:"ext_reservations,omitempty"`
	Stamp
	Tags []string `toml:"tags,omitempty" json:"tags"`
}

// Filter is a rule of the job queue. What Ganeti keeps as nested lists stays JSON text here.
type Filter struct {
	UUID        string  `toml:"uuid" json:"uuid"`
	Watermark   int64   `toml:"watermark" json:"watermark"`
	Priority    int64   `toml:"priority" json:"priority"`
	Predicates  RawJSON `toml:"predicates" json:"predicates"`
	Action      RawJSON `toml:"action" json:"action"`
	ReasonTrail RawJSON `toml:"reason_trail" json:"reason_trail"`
}

// Reservation is something a running job has taken and not yet turned into a real object. Empty fields are not reserved.
// Ganeti's config.data has no such thing; a conversion refuses while there is one.
type Reservation struct {
	Job     int    `toml:"job"`
	Node    string `toml:"node,omitempty"` // UUID, for what is taken on a node
	VG      string `toml:"vg,omitempty"`
	MiB     int64  `toml:"mib,omitempty"` // disk space in VG
	Memory  int64  `toml:"memory,omitempty"`
	Minor   *int   `toml:"minor,omitempty"`
	Port    int    `toml:"port,omitempty"`
	Network string `toml:"network,omitempty"` // UUID, for IP, and for MAC of an interface in it
	IP      string `toml:"ip,omitempty"`
	MAC     string `toml:"mac,omitempty"`
	Name    string `toml:"name,omitempty"`
}

// Stamp is what every object carries: when it was made and changed, and how often.
type Stamp struct {
	SerialNo int64   `toml:"serial_no" json:"serial_no"`
	CTime    float64 `toml:"ctime" json:"ctime"`
	MTime    float64 `toml:"mtime" json:"mtime"`
}
