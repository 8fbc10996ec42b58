package config

// Disk templates, as they stand in Disk.DevType.
const (
	DTBlock      = "blockdev"
	DTDiskless   = "diskless"
	DTDRBD       = "drbd"
	DTExt        = "ext"
	DTFile       = "file"
	DTGluster    = "gluster"
	DTPlain      = "plain"
	DTRBD        = "rbd"
	DTSharedFile = "sharedfile"
)

// What an administrator wants of an instance.
const (
	AdminUp      = "up"
	AdminDown    = "down"
	AdminOffline = "offline"
)

// Who said so last.
const (
	AdminSource = "admin"
	UserSource  = "user"
)

// NIC modes.
const (
	NICBridged     = "bridged"
	NICRouted      = "routed"
	NICOpenvswitch = "openvswitch"
)

// Hypervisors.
const (
	HVChroot = "chroot"
	HVFake   = "fake"
	HVKVM    = "kvm"
	HVLXC    = "lxc"
	HVXenHVM = "xen-hvm"
	HVXenPVM = "xen-pvm"
)

// Default is the name of the built-in entry in Cluster.BEParams and Cluster.NICParams.
const Default = "default"
