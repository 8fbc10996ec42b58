package instance

import (
	"context"
	"errors"
	"strings"
	"time"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// travel is a guest on its way from one node to another, as its hypervisor sees it. Its one rule: whoever may run the guest is
// ended for certain before the other one is told to go on.
type travel struct {
	env            *job.Env
	inst           *config.Instance
	source, target *config.Node
	hv             config.Params
	memory         int64 // of a fake guest

	runtime  kvm.Runtime // what the guest was started with
	file     []byte
	emulator kvm.Emulator // of the target
	taps     []string     // on the target
}

func (w *migrate) travel() *travel {
	return &travel{env: w.env, inst: w.inst, source: w.source, target: w.target, hv: w.env.Config.FilledHV(w.inst), memory: w.memory}
}

func (t *travel) fake() bool { return t.inst.Hypervisor == config.HVFake }

func (t *travel) capabilities() string { return t.hv.String("migration_caps") }

// versions of the hypervisor on both nodes, 7.2.22 as Ganeti shows it: [7, 2, 22]; "" of the fake one.
func (t *travel) versions(ctx context.Context) (from, to string, err error) {
	if t.fake() {
		return "", "", nil
	}
	nodes := []string{t.source.Name, t.target.Name}
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (nodefacts.Facts, error) {
		return nodefacts.Get(ctx, t.env.Nodes, node, nodefacts.Options{KVM: t.hv.String("kvm_path")})
	})
	list := func(version string) string { return "[" + strings.ReplaceAll(version, ".", ", ") + "]" }
	return list(replies[0].Value.KVMVersion), list(replies[1].Value.KVMVersion), errors.Join(replies[0].Err, replies[1].Err)
}

// read reads what the guest was started with.
func (t *travel) read(ctx context.Context) (err error) {
	if t.fake() {
		return nil
	}
	t.runtime, t.file, err = kvm.ReadRuntime(ctx, t.env.Nodes, t.source.Name, t.inst.Name)
	return err
}

// accept starts a guest on the target that waits for the memory of the other. When that fails for certain nothing is left of it.
func (t *travel) accept(ctx context.Context) (err error) {
	r, node := t.env.Nodes, t.target.Name
	if t.fake() {
		return fake.Accept(ctx, r, node, t.inst.Name)
	}
	if t.emulator, err = kvm.ProbeEmulator(ctx, r, node, t.runtime.HV.String("kvm_path"), kvm.ImageURLs(t.runtime.HV)...); err != nil {
		return err
	}
	launch := launchOf(t.env.Config, kvm.GuestOf(t.env.Config, t.inst))
	launch.Incoming = t.address()
	if launch.Taps, err = tapsUp(ctx, r, node, runtimeNICs(t.env.Config, t.inst, t.runtime), t.runtime, true); err == nil {
		t.taps = launch.Taps
		err = kvm.Accept(ctx, r, node, t.runtime, launch, t.emulator, kvm.PoolOf(t.env.Config.Cluster.UIDPool), t.capabilities())
	}
	if err == nil || isUnknown(err) {
		return err
	}
	return errors.Join(err, killGuest(context.WithoutCancel(ctx), r, t.inst, node))
}

// address is where the target listens.
func (t *travel) address() string {
	return kvm.IncomingAt(t.target.SecondaryIP, t.hv.Int("migration_port"))
}

// send makes the source begin. If it is not known whether it has, its own word decides.
func (t *travel) send(ctx context.Context, live bool) error {
	if t.fake() {
		return nil
	}
	err := kvm.Migrate(ctx, t.env.Nodes, t.source.Name, t.inst.Name, t.address(), t.hv, live, t.emulator)
	if !isUnknown(err) {
		return err
	}
	p, asked := kvm.Query(context.WithoutCancel(ctx), t.env.Nodes, t.source.Name, t.inst.Name)
	if arrived, _ := t.arrived(ctx); asked != nil || !p.Active() && !arrived {
		return err
	}
	return t.env.Settle(t.source.Name, "starts the migration of instance "+t.inst.Name, remote.Done)
}

// arrived says whether the source has given the guest away. That a transfer is "completed" says nothing: so is the one, long ago, that
// brought the guest here.
func (t *travel) arrived(ctx context.Context) (bool, error) {
	s, err := stateOf(context.WithoutCancel(ctx), t.env.Nodes, t.inst, t.source.Name)
	return s.Status == kvm.Left, err
}

// Between two questions that nobody answers, and how long there may be no answer: networks have hiccups, and the transfer goes on
// meanwhile.
var (
	askAgain = 5 * time.Second
	askLimit = 2 * time.Minute
)

// follow waits until the target has everything. A failure that the source itself reports is certain; a source that cannot be asked
// is not.
func (t *travel) follow(ctx context.Context, say func(string)) error {
	if t.fake() {
		say("* starting memory transfer")
		say("* memory transfer complete")
		return nil
	}
	begun := false
	once := func(line string) {
		if line == "* starting memory transfer" && begun {
			return
		}
		begun = true
		say(line)
	}
	for nodes := (&hearing{t.env.Nodes, time.Now()}); ; {
		err := kvm.Transfer(ctx, nodes, t.source.Name, t.inst.Name, t.capabilities(), once)
		if err == nil {
			return t.proven(ctx)
		}
		var unreachable *remote.Error
		if ctx.Err() == nil && !errors.As(err, &unreachable) {
			return err
		}
		if ctx.Err() != nil || time.Since(nodes.heard) >= askLimit {
			return errors.Join(err, job.ErrUnknown)
		}
		select {
		case <-ctx.Done():
		case <-time.After(askAgain):
		}
	}
}

// hearing notes when a node last answered.
type hearing struct {
	remote.Runner
	heard time.Time
}

func (h *hearing) Run(ctx context.Context, node string, c remote.Cmd) (remote.Result, error) {
	res, err := h.Runner.Run(ctx, node, c)
	if err == nil {
		h.heard = time.Now()
	}
	return res, err
}

// proven fails unless the source says that the guest has left it: after this there is no way back.
func (t *travel) proven(ctx context.Context) error {
	arrived, err := t.arrived(ctx)
	if err == nil && !arrived {
		err = fault.New(fault.Hypervisor, "the transfer is over and the guest has not left node %s", t.source.Name)
	}
	if err != nil {
		return errors.Join(err, job.ErrUnknown)
	}
	return nil
}

// giveUp ends the target's side of a migration that did not succeed, and then makes the source go on.
func (t *travel) giveUp(ctx context.Context) error {
	r := t.env.Nodes
	if t.fake() {
		return fake.Kill(ctx, r, t.target.Name, t.inst.Name)
	}
	if _, err := kvm.Cancel(ctx, r, t.source.Name, t.inst.Name); err != nil {
		return err
	}
	arrived, err := t.arrived(ctx)
	if err != nil {
		return err
	}
	if arrived {
		return fault.Exec("the guest has arrived on node %s after all (%w)", t.target.Name, job.ErrUnknown)
	}
	if err := killGuest(ctx, r, t.inst, t.target.Name); err != nil {
		return err
	}
	return kvm.Abort(ctx, r, t.source.Name, t.inst.Name, t.capabilities())
}

// endSource removes what the guest has left behind on the source.
func (t *travel) endSource(ctx context.Context) error {
	return killGuest(ctx, t.env.Nodes, t.inst, t.source.Name)
}

// finishTarget gives the guest its place on the target: it runs there by itself already.
func (t *travel) finishTarget(ctx context.Context) error {
	r, node := t.env.Nodes, t.target.Name
	if t.fake() {
		be := t.env.Config.FilledBE(t.inst)
		return fake.FinishTarget(ctx, r, node, t.inst.Name, t.memory, be.Int("vcpus"))
	}
	if err := t.takeAddresses(ctx, runtimeNICs(t.env.Config, t.inst, t.runtime)); err != nil {
		return err
	}
	return kvm.FinishTarget(ctx, r, node, t.inst.Name, t.file, t.capabilities())
}

// takeAddresses configures the routed interfaces: the target has only made their tap devices before the guest was there. Which those are
// stands on the target if it was another job that made them.
func (t *travel) takeAddresses(ctx context.Context, nics []bridge.NIC) (err error) {
	for i, nic := range nics {
		if nic.NICParams.String("mode") != config.NICRouted {
			continue
		}
		if t.taps == nil {
			if t.taps, err = kvm.Taps(ctx, t.env.Nodes, t.target.Name, t.inst.Name); err != nil {
				return err
			}
		}
		if len(t.taps) != len(nics) {
			t.env.Warn("The routed network interfaces of instance %s are not configured on node %s: it has %d interfaces there, and %d tap devices are known",
				t.inst.Name, t.target.Name, len(nics), len(t.taps))
			return nil
		}
		if err := bridge.Configure(ctx, t.env.Nodes, t.target.Name, nic, t.taps[i]); err != nil {
			return err
		}
	}
	return nil
}

// balloonGuest changes the memory of a running guest.
func balloonGuest(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string, mib int64) error {
	if inst.Hypervisor == config.HVFake {
		return fake.Balloon(ctx, r, node, inst.Name, mib, cfg.FilledBE(inst).Int("vcpus"))
	}
	return kvm.Balloon(ctx, r, node, inst.Name, mib)
}
