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
		err := w.plugNIC(ctx, step)
		if isUnknown(err) {
			return err
		}
		result := "hotplug:done"
		if err != nil {
			w.env.Warn("Could not hotplug device: Error while executing backend function: %v", err)
			w.env.Info("Continuing execution..")
			result = "hotplug:failed"
		} else {
			w.env.Info("Hotplug done.")
		}
		step.said = append(step.said, [2]any{step.title, result})
	}
	return nil
}

// plugNIC changes one interface of the guest, and its runtime file.
func (w *modify) plugNIC(ctx context.Context, step *nicStep) error {
	r, node, name := w.env.Nodes, w.primary().Name, w.inst.Name
	runtime, _, err := kvm.ReadRuntime(ctx, r, node, name)
	if err != nil {
		return err
	}
	if err := kvm.CanHotplug("nic", runtime.HV); err != nil {
		return err
	}
	var slot *kvm.Slot
	if step.action != addDevice {
		if slot, err = w.plugOut(ctx, &runtime, step.nic.UUID); err != nil {
			return err
		}
	}
	var added error
	if step.action != removeDevice {
		added = w.plugIn(ctx, &runtime, step.nic, slot)
	}
	data, err := runtime.Encode()
	if err == nil {
		err = kvm.WriteRuntime(ctx, r, node, name, data)
	}
	return errors.Join(added, err)
}

// plugOut takes an interface from the guest, and its tap device away. It says which slot is free now.
func (w *modify) plugOut(ctx context.Context, runtime *kvm.Runtime, uuid string) (*kvm.Slot, error) {
	r, node, name := w.env.Nodes, w.primary().Name, w.inst.Name
	i := slices.IndexFunc(runtime.NICs, func(n kvm.NIC) bool { return n.UUID == uuid })
	if i < 0 {
		return nil, fault.New(fault.Hypervisor, "Cannot find nic/%s in runtime file", uuid)
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
func (w *modify) plugIn(ctx context.Context, runtime *kvm.Runtime, nic config.NIC, slot *kvm.Slot) error {
	r, node, cfg := w.env.Nodes, w.primary().Name, w.env.Config
	vnetHdr, multiQueue := kvm.TapOptions(*runtime)
	like := bridge.NIC{NIC: nic, Index: len(runtime.NICs), Instance: w.inst.Name, Tags: w.inst.Tags, Network: cfg.Network(nic.Network)}
	tap, err := bridge.Up(ctx, r, node, like, bridge.Options{VnetHdr: vnetHdr, MultiQueue: multiQueue, VHost: runtime.HV.Bool("vhost_net")})
	if err != nil {
		return err
	}
	err = kvm.AddNIC(ctx, r, node, w.inst.Name, runtime, kvm.NIC{NIC: nic, NetInfo: cfg.Network(nic.Network), Slot: slot, Tap: tap})
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, bridge.Down(context.WithoutCancel(ctx), r, node, w.inst.Name, tap))
}
