package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"gantry/lib/fault"
)

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

const hostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

// IsHost says whether a name in lower case can be one of a host in Ganeti, which takes more than DNS does.
func IsHost(low string) bool {
	return low != "" && len(low) <= 255 && strings.Trim(low, hostCharacters) == "" && !strings.Contains(low, "..") && low[0] != '.'
}

// NormalizeHost returns a node's, instance's or cluster's name in lower case and without a final dot, or refuses it.
func NormalizeHost(name string) (string, error) {
	low := strings.TrimSuffix(strings.ToLower(name), ".")
	if !IsHost(low) {
		return "", fault.Refuse(fault.WrongInput, "Invalid hostname '%s'", name)
	}
	return low, nil
}

// IsText says whether s can stand in the configuration: UTF-8 without NUL. (Other control characters may be in kvm_extra and the like.)
func IsText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// IsLine says whether s can also stand in files that have one value a line, such as names do in ssconf_node_list.
func IsLine(s string) bool {
	return IsText(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// DataDir is where a node keeps the configuration, the ssconf files and the job queue.
const DataDir = "/var/lib/ganeti"
