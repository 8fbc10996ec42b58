package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/backup"
	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/job"
	"gantry/lib/kvm"
	"gantry/lib/lvm"
	"gantry/lib/rbd"
	"gantry/lib/remote"
)

// Resolvers put in order what a job that died, or did not learn what became of a command, has left of an instance. They go by the
// first word of what it was about to change. All of them look at the whole of what that job has done to the instance: the configuration says
// what is to be, the nodes say what is, and nothing is ended or removed before they have.
func Resolvers() map[string]job.Resolver {
	all := map[string]job.Resolver{}
	for _, kind := range []string{
		"activates", "adds", "admits", "attaches", "brings", "cancels", "changes", "cleans", "connects", "continues", "converts", "copies", "creates", "demotes",
		"detaches", "disconnects", "ends", "forgets", "formats", "gives", "grows", "leaves", "links", "makes", "pauses", "pins", "promotes", "records", "removes",
		"renames", "resizes", "resumes", "runs", "sets", "starts", "stops", "switches", "tags", "tunes", "unlinks", "untags", "wipes", "withdraws",
		"work", "write", "writes",
	} {
		all[kind] = resolveOpen
	}
	return all
}

// remains is what one job has left of the instances it had locked.
type remains struct {
	env  *job.Env
	open job.OpenIntent
	done []job.Intent // what it did, or may have done, to them

	later error // that something has to wait
}

// resolveOpen deals with one open intent, and on the way with everything else that its job has left.
func resolveOpen(ctx context.Context, env *job.Env, open job.OpenIntent) error {
	env.Info("Looking what became of \"%s\" on node %s, at which job %d ended", open.Changes, open.Node, open.Job)
	x := &remains{env: env, open: open}
	for _, in := range open.All {
		if in.Op == open.Op && in.Outcome != remote.Failed.String() && slices.ContainsFunc(in.Instances, x.concerns) {
			x.done = append(x.done, in)
		}
	}
	for _, step := range []func(context.Context) error{x.endWork, x.withdrawKeys, x.withdrawDevices, x.moveBack, x.endStrayMirrors, x.renameBack, x.removeStrays, x.guests, x.unplugged, x.removeMoved, x.removeConverted, x.mirrors, x.removeAbandoned} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("putting in order what job %d has left: %w", open.Job, err)
		}
	}
	return errors.Join(x.offline(), x.later)
}

func (x *remains) concerns(name string) bool { return slices.Contains(x.open.Instances, name) }

// on says whether a node can be asked: it is in the cluster and not offline.
func (x *remains) on(node string) bool {
	n := x.env.Config.NodeByName(node)
	return n != nil && !n.Offline
}

// offline is that something may be left on a node that nobody can look at.
func (x *remains) offline() error {
	for _, in := range x.done {
		if n := x.env.Config.NodeByName(in.Node); n != nil && n.Offline {
			return fmt.Errorf("node %s is marked offline: %w", n.Name, job.ErrLater)
		}
	}
	return nil
}

// endWork ends work that was started detached and may still run: an OS script, writing to disks that are about to change.
func (x *remains) endWork(ctx context.Context) error {
	for _, in := range x.done {
		if in.Work == "" || !x.on(in.Node) {
			continue
		}
		err := x.env.Nodes.Stop(ctx, in.Node, in.Work)
		if errors.Is(err, remote.ErrNoWork) {
			continue
		}
		if err == nil {
			err = x.env.Nodes.Forget(ctx, in.Node, in.Work)
		}
		if err != nil && !errors.Is(err, remote.ErrNoWork) {
			return err
		}
	}
	return nil
}

// withdrawKeys takes away what a copy was let in with.
func (x *remains) withdrawKeys(ctx context.Context) error {
	for _, in := range x.done {
		id, is := backup.LentKey(in.Changes)
		if !is || !x.on(in.Node) {
			continue
		}
		if err := backup.Withdraw(ctx, x.env.Nodes, in.Node, id); err != nil {
			return err
		}
	}
	return nil
}

// moveBack gives directories and files of disks the name by which the configuration knows them.
func (x *remains) moveBack(ctx context.Context) error {
	for _, in := range x.done {
		names, isDir := strings.CutPrefix(in.Changes, "renames directory ")
		rename, known := filedisk.RenameDir, x.usedBelow
		if !isDir {
			isFile := false
			if names, isFile = strings.CutPrefix(in.Changes, "renames file "); !isFile {
				continue
			}
			rename, known = filedisk.RenameFile, func(file string) bool { return x.used(in.Node, file) }
		}
		from, to, isMove := strings.Cut(names, " to ")
		if !isMove || !x.on(in.Node) {
			continue
		}
		switch {
		case known(from) && !known(to):
			from, to = to, from
		case !known(to):
			continue
		}
		if err := rename(ctx, x.env.Nodes, in.Node, from, to); err != nil {
			return err
		}
	}
	return nil
}

func (x *remains) usedBelow(dir string) bool {
	return slices.ContainsFunc(x.env.Config.Disks, func(d *config.Disk) bool { return strings.HasPrefix(d.Path(), dir+"/") })
}

func (x *remains) used(node, device string) bool {
	return x.usedOn(node, func(path string) bool { return path == device })
}

// usedOn says whether the configuration has such a disk on a node. One that is in files or on volumes may be of the same name on
// another node, and somebody else's data here.
func (x *remains) usedOn(node string, is func(device string) bool) bool {
	n := x.env.Config.NodeByName(node)
	return slices.ContainsFunc(x.env.Config.Disks, func(d *config.Disk) bool {
		return is(disk.Device(d, "")) && (n == nil || disk.Shared(d.DevType) || len(d.NodesOf()) == 0 || slices.Contains(d.NodesOf(), n.UUID) || x.primaryOf(d) == n.UUID)
	})
}

func (x *remains) primaryOf(d *config.Disk) string {
	if inst := x.env.Config.DiskInstance(d.UUID); inst != nil {
		return inst.PrimaryNode
	}
	return ""
}

// removeStrays removes what the job has made and the configuration does not name. Names of new files and volumes are made up of
// fresh UUIDs and made exclusively, so that nobody else's can be meant; a directory goes only when it is empty.
func (x *remains) removeStrays(ctx context.Context) error {
	for _, in := range slices.Backward(x.done) {
		if !x.on(in.Node) {
			continue
		}
		var err error
		what, object, _ := strings.Cut(in.Object(), " ")
		switch in.Kind() + " " + what {
		case "creates file":
			if !x.used(in.Node, object) {
				err = filedisk.Remove(ctx, x.env.Nodes, in.Node, object)
			}
		case "creates directory", "removes directory":
			if !x.usedOn(in.Node, func(path string) bool { return strings.HasPrefix(path, object+"/") }) {
				err = x.removeEmpty(ctx, in.Node, object)
			}
		case "creates image":
			err = x.removeImage(ctx, in.Node, object)
		case "creates volume", "makes snapshot":
			err = x.removeVolume(ctx, in.Node, object)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEmpty removes a directory in which there is nothing.
func (x *remains) removeEmpty(ctx context.Context, node, dir string) error {
	c := remote.Script(`[ -d "$1" ] && [ -z "$(ls -A -- "$1")" ]`, dir)
	c.OK = []int{1}
	empty, err := x.env.Nodes.Run(ctx, node, c)
	if err != nil || empty.Status != 0 {
		return err
	}
	return filedisk.RemoveDir(ctx, x.env.Nodes, node, dir)
}

func (x *remains) removeImage(ctx context.Context, node, object string) error {
	pool, name, _ := strings.Cut(object, "/")
	i := rbd.Image{Pool: pool, Name: name}
	if x.used(node, i.Link()) {
		return nil
	}
	return i.Remove(ctx, x.env.Nodes, node)
}

func (x *remains) removeVolume(ctx context.Context, node, object string) error {
	v := volumeAt(object)
	if x.claimed(node, v) {
		return nil
	}
	return lvm.RemoveIfThere(ctx, x.env.Nodes, node, v)
}

// guests puts the guests of the instances in order.
func (x *remains) guests(ctx context.Context) error {
	for _, name := range x.open.Instances {
		inst := x.env.Config.InstanceByName(name)
		if inst == nil {
			continue // never recorded: it was not started either
		}
		g := &guestRemains{onOne: onOne{env: x.env, name: name, inst: inst}}
		for _, in := range x.done {
			if x.on(in.Node) && slices.Contains(in.Instances, name) && !slices.Contains(g.nodes, in.Node) {
				g.nodes = append(g.nodes, in.Node)
			}
		}
		if err := g.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// guestRemains is one instance whose guest may be half started, half stopped or half moved.
type guestRemains struct {
	onOne
	nodes []string // where the job did something
	found map[string]state
}

// settle makes the guest run on one node at most, and the configuration say which.
func (g *guestRemains) settle(ctx context.Context) error {
	primary := g.primary()
	if !primary.Offline && !slices.Contains(g.nodes, primary.Name) {
		g.nodes = append(g.nodes, primary.Name)
	}
	if err := g.look(ctx); err != nil {
		return err
	}
	if err := g.endUnborn(ctx); err != nil {
		return err
	}
	for _, node := range g.nodes {
		if s := g.found[node]; s.Running && node != primary.Name {
			return g.followGuest(ctx, node)
		}
	}
	return g.clean(ctx)
}

// look asks all those nodes. One that does not answer may run the guest, so nothing is done then.
func (g *guestRemains) look(ctx context.Context) error {
	g.found = map[string]state{}
	for _, reply := range remote.Each(ctx, g.nodes, 0, func(ctx context.Context, node string) (state, error) {
		return stateOf(ctx, g.env.Nodes, g.inst, node)
	}) {
		if reply.Err != nil {
			return fault.Exec("Cannot tell whether instance %s runs on node %s (if that node is off, mark it offline): %w", g.inst.Name, reply.Node, reply.Err)
		}
		g.found[reply.Node] = reply.Value
	}
	return nil
}

// endUnborn ends guests that have never run: nothing of them can be lost, and whoever starts the instance begins anew. A guest that is
// alone and waits for another's memory has none, and one that is alone and has given its memory away must never go on: the other has run
// since, and its disks have changed.
func (g *guestRemains) endUnborn(ctx context.Context) error {
	alone := 0
	for _, s := range g.found {
		if s.Running {
			alone++
		}
	}
	for node, s := range g.found {
		if !s.Running || s.Status != kvm.Unborn && (s.Status != kvm.Waiting && s.Status != kvm.Left || alone > 1) {
			continue
		}
		g.env.Info("Ending what is left of the guest of instance %s on node %s (%s)", g.inst.Name, node, s.Status)
		if err := killGuest(ctx, g.env.Nodes, g.inst, node); err != nil {
			return err
		}
		g.found[node] = state{}
	}
	return nil
}

// followGuest ends a migration that was cut off, as --cleanup does.
func (g *guestRemains) followGuest(ctx context.Context, node string) error {
	m := &migrate{Migrate: Migrate{Name: g.name, Cleanup: true}}
	m.relocation = relocation{onOne: g.onOne, source: g.primary(), target: g.env.Config.NodeByName(node)}
	return m.cleanUp(ctx)
}

// clean removes what guests have left on nodes where none is, and lets one go on whose migration led nowhere.
func (g *guestRemains) clean(ctx context.Context) error {
	primary := g.primary().Name
	for _, node := range g.nodes {
		if g.found[node].Running {
			if err := g.goOn(ctx, node); err != nil {
				return err
			}
			continue
		}
		if err := g.cleanNode(ctx, node, node != primary); err != nil {
			return err
		}
	}
	return nil
}

func (g *guestRemains) cleanNode(ctx context.Context, node string, foreign bool) error {
	if g.inst.Hypervisor == config.HVKVM {
		if err := errors.Join(kvm.CleanUp(ctx, g.env.Nodes, node, g.inst.Name), bridge.Down(ctx, g.env.Nodes, node, g.inst.Name)); err != nil {
			return err
		}
	}
	if !foreign {
		return nil
	}
	return g.on(node).Unlink(ctx, g.inst.Name, len(g.inst.Disks))
}

// withdrawDevices takes from guests the devices that the job was adding and the configuration does not name, before what is behind those is
// removed, and the tap devices that it has made for nothing.
func (x *remains) withdrawDevices(ctx context.Context) error {
	err := x.eachDevice(ctx, kvm.AddedDevice, func(inst *config.Instance, node, id string) error {
		err := kvm.TakeBack(ctx, x.env.Nodes, node, inst.Name, id, wantedOf(inst))
		if err != nil && !isUnknown(err) { // the guest has to let go of it, and whoever wants to end that guest need not wait
			return fmt.Errorf("whether instance %s still has the device %s: %w: %w", inst.Name, id, err, job.ErrLater)
		}
		return err
	})
	if err != nil {
		return err
	}
	return x.sweepTaps(ctx)
}

// eachDevice goes through the devices that the job was changing, as its intents name them, of the guests that run.
func (x *remains) eachDevice(ctx context.Context, named func(changes string) (id, name string, is bool), do func(inst *config.Instance, node, id string) error) error {
	for _, in := range x.done {
		id, name, is := named(in.Changes)
		if !is {
			continue
		}
		inst, err := x.runs(ctx, in, name)
		if err == nil && inst != nil {
			err = do(inst, in.Node, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wantedOf says which devices an instance is to have.
func wantedOf(inst *config.Instance) func(uuid string) bool {
	return func(uuid string) bool {
		return slices.Contains(inst.Disks, uuid) || slices.ContainsFunc(inst.NICs, func(n config.NIC) bool { return n.UUID == uuid })
	}
}

// sweepTaps removes the tap devices that running guests of a job that changed them do not use.
func (x *remains) sweepTaps(ctx context.Context) error {
	if x.open.OpID != (Modify{}).OpID() {
		return nil
	}
	for _, name := range x.open.Instances {
		var swept []string
		for _, in := range x.done {
			if !bridge.BringsUp(in.Changes, name) || slices.Contains(swept, in.Node) {
				continue
			}
			inst, err := x.runs(ctx, in, name)
			if err == nil && inst != nil {
				swept = append(swept, in.Node)
				err = bridge.Sweep(ctx, x.env.Nodes, in.Node, name)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// runs gives the instance of that name if its guest runs on the node of an intent, and can be asked.
func (x *remains) runs(ctx context.Context, in job.Intent, name string) (*config.Instance, error) {
	inst := x.env.Config.InstanceByName(name)
	if inst == nil || !x.on(in.Node) {
		return nil, nil
	}
	s, err := stateOf(ctx, x.env.Nodes, inst, in.Node)
	if err != nil || !s.Running {
		return nil, err
	}
	return inst, nil
}

// unplugged has guests' runtime files say so where they have let go of a device that the job was removing.
func (x *remains) unplugged(ctx context.Context) error {
	var told []string
	return x.eachDevice(ctx, kvm.RemovedDevice, func(inst *config.Instance, node, id string) error {
		tap, err := kvm.FinishRemoval(ctx, x.env.Nodes, node, inst.Name, id)
		if err == nil && tap != "" {
			err = bridge.Down(ctx, x.env.Nodes, node, inst.Name, tap)
		}
		if err == nil && !slices.Contains(told, inst.Name) {
			told = append(told, inst.Name)
			err = x.tellMissing(ctx, inst, node)
		}
		if isUnknown(err) {
			return err
		}
		if err != nil {
			x.wait("whether instance %s still has the device %s: %v", inst.Name, id, err)
		}
		return nil
	})
}

// tellMissing warns of the devices of an instance that its guest has lost: they were to be changed, which is to be taken out and put back.
func (x *remains) tellMissing(ctx context.Context, inst *config.Instance, node string) error {
	runtime, _, err := kvm.ReadRuntime(ctx, x.env.Nodes, node, inst.Name)
	if err != nil {
		return err
	}
	for i, nic := range inst.NICs {
		if !slices.ContainsFunc(runtime.NICs, func(n kvm.NIC) bool { return n.UUID == nic.UUID }) {
			x.env.Warn("The guest of instance %s does not have network interface %d; 'gnt-instance reboot %s' gives it back", inst.Name, i, inst.Name)
		}
	}
	for i, uuid := range inst.Disks {
		if !slices.ContainsFunc(runtime.Disks, func(d kvm.Disk) bool { return d.UUID == uuid }) {
			x.env.Warn("The guest of instance %s does not have disk %d; 'gnt-instance reboot %s' gives it back", inst.Name, i, inst.Name)
		}
	}
	return nil
}

// goOn ends a transfer that nobody waits for on the other side any more: the guest has not been away.
func (g *guestRemains) goOn(ctx context.Context, node string) error {
	m := &migrate{}
	m.relocation = relocation{onOne: g.onOne, source: g.env.Config.NodeByName(node), target: g.env.Config.NodeByName(node)}
	m.guest = m.travel()
	return m.goOn(ctx)
}
