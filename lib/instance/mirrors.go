package instance

import (
	"context"
	"errors"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// pair is the mirrored disks of an instance on the two nodes between which it moves.
type pair struct {
	env   *job.Env
	disks []*config.Disk
	nodes []*config.Node // those that are not offline are asked
}

func (o *relocation) pair() pair {
	p := pair{env: o.env, nodes: []*config.Node{o.source, o.target}}
	for _, d := range o.env.Config.InstanceDisks(o.inst) {
		if d.DevType == config.DTDRBD {
			p.disks = append(p.disks, d)
		}
	}
	return p
}

// mirrored says whether there is anything to be done to the disks on both nodes.
func (o *relocation) mirrored() bool { return len(o.pair().disks) > 0 }

func (p pair) online() []string {
	var names []string
	for _, n := range p.nodes {
		if !n.Offline {
			names = append(names, n.Name)
		}
	}
	return names
}

// both does something on all nodes at once: each side waits for the other.
func (p pair) both(ctx context.Context, words string, do func(ctx context.Context, there disk.On) error) error {
	var all error
	for _, reply := range remote.Each(ctx, p.online(), 0, func(ctx context.Context, node string) (struct{}, error) {
		return struct{}{}, do(ctx, on(p.env, node))
	}) {
		if reply.Err != nil {
			all = errors.Join(all, fault.Exec(words+" on node %s: %w", reply.Node, reply.Err))
		}
	}
	return all
}

func (p pair) standAlone(ctx context.Context) error {
	return p.both(ctx, "Cannot disconnect disks", func(ctx context.Context, there disk.On) error { return there.Disconnect(ctx, p.disks...) })
}

// reconnect connects sides that are alone.
func (p pair) reconnect(mode drbd.Mode) func(context.Context) error {
	return func(ctx context.Context) error {
		return p.both(ctx, "Cannot change disks config", func(ctx context.Context, there disk.On) error { return there.Reconnect(ctx, mode, p.disks...) })
	}
}

// reunite connects sides that are alone so that one may be primary. A side that its node has lost is set up anew; where one is offline
// the other only gets ready for it.
func (p pair) reunite(ctx context.Context) error {
	whole := len(p.online()) == len(p.nodes)
	for _, node := range p.online() {
		states, err := on(p.env, node).Statuses(ctx, p.disks)
		if err != nil {
			return fault.Exec("Cannot change disks config on node %s: %w", node, err)
		}
		whole = whole && !slices.Contains(states, nil)
	}
	if whole {
		return p.reconnect(drbd.OnePrimary)(ctx)
	}
	return p.both(ctx, "Cannot change disks config", func(ctx context.Context, there disk.On) error {
		var all error
		for _, d := range p.disks {
			all = errors.Join(all, there.Attach(ctx, d))
		}
		return all
	})
}

// Waiting for the end of a synchronization: how often it is looked at, and how long a side may be without a connection meanwhile.
var (
	syncedAgain = 2 * time.Second
	syncedAlone = 15 * time.Second
)

// waitSynced waits until nothing has to be synchronized any more on either node.
func (p pair) waitSynced(ctx context.Context) error {
	if len(p.online()) < len(p.nodes) {
		return nil
	}
	for alone := time.Duration(0); ; alone += syncedAgain {
		busy, connected, percent, err := p.progress(ctx)
		switch {
		case err != nil:
			return err
		case connected && !busy:
			return nil
		case connected:
			alone = 0
			p.env.Say("   - progress: %.1f%%", percent)
		case alone >= syncedAlone:
			return fault.Exec("Cannot resync disks: they are not connected")
		}
		if err := sleep(ctx, syncedAgain); err != nil {
			return err
		}
	}
}

// progress is that of the slowest disk on either node.
func (p pair) progress(ctx context.Context) (busy, connected bool, percent float64, err error) {
	connected, percent = true, 100
	for _, node := range p.online() {
		states, err := on(p.env, node).Statuses(ctx, p.disks)
		if err != nil {
			return false, false, 0, fault.Exec("Cannot resync disks on node %s: %w", node, err)
		}
		for i, s := range states {
			if s == nil {
				return false, false, 0, fault.Exec("Cannot resync disks on node %s: %s is not set up", node, p.disks[i].IVName)
			}
			connected = connected && (s.Connected() || s.InResync())
			busy = busy || s.InResync()
			if done := s.Percent(); done != nil {
				percent = min(percent, *done)
			}
		}
	}
	return busy, connected, percent, nil
}

// singleMaster is the way back from a connection on which both sides may be writable, of which one is not any more.
func (p pair) singleMaster() []job.Step {
	return []job.Step{
		job.Do("changing into standalone mode", p.standAlone),
		job.Do("changing disks into single-master mode", p.reunite),
		job.Do("wait until resync is done", p.waitSynced),
	}
}

// degraded finds the first disk whose side on a node is not whole; -1 is none.
func (p pair) degraded(ctx context.Context, node string) (int, error) {
	states, err := on(p.env, node).Statuses(ctx, p.disks)
	if isUnknown(err) {
		return -1, err
	}
	if err != nil {
		p.env.Warn("Can't get any data on node %s: %v", node, err)
		return 0, nil
	}
	for i, s := range states {
		if s == nil {
			p.env.Warn("Can't find disk on node %s", node)
		}
		if s == nil || s.Degraded() {
			return i, nil
		}
	}
	return -1, nil
}
