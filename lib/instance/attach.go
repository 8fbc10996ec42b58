package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// on is a node as disks see it.
func on(env *job.Env, node string) disk.On {
	return disk.On{Runner: env.Nodes, Config: env.Config, Node: node}
}

func (o *onOne) on(node string) disk.On { return on(o.env, node) }

// places are the names of the nodes that a disk is on, that of the given one first.
func places(cfg *config.Config, d *config.Disk, node string) []string {
	names := []string{node}
	if _, mirrored := d.DRBD(); !mirrored {
		return names
	}
	for _, uuid := range d.NodesOf() {
		if name := cfg.NodeName(uuid); name != "" && name != node {
			names = append(names, name)
		}
	}
	return names
}

// assembly is the attaching of an instance's disks where it is to run, and of their mirrors elsewhere.
type assembly struct {
	env      *job.Env
	inst     *config.Instance
	node     string // where it is to run
	alone    bool   // mirrors that cannot be had are done without
	shared   bool   // it may run elsewhere at this moment
	anySize  bool   // sizes of devices are not held against the configuration
	failed   bool
	attached map[string][]*config.Disk // by node
}

// attachDisks attaches the disks of an instance on a node and links them for the hypervisor. All that fails is warned of; then none
// is linked.
func attachDisks(ctx context.Context, env *job.Env, inst *config.Instance, node string) error {
	return (&assembly{env: env, inst: inst, node: node}).run(ctx)
}

// attachAlone is attachDisks for when the other nodes may be down.
func attachAlone(ctx context.Context, env *job.Env, inst *config.Instance, node string) error {
	return (&assembly{env: env, inst: inst, node: node, alone: true}).run(ctx)
}

func (a *assembly) on(node string) disk.On {
	there := on(a.env, node)
	there.Shared, there.AnySize = a.shared, a.anySize
	return there
}

func (a *assembly) run(ctx context.Context) error {
	disks := a.env.Config.InstanceDisks(a.inst)
	if err := a.attach(ctx, disks); err != nil {
		return err
	}
	if a.failed {
		return fault.Exec("Disk consistency error")
	}
	return on(a.env, a.node).Link(ctx, a.inst.Name, disks)
}

// attach attaches all sides first and then makes one of them writable, so that DRBD can compare them before.
func (a *assembly) attach(ctx context.Context, disks []*config.Disk) error {
	a.attached = map[string][]*config.Disk{}
	for i, d := range disks {
		if disk.InVolumes(d.DevType) {
			if err := a.everywhere(ctx, i, d); err != nil {
				return err
			}
		}
	}
	if err := a.greet(ctx, disks); err != nil {
		return err
	}
	for i, d := range disks {
		if err := a.open(ctx, i, d); err != nil {
			return err
		}
	}
	return nil
}

// warn tells of a failure in one of the two passes. Only an outcome that is not known ends them.
func (a *assembly) warn(i int, node string, pass int, err error) error {
	if isUnknown(err) {
		return err
	}
	primary := "False"
	if pass == 2 {
		primary = "True"
	}
	a.env.Warn("Could not prepare block device disk/%d on node %s (is_primary=%s, pass=%d): %s", i, node, primary, pass, err)
	return nil
}

// everywhere attaches all sides of a disk, at once: each looks for the other.
func (a *assembly) everywhere(ctx context.Context, i int, d *config.Disk) error {
	cfg := a.env.Config
	for _, reply := range remote.Each(ctx, places(cfg, d, a.node), 0, func(ctx context.Context, node string) (struct{}, error) {
		if n := cfg.NodeByName(node); n != nil && n.Offline {
			return struct{}{}, fault.Exec("Node is marked offline")
		}
		if err := a.on(node).Attach(ctx, d); err != nil {
			return struct{}{}, fmt.Errorf("Error while assembling disk: %w", err)
		}
		return struct{}{}, nil
	}) {
		if reply.Err == nil {
			a.attached[reply.Node] = append(a.attached[reply.Node], d)
			continue
		}
		if err := a.warn(i, reply.Node, 1, reply.Err); err != nil {
			return err
		}
		n := cfg.NodeByName(reply.Node)
		if reply.Node == a.node || !a.alone && (n == nil || !n.Offline) {
			a.failed = true
		}
	}
	return nil
}

// again attaches the sides of a disk once more that have given up: one may have met the other as a migration had left it, just before that
// was mended.
func (a *assembly) again(ctx context.Context, i int, d *config.Disk) error {
	for _, node := range places(a.env.Config, d, a.node) {
		there := a.on(node)
		states, err := there.Statuses(ctx, []*config.Disk{d})
		if err == nil && states[0] != nil && states[0].StandAlone() {
			err = there.Attach(ctx, d)
		}
		if err == nil {
			continue
		}
		if err := a.warn(i, node, 1, err); err != nil {
			return err
		}
	}
	return nil
}

// How long, and how often, the sides of a mirrored disk may look for each other.
var (
	greetLimit = 15 * time.Second
	greetAgain = time.Second
)

// greet waits until the sides that are there have met. One that becomes writable without having met its peer may not have the newest data.
func (a *assembly) greet(ctx context.Context, disks []*config.Disk) error {
	var waiting []*config.Disk
	for _, d := range disks {
		peers := places(a.env.Config, d, a.node)
		if d.DevType == config.DTDRBD && len(peers) == 2 && slices.Contains(a.attached[a.node], d) && slices.Contains(a.attached[peers[1]], d) {
			waiting = append(waiting, d)
		}
	}
	first := true
	for end := a.env.Clock().Add(greetLimit); len(waiting) > 0; first = false {
		states, err := on(a.env, a.node).Statuses(ctx, waiting)
		if err != nil {
			return err
		}
		var still []*config.Disk
		for i, d := range waiting {
			s := states[i]
			if s != nil && (s.Connected() || s.InResync()) {
				continue
			}
			if first {
				if err := a.again(ctx, slices.Index(disks, d), d); err != nil {
					return err
				}
			}
			if s == nil || !s.Primary() {
				still = append(still, d)
			}
		}
		if waiting = still; len(waiting) == 0 {
			return nil
		}
		if a.env.Clock().After(end) {
			return a.unmet(disks, waiting)
		}
		if err := sleep(ctx, greetAgain); err != nil {
			return err
		}
	}
	return nil
}

func (a *assembly) unmet(disks, alone []*config.Disk) error {
	for _, d := range alone {
		peer := places(a.env.Config, d, a.node)[1]
		if err := a.warn(slices.Index(disks, d), a.node, 2, fault.Exec("it is not connected to node %s", peer)); err != nil {
			return err
		}
		a.failed = a.failed || !a.alone
	}
	return nil
}

// open does the second pass for one disk: it has to be attached on the node where it is to be used, and writable.
func (a *assembly) open(ctx context.Context, i int, d *config.Disk) error {
	if a.failed && d.DevType == config.DTDRBD {
		return nil // the instance will not be started: nothing becomes writable
	}
	there := a.on(a.node)
	var err error
	if !slices.Contains(a.attached[a.node], d) {
		if err = there.Attach(ctx, d); err != nil {
			err = fmt.Errorf("Error while assembling disk: %w", err)
		}
	}
	if err == nil {
		err = there.Open(ctx, d)
	}
	if err == nil {
		return nil
	}
	a.failed = true
	return a.warn(i, a.node, 2, err)
}

// detachDisks takes the links away and detaches the disks, their mirrors too. It goes on when one fails; the errors come together.
func detachDisks(ctx context.Context, r remote.Runner, cfg *config.Config, inst *config.Instance, node string) error {
	disks := cfg.InstanceDisks(inst)
	all := disk.On{Runner: r, Config: cfg, Node: node}.Unlink(ctx, inst.Name, len(disks))
	for i, d := range disks {
		all = errors.Join(all, detachDisk(ctx, r, cfg, i, d, node))
	}
	return all
}

// detachDisk detaches one disk on its nodes. Those that are offline are left out.
func detachDisk(ctx context.Context, r remote.Runner, cfg *config.Config, i int, d *config.Disk, node string) error {
	var all error
	for _, name := range places(cfg, d, node) {
		if n := cfg.NodeByName(name); n != nil && n.Offline {
			continue
		}
		if err := (disk.On{Runner: r, Config: cfg, Node: name}).Detach(ctx, d); err != nil {
			all = errors.Join(all, fault.Exec("Could not shutdown block device disk/%d on node %s: %w", i, name, err))
		}
	}
	return all
}

// sleep waits, unless nobody does any more.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
