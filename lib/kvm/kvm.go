// Package kvm starts, stops, watches and moves qemu processes the way Ganeti's KVM hypervisor does: the same command
// line, the same files below Root, the same runtime file, so that a guest started by either is at home under both.
//
// What differs, and why: Ganeti opens tap devices and disks in its node daemon and hands the file descriptors to qemu.
// There is no such daemon here and a descriptor does not travel over SSH, so qemu gets a persistent tap device by name
// (package bridge makes and removes it) and disks by path.
//
// A guest's life is recorded in files of its node: pid/NAME (written by qemu), conf/NAME.runtime (Runtime, written
// before qemu starts), nic/NAME/N, uid/NAME. A guest runs when the process of its pid file is alive and carries its name
// on the command line; pid numbers are reused, so the number alone proves nothing.
package kvm

import (
	"path"
	"strconv"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// Root is where the files of all guests of a node are.
const Root = "/var/run/ganeti/kvm-hypervisor"

const (
	logDir   = "/var/log/ganeti/kvm"
	linkDir  = "/var/run/ganeti/instance-disks"
	spiceCA  = "/var/lib/ganeti/spice-ca.pem"
	spicePEM = "/var/lib/ganeti/spice.pem"
	vncBase  = 5900
)

func pidFile(name string) string      { return path.Join(Root, "pid", name) }
func runtimeFile(name string) string  { return path.Join(Root, "conf", name+".runtime") }
func chrootDir(name string) string    { return path.Join(Root, "chroot", name) }
func socket(name, kind string) string { return path.Join(Root, "ctrl", name+"."+kind) }
func server(name, kind string) string { return "unix:" + socket(name, kind) + ",server,nowait" }

// LinkPath is the symlink by which a guest's qemu opens its disk of that number.
func LinkPath(name string, disk int) string {
	return path.Join(linkDir, name+":"+strconv.Itoa(disk))
}

// Guest is what a start needs to know about an instance. Parameters are filled: nothing is left to a default.
type Guest struct {
	Name, UUID string
	Port       int64 // the cluster port of its display, 0 when it has none
	HV         config.Params
	VCPUs      int64
	MaxMem     int64 // MiB
	MinMem     int64 // MiB
	Disks      []Disk
	NICs       []NIC
	Paused     bool // left for the operator to continue
	IPFamily   int  // 4 or 6: the cluster's primary one, for a SPICE interface that has both
}

// Disk is a disk as the runtime file keeps it: what it is, where qemu finds it, and its place in the guest.
type Disk struct {
	config.Disk
	Slot *Slot
	Link string // the symlink below /var/run/ganeti/instance-disks
	URI  string // for disks that qemu opens by itself (access=userspace), else empty
}

// NIC is a network interface as the runtime file keeps it. NICParams are filled.
type NIC struct {
	config.NIC
	NetInfo *config.Network
	Slot    *Slot
	Tap     string // the tap device on the node; not part of the runtime file
}

// file is what qemu opens.
func (d Disk) file() string {
	if d.URI != "" {
		return d.URI
	}
	return d.Link
}

// fail makes a failure of Ganeti's hypervisor class.
func fail(format string, args ...any) error {
	return fault.New(fault.Hypervisor, format, args...)
}
