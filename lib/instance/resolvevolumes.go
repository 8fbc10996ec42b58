package instance

import (
	"context"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// claimed says whether the configuration has a volume on a node.
func (x *remains) claimed(node string, v lvm.Volume) bool {
	n := x.env.Config.NodeByName(node)
	return n != nil && usedVolume(x.env.Config, n.UUID, v.VG, v.Name)
}

// volumeAt reads VG/LV, or a device file of one.
func volumeAt(name string) lvm.Volume {
	vg, lv, _ := strings.Cut(strings.TrimPrefix(name, "/dev/"), "/")
	return lvm.Volume{VG: vg, Name: lv}
}

// renamed reads what an intent says of the renaming of a volume.
func renamed(in job.Intent) (from, to lvm.Volume, is bool) {
	rest, is := strings.CutPrefix(in.Changes, "renames volume ")
	was, name, both := strings.Cut(rest, " to ")
	from = volumeAt(was)
	return from, lvm.Volume{VG: from.VG, Name: name}, is && both
}

// renameBack gives volumes the names by which the configuration, or whoever let them be adopted, knows them; last first.
func (x *remains) renameBack(ctx context.Context) error {
	swaps := x.swaps()
	for _, in := range slices.Backward(x.done) {
		was, now, is := renamed(in)
		if !is || !x.on(in.Node) || x.claimed(in.Node, now) || slices.ContainsFunc(swaps, func(s *swap) bool { return s.node == in.Node && (s.has(was) || s.has(now)) }) {
			continue
		}
		there, err := x.exist(ctx, in.Node, was, now)
		if err == nil && there[1] && !there[0] {
			err = lvm.Rename(ctx, x.env.Nodes, in.Node, now, was.Name)
		}
		if err != nil {
			return err
		}
	}
	for _, s := range swaps {
		if err := x.endSwap(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// exist says which volumes a node has.
func (x *remains) exist(ctx context.Context, node string, volumes ...lvm.Volume) ([]bool, error) {
	there := make([]bool, len(volumes))
	var err error
	for i, v := range volumes {
		if there[i], err = lvm.Exists(ctx, x.env.Nodes, node, v); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// diskOn finds the mirrored disk that has a volume on a node.
func (x *remains) diskOn(node string, v lvm.Volume) *config.Disk {
	for _, d := range x.env.Config.Disks {
		if slices.ContainsFunc(d.Children, func(child *config.Disk) bool { return volumeOf(child) == v }) && slices.Contains(places(x.env.Config, d, node), node) {
			return d
		}
	}
	return nil
}

// freshName is what a volume was called before the job gave it this name.
func (x *remains) freshName(node string, v lvm.Volume) string {
	for _, in := range x.done {
		if was, now, is := renamed(in); is && in.Node == node && now == v {
			return was.Name
		}
	}
	return ""
}

// devices are the mirrored devices that the job has dealt with on nodes, each once, last first.
func (x *remains) devices(each func(node string, dev drbd.Device) error) error {
	seen := map[string]bool{}
	for _, in := range slices.Backward(x.done) {
		dev, ok := drbd.ParseDevice(in.Object())
		key := in.Node + " " + dev.String()
		if !ok || seen[key] || !x.on(in.Node) {
			continue
		}
		seen[key] = true
		if err := each(in.Node, dev); err != nil {
			return err
		}
	}
	return nil
}

// endStrayMirrors ends devices on volumes that the configuration does not have there.
func (x *remains) endStrayMirrors(ctx context.Context) error {
	return x.devices(func(node string, dev drbd.Device) error {
		if x.claimed(node, volumeAt(dev.Data)) && x.claimed(node, volumeAt(dev.Meta)) {
			return nil
		}
		setup, err := dev.Show(ctx, x.env.Nodes, node)
		if err != nil {
			return err
		}
		if setup.Data == dev.Data || setup.Data == "" && !x.knownMinor(node, dev.Minor) {
			return dev.Down(ctx, x.env.Nodes, node)
		}
		return nil
	})
}

// wholeElsewhere says whether the disk that a volume was part of, if there is such a disk still, is complete on both of its nodes.
func (x *remains) wholeElsewhere(ctx context.Context, v lvm.Volume) (bool, error) {
	at := slices.IndexFunc(x.env.Config.Disks, func(d *config.Disk) bool {
		return slices.ContainsFunc(d.Children, func(child *config.Disk) bool { return volumeOf(child) == v })
	})
	if at < 0 {
		return true, nil
	}
	d := x.env.Config.Disks[at]
	primary := x.env.Config.NodeName(x.primaryOf(d))
	if !x.on(primary) {
		return false, nil
	}
	states, err := on(x.env, primary).Statuses(ctx, []*config.Disk{d})
	if err != nil {
		return false, err
	}
	s := states[0]
	return s != nil && s.Connected() && s.LocalStatus() == drbd.Okay && s.PeerDisk == "UpToDate", nil
}

// removeAbandoned removes the volumes of devices that the job has ended and that are nobody's now: it was about to remove them. Volumes
// that it had given other names are somebody's data, whatever they are called. Those whose disk is
// not yet complete on other nodes stay: they may be its only second copy. What was there before disks were made anew elsewhere stays, too.
func (x *remains) removeAbandoned(ctx context.Context) error {
	if x.open.OpID == (RecreateDisks{}).OpID() {
		return nil
	}
	for _, in := range x.done {
		dev, ok := drbd.ParseDevice(in.Object())
		if !ok || in.Kind() != "ends" || !x.on(in.Node) {
			continue
		}
		for _, v := range []lvm.Volume{volumeAt(dev.Data), volumeAt(dev.Meta)} {
			if x.claimed(in.Node, v) || x.freshName(in.Node, v) != "" {
				continue
			}
			whole, err := x.wholeElsewhere(ctx, v)
			if err != nil {
				return err
			}
			if !whole {
				x.wait("volume %s on node %s is kept until the disk is whole on its new nodes", v, in.Node)
				continue
			}
			if err := lvm.RemoveIfThere(ctx, x.env.Nodes, in.Node, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownMinor says whether a disk of the configuration has a minor, or a job that lives is about to give it to one. What the dead job
// itself had reserved is nobody's.
func (x *remains) knownMinor(node string, minor int) bool {
	n := x.env.Config.NodeByName(node)
	return n != nil && slices.ContainsFunc(x.env.Config.Disks, func(d *config.Disk) bool {
		id, mirrored := d.DRBD()
		return mirrored && (id.NodeA == n.UUID && id.MinorA == minor || id.NodeB == n.UUID && id.MinorB == minor)
	}) || n != nil && slices.ContainsFunc(x.env.Config.Reservations, func(r *config.Reservation) bool {
		return r.Job != x.open.Job && r.Node == n.UUID && r.Minor != nil && *r.Minor == minor
	})
}

// mirrors brings the disks of the instances to where the configuration has them: attached and connected with one writable side, or
// down. Where their guests are has been settled before.
func (x *remains) mirrors(ctx context.Context) error {
	for _, name := range x.open.Instances {
		inst := x.env.Config.InstanceByName(name)
		if inst == nil || x.env.Config.DiskTemplate(inst) != config.DTDRBD || !slices.ContainsFunc(x.done, isMirrorIntent) {
			continue
		}
		primary := x.env.Config.Node(inst.PrimaryNode)
		if primary.Offline {
			continue
		}
		if !inst.DisksActive {
			if err := detachDisks(ctx, x.env.Nodes, x.env.Config, inst, primary.Name); err != nil {
				x.env.Warn("%v", err)
			}
			continue
		}
		if err := x.oneWriter(ctx, inst, primary); err != nil {
			return err
		}
		if err := attachAlone(ctx, x.env, inst, primary.Name); err != nil {
			if isUnknown(err) {
				return err
			}
			x.env.Warn("%v", err)
			continue
		}
		// what a side has missed is waited for, if that is little: the command that comes next may want whole mirrors
		if _, err := x.until(ctx, primary.Name, x.env.Config.InstanceDisks(inst), resyncLimit, func(s *drbd.Status) bool { return !s.InResync() }); err != nil {
			return err
		}
	}
	return nil
}

// resyncLimit is how long what was torn apart for a moment is waited for.
var resyncLimit = 10 * time.Second

func isMirrorIntent(in job.Intent) bool {
	_, ok := drbd.ParseDevice(in.Object())
	return ok
}

// oneWriter ends what a migration has begun, once the guest is on the primary node alone.
func (x *remains) oneWriter(ctx context.Context, inst *config.Instance, primary *config.Node) error {
	m := &migrate{}
	m.relocation = relocation{onOne: onOne{env: x.env, name: inst.Name, inst: inst}, source: primary}
	for _, uuid := range x.env.Config.SecondaryNodes(inst) {
		m.target = x.env.Config.Node(uuid)
	}
	if m.target == nil || m.target.Offline {
		return nil
	}
	shared := false
	for _, d := range m.pair().disks {
		for _, n := range []*config.Node{primary, m.target} {
			setup, err := on(x.env, n.Name).Setup(ctx, d)
			if err != nil {
				return err
			}
			shared = shared || setup.TwoPrimaries
		}
	}
	if !shared {
		return nil
	}
	if err := m.closeTarget(ctx); err != nil {
		return err
	}
	err := job.Run(ctx, x.env.Say, m.pair().singleMaster())
	if err != nil && ctx.Err() == nil && !isUnknown(err) { // sides that do not find each other are no reason to do nothing else for the instance
		x.env.Warn("%v", err)
		return nil
	}
	return err
}
