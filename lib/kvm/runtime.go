package kvm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/config"
)

// Runtime is what a guest was started with. Its file on the node, in Ganeti's format, is what a migration, a soft reboot
// and hotplugging work from, so that later changes of the configuration cannot pull a running guest apart.
type Runtime struct {
	Command []string // the lasting part of the command line
	NICs    []NIC
	HV      config.Params
	Disks   []Disk
}

// Paused says whether the guest was started to wait for its operator; otherwise whoever starts it again lets it run.
func (r Runtime) Paused() bool { return slices.Contains(r.Command, "-S") }

// chrooted says whether the guest's qemu sees nothing of the node's files.
func (r Runtime) chrooted() bool { return slices.Contains(r.Command, "-chroot") }

// Encode gives the file's content: [command, nics, hvparams, [[disk, link, uri], …]].
func (r Runtime) Encode() ([]byte, error) {
	nics, disks := []any{}, []any{}
	for _, n := range r.NICs {
		nics = append(nics, nicObject{n.NIC, n.NetInfo, n.Slot})
	}
	for _, d := range r.Disks {
		var uri any
		if d.URI != "" {
			uri = d.URI
		}
		disks = append(disks, []any{diskObject{d.Disk, d.Slot}, d.Link, uri})
	}
	return json.Marshal([]any{commandWords(r.Command), nics, r.HV, disks})
}

type nicObject struct {
	config.NIC
	NetInfo *config.Network `json:"netinfo,omitempty"`
	Slot    *Slot           `json:"hvinfo,omitempty"`
}

type diskObject struct {
	config.Disk
	Slot *Slot `json:"hvinfo,omitempty"`
}

// commandWords keeps the value of -m a number, as Ganeti's own code expects it.
func commandWords(command []string) []any {
	out := make([]any, len(command))
	for i, word := range command {
		out[i] = word
		if i > 0 && command[i-1] == "-m" {
			out[i] = json.Number(word)
		}
	}
	return out
}

// ParseRuntime reads a runtime file, also one of an older Ganeti.
func ParseRuntime(data []byte) (Runtime, error) {
	var r Runtime
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return r, fmt.Errorf("reading the runtime file: %w", err)
	}
	if len(parts) < 3 {
		return r, fmt.Errorf("reading the runtime file: it has %d parts instead of 4", len(parts))
	}
	if len(parts) == 3 {
		parts = append(parts, json.RawMessage("[]")) // before disks could be hotplugged they were not listed
	}
	for _, part := range []struct {
		number int
		read   func([]byte) error
	}{{2, r.readHV}, {0, r.readCommand}, {1, r.readNICs}, {3, r.readDisks}} { // the devices need the parameters
		if err := part.read(parts[part.number]); err != nil {
			return r, fmt.Errorf("reading part %d of the runtime file: %w", part.number, err)
		}
	}
	return r, nil
}

func (r *Runtime) readCommand(data []byte) error {
	var raw []any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return err
	}
	for _, word := range raw {
		switch w := word.(type) {
		case string:
			r.Command = append(r.Command, w)
		case json.Number:
			r.Command = append(r.Command, w.String())
		default:
			return fmt.Errorf("the command has %v, which is no word", word)
		}
	}
	r.Command = upgradeCommand(r.Command)
	return nil
}

// upgradeCommand replaces options that qemu has dropped since.
func upgradeCommand(command []string) []string {
	out := make([]string, 0, len(command))
	for i := 0; i < len(command); i++ {
		switch {
		case command[i] == "-localtime":
			out = append(out, "-rtc", "base=localtime")
		case command[i] == "-balloon" && i+1 < len(command):
			_, options, more := strings.Cut(command[i+1], ",")
			out = append(out, "-device", "virtio-balloon"+onOff(more, ","+options, ""))
			i++
		case command[i] == "-vnc" && i+1 < len(command):
			out = append(out, upgradeVNC(command[i+1])...)
			i++
		default:
			out = append(out, command[i])
		}
	}
	return out
}

// upgradeVNC turns the old options tls, x509= and x509verify= into a credentials object.
func upgradeVNC(argument string) []string {
	hv, keep := config.Params{}, []string{}
	for option := range strings.SplitSeq(argument, ",") {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "tls":
			hv["vnc_tls"] = true
		case "x509", "x509verify":
			hv["vnc_x509_path"], hv["vnc_x509_verify"] = value, name == "x509verify"
		default:
			keep = append(keep, option)
		}
	}
	if !hv.Bool("vnc_tls") {
		return []string{"-vnc", argument}
	}
	keep = slices.Insert(keep, 1, "tls-creds=vnctls0")
	return []string{"-object", vncTLS(hv), "-vnc", strings.Join(keep, ",")}
}

func (r *Runtime) readNICs(data []byte) error {
	var objects []struct {
		nicObject
		PCI *int `json:"pci"`
	}
	if err := json.Unmarshal(data, &objects); err != nil {
		return err
	}
	for _, o := range objects {
		n := NIC{NIC: o.NIC, NetInfo: o.NetInfo, Slot: o.Slot}
		if n.Slot == nil {
			n.Slot = oldSlot(nicDriver(r.HV), "nic", n.UUID, o.PCI)
		}
		r.NICs = append(r.NICs, n)
	}
	return nil
}

func (r *Runtime) readHV(data []byte) error { return json.Unmarshal(data, &r.HV) }

func (r *Runtime) readDisks(data []byte) error {
	var entries [][]json.RawMessage
	if err := json.Unmarshal(data, &entries); err != nil {
		return err
	}
	for i, entry := range entries {
		var o struct {
			diskObject
			PCI *int `json:"pci"`
		}
		var link string
		var uri *string
		for j, into := range []any{&o, &link, &uri} {
			if j >= len(entry) {
				continue // the URI came later
			}
			if err := json.Unmarshal(entry[j], into); err != nil {
				return fmt.Errorf("disk %d: %w", i, err)
			}
		}
		d := Disk{Disk: o.Disk, Slot: o.Slot, Link: link}
		if uri != nil {
			d.URI = *uri
		}
		if d.Slot == nil {
			d.Slot = oldSlot(diskDriver(r.HV), "disk", d.UUID, o.PCI)
		}
		r.Disks = append(r.Disks, d)
	}
	return nil
}

// oldSlot is the place of a device from before Ganeti wrote slots down: its PCI number was all that was known, if that.
func oldSlot(driver, kind, uuid string, pci *int) *Slot {
	if pci == nil {
		return &Slot{Driver: driver, ID: deviceID(kind, uuid)}
	}
	first, _, _ := strings.Cut(uuid, "-")
	return &Slot{Driver: driver, ID: fmt.Sprintf("hot%s-%s-pci-%d", kind, first, *pci), Bus: pciBus, Addr: fmt.Sprintf("0x%x", *pci)}
}
