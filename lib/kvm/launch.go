package kvm

import (
	"fmt"
	"net/netip"
)

// Launch is what may differ each time that the same guest is started, as it does on the target of a migration.
type Launch struct {
	Name         string
	Security     string // security_model of the current configuration: none, user, pool
	Domain       string // security_domain
	Keymap       string
	Incoming     string // "IP:PORT" to wait for a migration on, see IncomingAt
	UserShutdown bool   // let a guest that powers itself off stay as a mark of that; see DESIGN.md
	Taps         []string
}

// LaunchOf takes what follows the current configuration from a guest.
func LaunchOf(g Guest) Launch {
	l := Launch{Name: g.Name, Security: g.HV.String("security_model"), Domain: g.HV.String("security_domain"), Keymap: g.HV.String("keymap")}
	for _, nic := range g.NICs {
		l.Taps = append(l.Taps, nic.Tap)
	}
	return l
}

// IncomingAt is where the target of a migration listens.
func IncomingAt(ip string, port int64) string {
	if a, err := netip.ParseAddr(ip); err == nil && a.Is6() {
		return fmt.Sprintf("[%s]:%d", ip, port)
	}
	return fmt.Sprintf("%s:%d", ip, port)
}

// runWith is since when qemu takes user and chroot in one option, and no longer in options of their own.
const runWith = 9

// argv is the whole command line, in Ganeti's order, but for the user of a pool: start.sh chooses that one and appends
// user, then its name.
func argv(r Runtime, l Launch, e Emulator) (line []string, user [2]string, err error) {
	w, chroot := lasting(r, l, e)
	user = [2]string{"-runas", ""}
	switch {
	case e.Version[0] >= runWith && chroot != "":
		user = [2]string{"-run-with", "chroot=" + chroot + ",user="}
		w.when(l.Security == "none", "-run-with", "chroot="+chroot)
	case e.Version[0] >= runWith:
		user = [2]string{"-run-with", "user="}
	}
	w.when(l.Security == "user", user[0], user[1]+l.Domain)
	w.when(l.Keymap != "", "-k", l.Keymap)
	if len(l.Taps) != len(r.NICs) {
		return nil, user, fail("%s has %d network interfaces, but %d tap devices", l.Name, len(r.NICs), len(l.Taps))
	}
	for i, nic := range r.NICs {
		nic.Tap = l.Taps[i]
		w.nic(nic, r)
	}
	w.when(len(r.NICs) == 0, "-net", "none")
	w.when(l.Incoming != "", "-incoming", "tcp:"+l.Incoming)
	w.add("-qmp", server(l.Name, "qmp"), "-qmp", server(l.Name, "kvmd"))
	if err := w.disks(r, e); err != nil {
		return nil, user, err
	}
	w.when(l.UserShutdown, "-no-shutdown")
	w.when(!r.Paused() && l.Incoming == "", "-S")
	return w, user, nil
}

// lasting is the part of the command line that the runtime keeps, as this qemu wants it today. A guest that arrives by
// migration does not wait for its operator, whatever it did when it was first started: it goes on as it was.
func lasting(r Runtime, l Launch, e Emulator) (w words, chroot string) {
	for i := 0; i < len(r.Command); i++ {
		switch word := r.Command[i]; {
		case word == "-S" && l.Incoming != "":
		case word == "-chroot" && e.Version[0] >= runWith && i+1 < len(r.Command):
			i++
			chroot = r.Command[i]
		default:
			w.add(word)
		}
	}
	return w, chroot
}

// queues is how many queues a NIC has: more than one only where the kernel moves the packets.
func queues(r Runtime) int64 {
	if r.HV.String("nic_type") != "paravirtual" || !r.HV.Bool("vhost_net") {
		return 1
	}
	return max(1, r.HV.Int("virtio_net_queues"))
}

// TapOptions is how the tap devices of a guest with these parameters are to be made (package bridge).
func TapOptions(r Runtime) (vnetHdr, multiQueue bool) {
	return r.HV.String("nic_type") == "paravirtual" && r.HV.Bool("vnet_hdr"), queues(r) > 1
}

func (w *words) nic(n NIC, r Runtime) {
	id := n.Slot.ID
	netdev := "type=tap,id=" + id + ",ifname=" + n.Tap + ",script=no,downscript=no"
	if headers, _ := TapOptions(r); !headers {
		netdev += ",vnet_hdr=off" // qemu asks for them by itself
	}
	if r.HV.String("nic_type") == "paravirtual" && r.HV.Bool("vhost_net") {
		netdev += ",vhost=on"
	}
	device := n.Slot.String() + ",netdev=" + id + ",mac=" + n.MAC
	if many := queues(r); many > 1 {
		netdev += fmt.Sprintf(",queues=%d", many)
		device += fmt.Sprintf(",mq=on,vectors=%d", 2*many+2)
	}
	w.add("-netdev", netdev, "-device", device)
}

func (w *words) disks(r Runtime, e Emulator) error {
	w.when(len(r.Disks) > 0 && bootOrder(r.HV) == "disk", "-boot", "c")
	for _, d := range r.Disks {
		if d.Mode == "ro" {
			return fail("Instance has read-only disks which are not supported by KVM")
		}
		kind, id := "none", ",id="+d.Slot.ID
		if e.Devices[d.Slot.Driver] {
			w.add("-device", d.Slot.String()+",drive="+d.Slot.ID)
		} else {
			kind, id = r.HV.String("disk_type"), "" // one of qemu's own drive interfaces, which has no device model
		}
		if e.AutoReadOnly {
			id += ",auto-read-only=off"
		}
		w.add("-drive", "file="+d.file()+",format=raw,if="+kind+driveOptions(d, r)+id)
	}
	return nil
}

// driveOptions are the host side's settings of a disk.
func driveOptions(d Disk, r Runtime) string {
	cache := r.HV.String("disk_cache")
	if external(d.DevType) {
		cache = "none" // another node must see every write when the guest moves
	}
	aio := r.HV.String("disk_aio")
	if aio == "native" {
		cache = "none" // qemu has it with nothing else
	}
	text := ",aio=" + aio
	if cache != "default" {
		text += ",cache=" + cache
	}
	if discard := r.HV.String("disk_discard"); discard != "default" {
		text += ",discard=" + discard
	}
	return text
}

// external says whether the storage of a template is mirrored outside of Ganeti and can be open on two nodes. RBD does
// its own caching.
func external(template string) bool {
	switch template {
	case "sharedfile", "gluster", "blockdev", "ext":
		return true
	}
	return false
}
