package kvm

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/config"
)

// Slot is a device's place in the guest ("hvinfo" in the runtime file). It stays the same for as long as the guest
// lives, also through migrations.
type Slot struct {
	Driver  string      `json:"driver"`
	ID      string      `json:"id"`
	Bus     string      `json:"bus,omitempty"`
	Addr    string      `json:"addr,omitempty"` // on a PCI bus, such as 0xc
	Channel json.Number `json:"channel,omitempty"`
	SCSIID  json.Number `json:"scsi-id,omitempty"`
	LUN     json.Number `json:"lun,omitempty"`
}

const (
	pciBus    = "pci.0"
	pciSlots  = 32
	scsiBus   = "scsi.0"
	scsiSlots = 16
)

// String is the slot as the beginning of a -device argument.
func (s Slot) String() string {
	text := s.Driver + ",id=" + s.ID
	for _, part := range [][2]string{{"bus", s.Bus}, {"addr", s.Addr}, {"channel", string(s.Channel)},
		{"scsi-id", string(s.SCSIID)}, {"lun", string(s.LUN)}} {
		if part[1] != "" {
			text += "," + part[0] + "=" + part[1]
		}
	}
	return text
}

// slots is which places of the guest are taken.
type slots struct{ pci, scsi [pciSlots]bool }

// newSlots reserves the first PCI slots for the devices that qemu places by itself.
func newSlots(hv config.Params) *slots {
	var s slots
	for i := range min(int(hv.Int("kvm_pci_reservations")), pciSlots) {
		s.pci[i] = true
	}
	return &s
}

// occupied are the slots that a running guest uses, as far as its runtime file knows.
func occupied(r Runtime) *slots {
	s := newSlots(r.HV)
	for _, d := range r.Disks {
		s.take(d.Slot)
	}
	for _, n := range r.NICs {
		s.take(n.Slot)
	}
	return s
}

func (s *slots) take(at *Slot) {
	if at == nil {
		return
	}
	if n, err := strconv.ParseUint(at.Addr, 0, 8); err == nil && n < pciSlots && at.Bus == pciBus {
		s.pci[n] = true
	}
	if n, err := at.SCSIID.Int64(); err == nil && n >= 0 && n < scsiSlots && at.Bus == scsiBus {
		s.scsi[n] = true
	}
}

func free(taken []bool) (int, error) {
	for i, used := range taken {
		if !used {
			taken[i] = true
			return i, nil
		}
	}
	return 0, fail("All slots are occupied")
}

// diskSlot gives a disk the lowest free place of its bus. Types without a bus of their own still use up a PCI slot.
func (s *slots) diskSlot(hv config.Params, uuid string) (*Slot, error) {
	driver, id := diskDriver(hv), deviceID("disk", uuid)
	if !isSCSI(driver) {
		return s.pciSlot(driver, id)
	}
	n, err := free(s.scsi[:scsiSlots])
	if err != nil {
		return nil, err
	}
	return &Slot{Driver: driver, ID: id, Bus: scsiBus, Channel: "0", SCSIID: json.Number(strconv.Itoa(n)), LUN: "0"}, nil
}

func (s *slots) nicSlot(hv config.Params, uuid string) (*Slot, error) {
	return s.pciSlot(nicDriver(hv), deviceID("nic", uuid))
}

func diskDriver(hv config.Params) string {
	if kind := hv.String("disk_type"); kind != "paravirtual" {
		return kind
	}
	return "virtio-blk-pci"
}

func nicDriver(hv config.Params) string {
	if kind := hv.String("nic_type"); kind != "paravirtual" {
		return kind
	}
	return "virtio-net-pci"
}

func (s *slots) pciSlot(driver, id string) (*Slot, error) {
	n, err := free(s.pci[:])
	if err != nil {
		return nil, err
	}
	return &Slot{Driver: driver, ID: id, Bus: pciBus, Addr: fmt.Sprintf("0x%x", n)}, nil
}

// isSCSI says whether a disk type sits on the guest's SCSI controller. The plain type "scsi" does not: it is qemu's own
// drive interface.
func isSCSI(driver string) bool { return strings.HasPrefix(driver, "scsi-") }

// deviceID is a name short enough for qemu: the UUID without its last two groups.
func deviceID(kind, uuid string) string {
	groups := strings.Split(uuid, "-")
	return kind + "-" + strings.Join(groups[:max(1, len(groups)-2)], "-")
}
