package instance

import (
	"context"
	"errors"
	"time"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// restartGuest ends a guest and starts it again as it was started before: its runtime file, not the configuration, says how.
// When the second start fails for certain, nothing of the guest is left.
func restartGuest(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string) error {
	if inst.Hypervisor == config.HVFake {
		return nil // a fake guest does not notice
	}
	runtime, _, err := kvm.ReadRuntime(ctx, r, node, inst.Name)
	if err != nil {
		return err
	}
	emulator, err := kvm.ProbeEmulator(ctx, r, node, runtime.HV.String("kvm_path"), kvm.ImageURLs(runtime.HV)...)
	if err != nil {
		return err
	}
	g := kvm.GuestOf(cfg, inst)
	if err := kvm.StopKeeping(ctx, r, node, inst.Name, g.HV.Bool("acpi")); err != nil {
		return err
	}
	err = relaunch(ctx, r, cfg, inst, node, g, runtime, emulator)
	if err == nil || isUnknown(err) {
		return err
	}
	clear := context.WithoutCancel(ctx)
	return errors.Join(err, kvm.Kill(clear, r, node, inst.Name), bridge.Down(clear, r, node, inst.Name))
}

func relaunch(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string, g kvm.Guest, runtime kvm.Runtime, e kvm.Emulator) error {
	if err := bridge.Down(ctx, r, node, inst.Name); err != nil {
		return err
	}
	launch := launchOf(cfg, g)
	var err error
	if launch.Taps, err = tapsUp(ctx, r, node, runtimeNICs(cfg, inst, runtime), runtime, false); err != nil {
		return err
	}
	if err := kvm.Start(ctx, r, node, runtime, launch, e, kvm.PoolOf(cfg.Cluster.UIDPool)); err != nil {
		return err
	}
	if err := kvm.SetUp(ctx, r, node, g, g.MaxMem); err != nil || runtime.Paused() {
		return err
	}
	return kvm.Resume(ctx, r, node, inst.Name)
}

// launchOf is what follows the current configuration even when a guest is started from its runtime file.
func launchOf(cfg *config.Config, g kvm.Guest) kvm.Launch {
	launch := kvm.LaunchOf(g)
	launch.UserShutdown = cfg.Cluster.EnabledUserShutdown && g.HV.Bool("user_shutdown")
	return launch
}

// runtimeNICs are the interfaces a guest was started with.
func runtimeNICs(cfg *config.Config, inst *config.Instance, runtime kvm.Runtime) []bridge.NIC {
	list := make([]bridge.NIC, len(runtime.NICs))
	for i, nic := range runtime.NICs {
		list[i] = bridge.NIC{NIC: nic.NIC, Index: i, Instance: inst.Name, Tags: inst.Tags, Network: nic.NetInfo}
		list[i].NICParams = cfg.FilledNIC(&nic.NIC)
	}
	return list
}
