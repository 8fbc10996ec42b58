package kvm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

// removesDevice and addsDevice begin intents that go on with the device and the instance.
const (
	removesDevice = "removes device "
	addsDevice    = "adds device "
)

// RemovedDevice reads which device of which instance a job was about to remove.
func RemovedDevice(changes string) (id, name string, is bool) {
	return deviceIn(changes, removesDevice, " from instance ")
}

// AddedDevice reads which device of which instance a job was about to add.
func AddedDevice(changes string) (id, name string, is bool) {
	return deviceIn(changes, addsDevice, " to instance ")
}

func deviceIn(changes, verb, of string) (id, name string, is bool) {
	rest, is := strings.CutPrefix(changes, verb)
	id, name, both := strings.Cut(rest, of)
	return id, name, is && both
}

// FinishRemoval completes the removal of a device that was cut off, if the guest has let go of it: its runtime file must not name what
// it no longer has, or it could not be migrated. Of a network interface it returns the tap device, for the caller to remove.
func FinishRemoval(ctx context.Context, r remote.Runner, node, name, id string) (tap string, err error) {
	rt, _, err := ReadRuntime(ctx, r, node, name)
	if err != nil {
		return "", err
	}
	nic, disk := rt.find(id)
	if nic < 0 && disk < 0 {
		return "", nil
	}
	got, err := ask(ctx, r, node, exchange(name, request{Execute: "query-pci"}, request{Execute: "query-block"}))
	if err != nil {
		return "", err
	}
	if has, err := hasDevice(got, id); has || err != nil {
		return "", err
	}
	if disk >= 0 {
		rt.Disks = slices.Delete(rt.Disks, disk, disk+1)
	} else {
		if tap, err = forgetNIC(ctx, r, node, name, id, nic, len(rt.NICs)); err != nil {
			return "", err
		}
		rt.NICs = slices.Delete(rt.NICs, nic, nic+1)
	}
	data, err := rt.Encode()
	if err == nil {
		err = WriteRuntime(ctx, r, node, name, data)
	}
	return tap, err
}

// find looks for a device among the interfaces and the disks; -1 is not there.
func (r Runtime) find(id string) (nic, disk int) {
	return slices.IndexFunc(r.NICs, func(n NIC) bool { return n.Slot != nil && n.Slot.ID == id }),
		slices.IndexFunc(r.Disks, func(d Disk) bool { return d.Slot != nil && d.Slot.ID == id })
}

// TakeBack takes from a guest a device that a job was adding when it was cut off: the runtime file does not name it, so that the next
// device would get its place and a migration would lose it. One that the file names stays if it is wanted, which its UUID tells. Tap devices
// are the caller's; they are not in use any more then.
func TakeBack(ctx context.Context, r remote.Runner, node, name, id string, wanted func(uuid string) bool) error {
	rt, _, err := ReadRuntime(ctx, r, node, name)
	if err != nil {
		return err
	}
	nic, disk := rt.find(id)
	if nic >= 0 && wanted(rt.NICs[nic].UUID) || disk >= 0 && wanted(rt.Disks[disk].UUID) {
		return nil
	}
	if err := unplug(ctx, r, node, name, id); err != nil {
		return err
	}
	// qemu may have the host's side of it all the same. Of what sort it is nobody has to know: qemu has one of these, or neither. It answers
	// the first with a text either way.
	err = change(ctx, r, node, name, "removes a device from", hmp("drive_del "+id), request{"netdev_del", attributes{"id": id}})
	if _, gone := errors.AsType[*QMPError](err); err != nil && !gone {
		return err
	}
	if nic < 0 && disk < 0 {
		return nil
	}
	_, err = FinishRemoval(ctx, r, node, name, id)
	return err
}

// forgetNIC removes the host's side of network interface n of so many, and its file, unless that is done already.
func forgetNIC(ctx context.Context, r remote.Runner, node, name, id string, n, many int) (tap string, err error) {
	err = change(ctx, r, node, name, "removes a network interface of", request{"netdev_del", attributes{"id": id}})
	if _, gone := errors.AsType[*QMPError](err); err != nil && !gone {
		return "", err
	}
	out, err := r.Run(ctx, node, remote.Script(`cd "$1" && ls | wc -l && if [ -e "$2" ]; then cat "$2"; fi`, Root+"/nic/"+name, strconv.Itoa(n)))
	if err != nil {
		return "", fmt.Errorf("looking for the tap device of a network interface: %w", err)
	}
	count, tap, _ := strings.Cut(string(out.Stdout), "\n")
	if strings.TrimSpace(count) != strconv.Itoa(many) {
		return "", nil
	}
	return tap, dropNICFile(ctx, r, node, name, n)
}
