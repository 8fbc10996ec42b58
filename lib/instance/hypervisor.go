package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fake"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// state is what a node knows of an instance.
type state struct {
	Running  bool // there is a guest, be it paused
	UserDown bool // it ended because its user powered it off
	Memory   int64
	VCPUs    int64
	Status   string // qemu's word for what it does
}

// there says that a node has the guest for certain, and so no other has it. A process whose guest has not begun, has not arrived or has
// gone, and one that does not say, may be all there is of it.
func (s state) there() bool {
	return s.Running && s.Status != "" && kvm.Present(s.Status)
}

// stateOf asks a node for an instance. Without an error the answer is proof.
func stateOf(ctx context.Context, r remote.Runner, inst *config.Instance, node string) (state, error) {
	if inst.Hypervisor == config.HVFake {
		guests, err := fake.States(ctx, r, node)
		for _, g := range guests {
			if g.Name == inst.Name {
				return state{Running: true, Memory: g.Memory, VCPUs: g.VCPUs, Status: "running"}, nil
			}
		}
		return state{}, err
	}
	guests, err := kvm.States(ctx, r, node, inst.Name)
	for _, g := range guests {
		if g.Name == inst.Name {
			return state{Running: g.Running(), UserDown: g.Down, Memory: g.Memory, VCPUs: g.VCPUs, Status: g.Status}, nil
		}
	}
	return state{}, err
}

// available refuses hypervisors that nothing here can start.
func available(hypervisor string) error {
	if hypervisor == config.HVKVM || hypervisor == config.HVFake {
		return nil
	}
	return fault.Refuse(fault.Environment, "Instances of hypervisor '%s' cannot be handled by this version", hypervisor)
}

// startGuest starts an instance on a node where its disks are attached and linked; one that runs there already is left alone,
// unless it waits and is not to: its start was cut off.
// paused leaves it to the operator to let it run. When it fails for certain, nothing of the guest is left. That it does not run elsewhere is
// the caller's to prove. inst need not be as cfg has it: a start may change parameters for once.
func startGuest(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string, paused bool) error {
	if inst.Hypervisor == config.HVFake {
		return startFake(ctx, r, cfg, inst, node)
	}
	s, err := stateOf(ctx, r, inst, node)
	if err != nil || s.Running && (s.Status != kvm.Unborn || paused) {
		return err
	}
	if s.Running { // it has never begun: nothing of it can be lost
		if err := killGuest(ctx, r, inst, node); err != nil {
			return err
		}
	}
	err = startKVM(ctx, r, cfg, inst, node, paused)
	if err == nil || remote.OutcomeOf(err) == remote.Unknown || isUnknown(err) {
		return err
	}
	clear := context.WithoutCancel(ctx)
	return errors.Join(err, kvm.Kill(clear, r, node, inst.Name), bridge.Down(clear, r, node, inst.Name))
}

// startFake asks whether the guest runs already only when it cannot be started: starting is what proves it.
func startFake(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string) error {
	be := cfg.FilledBE(inst)
	memory, err := startMemory(ctx, r, cfg, node, be)
	if err != nil {
		return err
	}
	refused := fake.Start(ctx, r, node, inst.Name, memory, be.Int("vcpus"))
	if refused == nil || isUnknown(refused) {
		return refused
	}
	if s, err := stateOf(ctx, r, inst, node); err == nil && s.Running {
		return nil
	}
	return refused
}

// isUnknown says whether an error leaves open what became of a change.
func isUnknown(err error) bool { return job.IsUnknown(err) }

// guestOn is an instance as its configuration describes it, on a node where its disks are attached.
func guestOn(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string) (kvm.Guest, error) {
	g := kvm.GuestOf(cfg, inst)
	there := disk.On{Runner: r, Config: cfg, Node: node}
	for i := range g.Disks {
		d := &g.Disks[i]
		var err error
		if d.URI, err = there.URI(ctx, &d.Disk); err != nil {
			return g, err
		}
	}
	return g, nil
}

func startKVM(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string, paused bool) error {
	g, err := guestOn(ctx, r, cfg, inst, node)
	if err != nil {
		return err
	}
	g.Paused = paused
	emulator, err := kvm.ProbeEmulator(ctx, r, node, g.HV.String("kvm_path"), kvm.ImageURLs(g.HV)...)
	if err != nil {
		return err
	}
	runtime, err := kvm.Prepare(g, emulator)
	if err != nil {
		return err
	}
	memory, err := startMemory(ctx, r, cfg, node, cfg.FilledBE(inst))
	if err != nil {
		return err
	}
	launch := launchOf(cfg, g)
	if launch.Taps, err = tapsUp(ctx, r, node, bridge.NICsOf(cfg, inst), runtime, false); err != nil {
		return err
	}
	if err := kvm.Start(ctx, r, node, runtime, launch, emulator, kvm.PoolOf(cfg.Cluster.UIDPool)); err != nil {
		return err
	}
	if err := kvm.SetUp(ctx, r, node, g, memory); err != nil || paused {
		return err
	}
	return kvm.Resume(ctx, r, node, inst.Name)
}

// tapOptions are those of the tap devices of a guest.
func tapOptions(runtime kvm.Runtime) bridge.Options {
	vnetHdr, multiQueue := kvm.TapOptions(runtime)
	return bridge.Options{VnetHdr: vnetHdr, MultiQueue: multiQueue, VHost: runtime.HV.Bool("vhost_net")}
}

// tapsUp makes the tap devices of a guest's interfaces and returns their names. Those of an earlier guest of the instance, which they
// outlive, go first. For a guest that is still to arrive, routed ones are not configured yet: they would take its address away from it.
func tapsUp(ctx context.Context, r remote.Runner, node string, nics []bridge.NIC, runtime kvm.Runtime, arriving bool) ([]string, error) {
	o := tapOptions(runtime)
	var taps []string
	for i, nic := range nics {
		o.Afresh = i == 0
		bring := bridge.Up
		if arriving && nic.NICParams.String("mode") == config.NICRouted {
			bring = bridge.Make
		}
		tap, err := bring(ctx, r, node, nic, o)
		if err != nil {
			return nil, err
		}
		taps = append(taps, tap)
	}
	return taps, nil
}

// startMemory is how much memory an instance starts with on a node: its maximum, or less if the node has not that much.
func startMemory(ctx context.Context, r remote.Runner, cfg *config.Config, node string, be config.Params) (int64, error) {
	least, most := be.Int("minmem"), be.Int("maxmem")
	if least >= most {
		return least, nil
	}
	free, err := freeMemory(ctx, r, cfg, node)
	return max(least, min(most, free)), err
}

// freeMemory is what a node has for instances, in MiB. Fake instances count as if they were real.
func freeMemory(ctx context.Context, r remote.Runner, cfg *config.Config, node string) (int64, error) {
	results, err := nodefacts.Gather(ctx, r, node, memoryProbes()...)
	if err != nil {
		return 0, fmt.Errorf("asking for free memory: %w", err)
	}
	facts, err := nodefacts.Parse(results[0].Stdout)
	if err != nil {
		return 0, err
	}
	guests, err := fake.ParseStates(results[1].Stdout)
	if err != nil {
		return 0, err
	}
	return fake.FreeMemory(facts.MemoryFree, guests), nil
}

func memoryProbes() []remote.Cmd {
	return []remote.Cmd{nodefacts.Probe(nodefacts.Options{}), fake.StateProbe()}
}

// stopGuest asks an instance to end and ends it when it has not done so after timeout. One that does not run is only
// cleaned up after.
func stopGuest(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string, timeout time.Duration) error {
	if inst.Hypervisor == config.HVFake {
		return fake.Kill(ctx, r, node, inst.Name)
	}
	hv := cfg.FilledHV(inst)
	if err := kvm.Stop(ctx, r, node, inst.Name, timeout, hv.Bool("acpi")); err != nil {
		return err
	}
	return bridge.Down(ctx, r, node, inst.Name)
}

// killGuest ends an instance without asking it.
func killGuest(ctx context.Context, r remote.Runner, inst *config.Instance, node string) error {
	if inst.Hypervisor == config.HVFake {
		return fake.Kill(ctx, r, node, inst.Name)
	}
	if err := kvm.Kill(ctx, r, node, inst.Name); err != nil {
		return err
	}
	return bridge.Down(ctx, r, node, inst.Name)
}

// inBackendWords puts in front of a failure what Ganeti's node daemon says of its kind.
func inBackendWords(err error) error {
	switch f := fault.Of(err); {
	case err == nil:
		return nil
	case f.Class == fault.Hypervisor:
		return fmt.Errorf("Hypervisor error: %w", err)
	case f.Class == fault.BlockDevice:
		return fmt.Errorf("Block device error: %w", err)
	}
	return err
}
