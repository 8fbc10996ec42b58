package kvm

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// CanHotplug says whether a device of the types that a running guest was started with can be added and removed while it
// runs; kind is disk or nic.
func CanHotplug(kind string, hv config.Params) error {
	device := hv.String(kind + "_type")
	if kind == "nic" && device != "ne2k_isa" || kind == "disk" && (device == "paravirtual" || isSCSI(device)) {
		return nil
	}
	return fail("Hotplug is not supported for device type %s", device)
}

// CanAddNIC says whether a running guest can be given a network interface, and one that is taken from it put back: its qemu opens the tap
// device by name.
func CanAddNIC(rt Runtime) error {
	if rt.chrooted() {
		return fail("Hotplug is not supported for network interfaces of a chrooted instance: /dev/net/tun is not there")
	}
	return nil
}

// AddDisk gives a running guest one more disk and records it in the runtime, whose file the caller writes. qemu must be
// able to open the disk's path as the user it runs as.
func AddDisk(ctx context.Context, r remote.Runner, node, name string, rt *Runtime, d Disk) error {
	slot, err := occupied(*rt).diskSlot(rt.HV, d.UUID)
	if err != nil {
		return err
	}
	d.Slot = slot
	if err := plug(ctx, r, node, name, slot.ID, addDisk(d, *rt)); err != nil {
		return giveUp(ctx, r, node, name, err, hmp("drive_del "+slot.ID))
	}
	rt.Disks = append(rt.Disks, d)
	return await(ctx, r, node, name, slot.ID, true)
}

func addDisk(d Disk, rt Runtime) []request {
	return []request{
		hmp("drive_add dummy file=" + d.file() + ",if=none,id=" + d.Slot.ID + ",format=raw,auto-read-only=off" + driveOptions(d, rt)),
		{"device_add", d.Slot.attributes(attributes{"drive": d.Slot.ID})},
	}
}

// RemoveDisk takes a disk from a running guest, which has to let go of it.
func RemoveDisk(ctx context.Context, r remote.Runner, node, name string, rt *Runtime, uuid string) error {
	i := slices.IndexFunc(rt.Disks, func(d Disk) bool { return d.UUID == uuid })
	if i < 0 {
		return fail("Cannot find runtime info for disk with UUID %s", uuid)
	}
	id := rt.Disks[i].Slot.ID
	if err := unplug(ctx, r, node, name, id); err != nil {
		return err
	}
	rt.Disks = slices.Delete(rt.Disks, i, i+1)
	// The drive goes with its device; where it does not, this removes it. Its answer is a text either way.
	return change(ctx, r, node, name, "removes a disk of", hmp("drive_del "+id))
}

//go:embed user.sh
var userScript string

// UserOf asks which user, by number, a guest's qemu runs as: the one who has to be able to open what it is given.
func UserOf(ctx context.Context, r remote.Runner, node, name string) (string, error) {
	out, err := r.Run(ctx, node, remote.Script(guestScript+userScript, name))
	if err != nil {
		return "", fmt.Errorf("asking which user %s runs as: %w", name, err)
	}
	user := strings.TrimSpace(string(out.Stdout))
	if _, err := strconv.ParseUint(user, 10, 32); err != nil {
		return "", fmt.Errorf("asking which user %s runs as: %w", name, err)
	}
	return user, nil
}

// AddNIC gives a running guest one more network interface, on a tap device that is up, and records it in the runtime.
func AddNIC(ctx context.Context, r remote.Runner, node, name string, rt *Runtime, n NIC) error {
	if n.Slot == nil { // a changed NIC keeps its place
		slot, err := occupied(*rt).nicSlot(rt.HV, n.UUID)
		if err != nil {
			return err
		}
		n.Slot = slot
	}
	if err := plug(ctx, r, node, name, n.Slot.ID, addNIC(n, *rt)); err != nil {
		return giveUp(ctx, r, node, name, err, request{"netdev_del", attributes{"id": n.Slot.ID}})
	}
	rt.NICs = append(rt.NICs, n) // the guest has it now, whatever fails
	if err := writeNICFile(ctx, r, node, name, len(rt.NICs)-1, n.Tap); err != nil {
		return err
	}
	return await(ctx, r, node, name, n.Slot.ID, true)
}

func addNIC(n NIC, rt Runtime) []request {
	id := n.Slot.ID
	netdev := attributes{"type": "tap", "id": id, "ifname": n.Tap, "script": "no", "downscript": "no"}
	if headers, _ := TapOptions(rt); !headers {
		netdev["vnet_hdr"] = false
	}
	if rt.HV.String("nic_type") == "paravirtual" && rt.HV.Bool("vhost_net") {
		netdev["vhost"] = true
	}
	device := n.Slot.attributes(attributes{"netdev": id, "mac": n.MAC})
	if many := queues(rt); many > 1 {
		netdev["queues"] = many
		device["mq"], device["vectors"] = true, 2*many+2
	}
	if rt.chrooted() {
		device["romfile"] = "" // qemu cannot reach its boot ROMs from there
	}
	return []request{{"netdev_add", netdev}, {"device_add", device}}
}

func writeNICFile(ctx context.Context, r remote.Runner, node, name string, n int, tap string) error {
	c := remote.Script(`umask 077 && printf %s "$2" >"$1"`, fmt.Sprintf("%s/nic/%s/%d", Root, name, n), tap)
	c.Changes = "records a network interface of instance " + name
	if _, err := r.Run(ctx, node, c); err != nil {
		return fmt.Errorf("recording the tap device %s: %w", tap, err)
	}
	return nil
}

// Taps reads on which tap devices a guest was started, in the order of its network interfaces.
func Taps(ctx context.Context, r remote.Runner, node, name string) ([]string, error) {
	out, err := r.Run(ctx, node, remote.Script(`n=0; while [ -e "$1/$n" ]; do cat "$1/$n" || exit; echo; n=$((n + 1)); done`, Root+"/nic/"+name))
	if err != nil {
		return nil, fmt.Errorf("looking for the tap devices of %s: %w", name, err)
	}
	return strings.Fields(string(out.Stdout)), nil
}

// RemoveNIC takes a network interface from a running guest. Its tap device is the caller's.
func RemoveNIC(ctx context.Context, r remote.Runner, node, name string, rt *Runtime, uuid string) error {
	i := slices.IndexFunc(rt.NICs, func(n NIC) bool { return n.UUID == uuid })
	if i < 0 {
		return fail("Cannot find runtime info for nic with UUID %s", uuid)
	}
	id := rt.NICs[i].Slot.ID
	if err := unplug(ctx, r, node, name, id); err != nil {
		return err
	}
	rt.NICs = slices.Delete(rt.NICs, i, i+1)
	err := change(ctx, r, node, name, "removes a network interface of", request{"netdev_del", attributes{"id": id}})
	if remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, dropNICFile(ctx, r, node, name, i)) // refused or not: the runtime has lost its entry
}

//go:embed dropnic.sh
var dropNICScript string

// dropNICFile forgets a tap device. The files of those behind it move up: they are numbered as the interfaces of the runtime are.
func dropNICFile(ctx context.Context, r remote.Runner, node, name string, n int) error {
	c := dropNIC(Root+"/nic/"+name, n)
	c.Changes = "forgets a network interface of instance " + name
	if _, err := r.Run(ctx, node, c); err != nil {
		return fmt.Errorf("forgetting the tap device of a network interface: %w", err)
	}
	return nil
}

func dropNIC(dir string, n int) remote.Cmd {
	return remote.Script(dropNICScript, dir, strconv.Itoa(n))
}

// attributes is a slot as arguments of device_add.
func (s Slot) attributes(more attributes) attributes {
	data, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(data, &more)
	}
	if err != nil {
		panic(err) // a slot is a few texts and numbers
	}
	return more
}

// plug sends requests of which the monitor's answer counts too: it refuses in plain text.
func plug(ctx context.Context, r remote.Runner, node, name, id string, requests []request) error {
	c := exchange(name, requests...)
	c.Changes = addsDevice + id + " to instance " + name
	got, err := ask(ctx, r, node, c)
	for i, answer := range got {
		var said string
		if requests[i].Execute == "human-monitor-command" && json.Unmarshal(answer, &said) == nil {
			if said = strings.TrimSpace(said); said != "" && said != "OK" {
				return fail("%s", said)
			}
		}
	}
	return err
}

// giveUp removes the host side of a device that the guest did not get. An outcome that is not known is left alone: the
// device may be in use.
func giveUp(ctx context.Context, r remote.Runner, node, name string, why error, undo request) error {
	if remote.OutcomeOf(why) == remote.Unknown {
		return why
	}
	_, refused := errors.AsType[*QMPError](why)
	if err := change(ctx, r, node, name, "removes a device from", undo); err != nil && !refused {
		return errors.Join(why, err)
	}
	return why
}

// deviceNotFound is the class of qemu's refusal to remove what it has not got.
const deviceNotFound = "DeviceNotFound"

func unplug(ctx context.Context, r remote.Runner, node, name, id string) error {
	err := change(ctx, r, node, name, removesDevice+id+" from", request{"device_del", attributes{"id": id}})
	if refused, is := errors.AsType[*QMPError](err); is && refused.Class == deviceNotFound {
		return nil // the guest has let go of it later than it was waited for, or never got it
	}
	if err != nil {
		return err
	}
	return await(ctx, r, node, name, id, false)
}

// await looks five times, a second apart, until the guest has a device or has let go of it.
func await(ctx context.Context, r remote.Runner, node, name, id string, present bool) error {
	for try := 0; ; try++ {
		got, err := ask(ctx, r, node, exchange(name, request{Execute: "query-pci"}, request{Execute: "query-block"}))
		if err != nil {
			return err
		}
		has, err := hasDevice(got, id)
		if err != nil || has == present {
			return err
		}
		if try == 4 {
			return fail("Device %s should have been %s", id, onOff(present, "added but is missing", "removed but is still there"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// hasDevice looks for a device in the answers to query-pci and query-block.
func hasDevice(answers []json.RawMessage, id string) (bool, error) {
	var buses []struct {
		Bus     int
		Devices []struct {
			ID string `json:"qdev_id"`
		}
	}
	var drives []struct{ Device string }
	if err := errors.Join(json.Unmarshal(answers[0], &buses), json.Unmarshal(answers[1], &drives)); err != nil {
		return false, fmt.Errorf("reading qemu's lists of devices: %w", err)
	}
	for _, bus := range buses {
		for _, device := range bus.Devices {
			if bus.Bus == 0 && device.ID == id {
				return true, nil
			}
		}
	}
	for _, drive := range drives {
		if drive.Device == id {
			return true, nil
		}
	}
	return false, nil
}
