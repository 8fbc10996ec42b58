package instance

import (
	"context"
	"strings"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/remote"
)

// cleanUp puts in order what a migration has left that was cut off at any point: it finds out which side has the guest, ends the
// other one, and records where it is.
func (w *migrate) cleanUp(ctx context.Context) error {
	w.guest = w.travel()
	found, err := w.locations(ctx)
	if err != nil {
		return err
	}
	if w.target == w.source { // an earlier job, or the resolution of one, has recorded it already
		return w.confirm(found[w.source.Name])
	}
	for _, node := range []*config.Node{w.source, w.target} {
		if err := w.checkOffline(ctx, node); err != nil {
			return err
		}
	}
	if err := w.separate(ctx, found); err != nil {
		return err
	}
	if found, err = w.decide(ctx, found); err != nil {
		return err
	}
	other := w.target
	var steps []job.Step
	if found[w.target.Name].Running {
		w.env.Say("* instance running on secondary node (%s), updating config", w.target.Name)
		steps = []job.Step{job.Do("", w.adopt), job.Do("", w.recording(mark{Primary: w.target.UUID}))}
		other = w.source
	} else {
		w.env.Say("* instance confirmed to be running on its primary node (%s)", w.source.Name)
		steps = []job.Step{job.Do("", w.goOn)}
	}
	steps = append(steps, job.Do("closing instance disks on node "+other.Name, w.clearing(other)))
	if w.mirrored() {
		steps = append(steps, w.pair().singleMaster()...)
	} else {
		steps = append(steps, job.Do("", func(ctx context.Context) error {
			node := w.primary().Name
			w.env.Say("* opening instance disks on node %s in exclusive mode", node)
			return w.opening(node, false)(ctx)
		}))
	}
	if err = job.Run(ctx, w.env.Say, steps); err == nil {
		w.env.Say("* done")
	}
	return err
}

// confirm is the cleaning up after a migration that has long been recorded.
func (w *migrate) confirm(s state) error {
	if err := verdict(s, state{}, 0); err != nil {
		return err
	}
	w.env.Say("* instance confirmed to be running on its primary node (%s)", w.source.Name)
	w.env.Say("* done")
	return nil
}

// locations asks all nodes for the instance. One that does not answer may run it, so nothing is done then.
func (w *migrate) locations(ctx context.Context) (map[string]state, error) {
	w.env.Say("* checking where the instance actually runs (if this hangs, the hypervisor might be in a bad state)")
	var nodes, running []string
	for _, n := range w.env.Config.Nodes {
		if !n.Offline && n.VMCapable {
			nodes = append(nodes, n.Name)
		}
	}
	found := map[string]state{}
	for _, reply := range remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (state, error) {
		return stateOf(ctx, w.env.Nodes, w.inst, node)
	}) {
		if reply.Err != nil {
			return nil, fault.Exec("Can't contact node %s: %w", reply.Node, reply.Err)
		}
		found[reply.Node] = reply.Value
		if reply.Value.Running {
			running = append(running, reply.Node)
		}
	}
	w.env.Say("* instance running on: %s", strings.Join(running, ","))
	return found, nil
}

// separate ends one side where both have a qemu process: the target's if it still waits for the memory, the source's if it has given
// it away. One that waits for a source that is gone is ended too: nobody will ever send it anything.
func (w *migrate) separate(ctx context.Context, found map[string]state) error {
	source, target := found[w.source.Name], found[w.target.Name]
	if !source.Running && target.Status == kvm.Waiting {
		found[w.target.Name] = state{}
		return w.endWaiting(ctx)
	}
	if !source.Running || !target.Running {
		return nil
	}
	w.env.Say("Trying to cleanup after failed migration")
	switch {
	case target.Status == kvm.Waiting:
		if err := w.guest.giveUp(ctx); err != nil {
			return fault.Exec("Instance migration cleanup failed: %w", err)
		}
		return nil
	case source.Status == kvm.Left && target.Status != "", w.guest.fake():
		if err := w.adopt(ctx); err != nil {
			return err
		}
		if err := w.guest.endSource(ctx); err != nil {
			return fault.Exec("Instance migration cleanup failed: %w", err)
		}
		return nil
	}
	return confused()
}

func confused() error {
	return fault.Exec("Instance seems to be running on two nodes, or the hypervisor is confused; you will have to ensure manually that " +
		"it runs only on one and restart this operation")
}

// decide looks once more if both sides had a process, and makes sure that exactly one has the guest. One on a third node becomes the target.
func (w *migrate) decide(ctx context.Context, found map[string]state) (map[string]state, error) {
	if found[w.source.Name].Running && found[w.target.Name].Running {
		var err error
		if found, err = w.locations(ctx); err != nil {
			return nil, err
		}
	}
	source, target := found[w.source.Name], found[w.target.Name]
	var others []*config.Node
	for name, s := range found {
		if n := w.env.Config.NodeByName(name); s.Running && n != w.source && n != w.target {
			others = append(others, n)
		}
	}
	if len(others) == 1 && !source.Running && !target.Running {
		w.target = others[0]
		w.guest = w.travel()
		w.env.Say("* instance running on unexpected node (%s), updating as the new secondary", w.target.Name)
		target, others = found[w.target.Name], nil
	}
	return found, verdict(source, target, len(others))
}

// verdict is nil if exactly one side has the guest. One that only waits has nothing in it, and one that has given its memory away must
// never go on.
func verdict(source, target state, others int) error {
	switch {
	case source.Running && target.Running, others > 0:
		return confused()
	case !source.Running && !target.Running, source.Status == kvm.Left, target.Status == kvm.Waiting:
		return fault.Exec("Instance does not seem to be running at all; in this case it's safer to repair by running 'gnt-instance stop' to " +
			"ensure disk shutdown, and then restarting it")
	}
	return nil
}

// adopt gives a guest that has arrived its runtime file, which may still lie on the source.
func (w *migrate) adopt(ctx context.Context) error {
	r := w.env.Nodes
	if w.guest.fake() {
		return nil
	}
	if _, _, err := kvm.ReadRuntime(ctx, r, w.target.Name, w.inst.Name); err == nil {
		return nil
	}
	if w.source.Offline || w.guest.read(ctx) != nil {
		w.env.Warn("The runtime file of instance %s is lost: it cannot be migrated or changed while it runs before it has been restarted", w.inst.Name)
		nics := bridge.NICsOf(w.env.Config, w.inst)
		if len(nics) > 1 { // they may have another order in the guest
			return nil
		}
		return w.guest.takeAddresses(ctx, nics)
	}
	return w.guest.finishTarget(ctx)
}

// goOn ends a transfer of the source that leads nowhere.
func (w *migrate) goOn(ctx context.Context) error {
	r, node := w.env.Nodes, w.source.Name
	if w.guest.fake() {
		return nil
	}
	p, err := kvm.Query(ctx, r, node, w.inst.Name)
	if err != nil || p.Status == "" || p.Status == "completed" {
		return err
	}
	return kvm.Abort(ctx, r, node, w.inst.Name, w.guest.capabilities())
}

// clearing removes what is left of the instance on the node that does not run it.
func (w *migrate) clearing(node *config.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		if node.Offline {
			w.env.Warn("Could not close instance disks on node %s, proceeding anyway", node.Name)
			return nil
		}
		if err := provenAbsent(ctx, w.env.Nodes, w.inst, []string{node.Name}); err != nil {
			return err
		}
		if err := killGuest(ctx, w.env.Nodes, w.inst, node.Name); err != nil {
			return err
		}
		return w.closeDisks(ctx, node.Name)
	}
}
