package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// checkHotplug finds out whether a running guest can be given the changes at once.
func (w *modify) checkHotplug(ctx context.Context) error {
	if !w.Hotplug && !w.HotplugIfPossible {
		return nil
	}
	err := w.canHotplug(ctx)
	switch {
	case err == nil:
		w.Hotplug = true
	case w.Hotplug:
		return fault.Refuse(fault.WrongState, "Hotplug is not possible: %v", err)
	default:
		w.env.Warn("%v", err)
		w.env.Info("Modification will take place without hotplugging.")
	}
	return nil
}

func (w *modify) canHotplug(ctx context.Context) error {
	if w.inst.Hypervisor != config.HVKVM {
		return fault.Exec("Hotplug is not supported: Hotplug is not supported by this hypervisor")
	}
	s, err := w.stateOn(ctx, w.primary())
	if err != nil {
		return err
	}
	if !s.Running {
		return fault.Exec("Hotplug is not supported: Instance is probably down")
	}
	return nil
}

// plug gives a running guest the changes of its network interfaces. One that it does not take is only warned of: it counts at the
// next start.
func (w *modify) plug(ctx context.Context) error {
	if !w.Hotplug || w.nics == nil {
		return nil
	}
	for i := range w.nics.steps {
		step := &w.nics.steps[i]
		w.env.Info("Trying to hotplug device...")
		result, err := w.hotplugged(w.plugNIC(ctx, step))
		if err != nil {
			return err
		}
		step.said = append(step.said, [2]any{step.title, result})
	}
	return nil
}

// hotplugged says how it went. Only an outcome that is not known stops the operation.
func (w *modify) hotplugged(err error) (result string, unknown error) {
	switch {
	case isUnknown(err):
		return "", err
	case err != nil:
		w.env.Warn("Could not hotplug device: Error while executing backend function: %v", err)
		w.env.Info("Continuing execution..")
		return "hotplug:failed", nil
	}
	w.env.Info("Hotplug done.")
	return "hotplug:done", nil
}

// plugNIC changes one interface of the guest, and its runtime file. One that is changed goes and comes back, and in between the file says
// that the guest has not got it: whoever finds that this was cut off goes by what it says.
func (w *modify) plugNIC(ctx context.Context, step *nicStep) error {
	var slot *kvm.Slot
	if step.action != addDevice {
		err := w.changeRuntime(ctx, "nic", func(runtime *kvm.Runtime) (err error) {
			if step.action == modifyDevice {
				if err := kvm.CanAddNIC(*runtime); err != nil { // or it would be gone for good
					return err
				}
			}
			slot, err = w.plugOut(ctx, runtime, step.nic.UUID)
			return err
		})
		if err != nil || step.action == removeDevice {
			return err
		}
	}
	return w.changeRuntime(ctx, "nic", func(runtime *kvm.Runtime) error { return w.plugIn(ctx, runtime, step, slot) })
}

// plugOut takes an interface from the guest, and its tap device away. It says which slot is free now.
func (w *modify) plugOut(ctx context.Context, runtime *kvm.Runtime, uuid string) (*kvm.Slot, error) {
	r, node, name := w.env.Nodes, w.primary().Name, w.inst.Name
	i := slices.IndexFunc(runtime.NICs, func(n kvm.NIC) bool { return n.UUID == uuid })
	if i < 0 {
		return nil, fault.New(fault.Hypervisor, "Cannot find runtime info for nic with UUID %s", uuid)
	}
	slot := runtime.NICs[i].Slot
	tap, err := r.Run(ctx, node, remote.Command("cat", "--", fmt.Sprintf("%s/nic/%s/%d", kvm.Root, name, i)))
	if err != nil {
		return nil, err
	}
	if err := kvm.RemoveNIC(ctx, r, node, name, runtime, uuid); err != nil {
		return nil, err
	}
	return slot, bridge.Down(ctx, r, node, name, string(tap.Stdout))
}

// plugIn makes a tap device and gives the guest an interface on it.
func (w *modify) plugIn(ctx context.Context, runtime *kvm.Runtime, step *nicStep, slot *kvm.Slot) error {
	if err := kvm.CanAddNIC(*runtime); err != nil {
		return err
	}
	r, node, card := w.env.Nodes, w.primary().Name, w.card(step)
	user, err := kvm.UserOf(ctx, r, node, w.inst.Name)
	if err != nil {
		return err
	}
	o := tapOptions(*runtime)
	o.User = user
	tap, err := bridge.Up(ctx, r, node, card, o)
	if err != nil {
		return err
	}
	err = kvm.AddNIC(ctx, r, node, w.inst.Name, runtime, kvm.NIC{NIC: card.NIC, NetInfo: card.Network, Slot: slot, Tap: tap})
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, bridge.Down(context.WithoutCancel(ctx), r, node, w.inst.Name, tap))
}

// card is the interface as its tap device is told of it: by its place in the configuration, which is not always the one that it has in
// the runtime, where what was changed is at the end.
func (w *modify) card(step *nicStep) bridge.NIC {
	return bridge.NIC{NIC: step.nic, Index: step.index, Instance: w.inst.Name, Tags: w.inst.Tags, Network: w.env.Config.Network(step.nic.Network)}
}

// plugDisk gives the guest a new disk.
func (w *modify) plugDisk(ctx context.Context, step *diskStep) error {
	r, node, name := w.env.Nodes, w.primary().Name, w.inst.Name
	if err := w.on(node).Attach(ctx, step.disk); err != nil {
		return err
	}
	if err := w.on(node).Link(ctx, name, w.env.Config.InstanceDisks(w.inst)); err != nil {
		return err
	}
	uri, err := w.on(node).URI(ctx, step.disk)
	if err != nil {
		return err
	}
	return w.changeRuntime(ctx, "disk", func(runtime *kvm.Runtime) error {
		return kvm.AddDisk(ctx, r, node, name, runtime, kvm.Disk{Disk: *step.disk, Link: kvm.LinkPath(name, step.index), URI: uri})
	})
}

// unplugDisk takes a disk from the guest.
func (w *modify) unplugDisk(ctx context.Context, step *diskStep) error {
	return w.changeRuntime(ctx, "disk", func(runtime *kvm.Runtime) error {
		return kvm.RemoveDisk(ctx, w.env.Nodes, w.primary().Name, w.inst.Name, runtime, step.disk.UUID)
	})
}

// changeRuntime changes the devices of a running guest, and its runtime file to what has come of it.
func (w *modify) changeRuntime(ctx context.Context, kind string, change func(*kvm.Runtime) error) error {
	r, node, name := w.env.Nodes, w.primary().Name, w.inst.Name
	runtime, _, err := kvm.ReadRuntime(ctx, r, node, name)
	if err != nil {
		return err
	}
	if err := kvm.CanHotplug(kind, runtime.HV); err != nil {
		return err
	}
	changed := change(&runtime)
	if isUnknown(changed) {
		return changed
	}
	data, err := runtime.Encode()
	if err == nil {
		err = kvm.WriteRuntime(ctx, r, node, name, data)
	}
	return errors.Join(changed, err)
}
