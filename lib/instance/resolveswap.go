package instance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// swap is the exchange of the volumes of a mirrored disk on one node, at which a job was when it died. Until the new ones have been
// attached they hold nothing, and from then on the old ones are worth less every moment: the peer's bitmap counts for the new ones, so
// that DRBD would not know what the old ones lack. So there is a way back before that moment, and none afterwards.
type swap struct {
	node  string
	disk  *config.Disk
	sides []*swapped // in the order of the disk's volumes
	taken bool       // the new volumes have been formatted and attached, or may be
	apart bool       // the device was detached, and is not known to have been attached again
}

// swapped is one of those volumes: by the name it has in the configuration, by that of the new one while it was made, and by that of the
// old one since it was set aside. Names that the job has not used are zero.
type swapped struct{ own, fresh, old lvm.Volume }

func (s *swap) has(v lvm.Volume) bool {
	return slices.ContainsFunc(s.sides, func(side *swapped) bool { return v == side.own || v == side.fresh || v == side.old })
}

// swaps reads them from what the job has done.
func (x *remains) swaps() (list []*swap) {
	made := map[string]bool{}
	for _, in := range x.done {
		if in.Kind() == "creates" {
			made[in.Node+" "+in.Object()] = true
		}
		if dev, ok := drbd.ParseDevice(in.Object()); ok && in.Kind() == "detaches" && x.on(in.Node) {
			x.swapOf(&list, in.Node, volumeAt(dev.Data))
		}
		from, to, is := renamed(in)
		isOld, isNew := strings.Contains(to.Name, replaced), made[in.Node+" volume "+from.String()]
		if !is || !isOld && !isNew || !x.on(in.Node) {
			continue
		}
		own := to
		if isOld {
			own = from
		}
		s := x.swapOf(&list, in.Node, own)
		if s == nil {
			continue
		}
		for _, side := range s.sides {
			switch {
			case side.own != own:
			case isOld:
				side.old = to
			default:
				side.fresh = from
			}
		}
	}
	for _, s := range list {
		s.taken, s.apart = x.reached(s)
	}
	return list
}

// swapOf finds the exchange that a volume belongs to in a list, or begins it.
func (x *remains) swapOf(list *[]*swap, node string, own lvm.Volume) *swap {
	for _, s := range *list {
		if s.node == node && s.has(own) {
			return s
		}
	}
	d := x.diskOn(node, own)
	if d == nil {
		return nil
	}
	s := &swap{node: node, disk: d}
	for _, child := range d.Children {
		s.sides = append(s.sides, &swapped{own: volumeOf(child)})
	}
	*list = append(*list, s)
	return s
}

// reached says how far the job came: whether it attached what it had formatted, and whether it left the device detached.
func (x *remains) reached(s *swap) (taken, apart bool) {
	formatted := false
	for _, in := range x.done {
		dev, ok := drbd.ParseDevice(in.Object())
		if !ok || in.Node != s.node || !s.has(volumeAt(dev.Data)) {
			continue
		}
		switch in.Kind() {
		case "formats":
			formatted = true
		case "detaches":
			apart = true
		case "attaches":
			taken, apart = taken || formatted, false
		}
	}
	return taken, apart
}

func (x *remains) endSwap(ctx context.Context, s *swap) error {
	if s.taken {
		return x.keepNew(ctx, s)
	}
	return x.takeBack(ctx, s)
}

// keepNew removes the old volumes once the new ones have all data. Until then both stay.
func (x *remains) keepNew(ctx context.Context, s *swap) error {
	old, err := x.aside(ctx, s)
	if err != nil || len(old) == 0 {
		return err
	}
	filled, err := x.filled(ctx, s)
	if err != nil {
		return err
	}
	if !filled {
		x.wait("the new volumes of %s on node %s are not filled yet; the old ones, %s, stay until they are", s.disk.IVName, s.node, named(old))
		return nil
	}
	for _, v := range old {
		if err := lvm.RemoveIfThere(ctx, x.env.Nodes, s.node, v); err != nil {
			return err
		}
	}
	return nil
}

// takeBack gives the old volumes their place again. The peer, which has gone on, has to be there: without it nothing would tell that what
// they hold is old, so without it they stay aside, and the device has no volumes. Those that are in their place are marked before they are
// attached.
func (x *remains) takeBack(ctx context.Context, s *swap) error {
	there := on(x.env, s.node)
	setup, err := there.Setup(ctx, s.disk)
	if err != nil {
		return err
	}
	if setup.Data == "" {
		if err := x.dropNew(ctx, s); err != nil {
			return err
		}
	}
	old, err := x.aside(ctx, s)
	if err != nil || len(old) == 0 && (!s.apart || setup.Data != "") {
		return err
	}
	met := false
	if setup.Data == "" {
		if met, err = x.met(ctx, s); err != nil {
			return err
		}
	}
	if !met && len(old) > 0 {
		x.wait("the old volumes of %s on node %s, %s, stay aside until it is connected to its other node, which may have newer data", s.disk.IVName, s.node, named(old))
		return nil
	}
	for _, side := range s.sides {
		if slices.Contains(old, side.old) {
			if err := lvm.Rename(ctx, x.env.Nodes, s.node, side.old, side.own.Name); err != nil {
				return err
			}
		}
	}
	if !met {
		x.env.Warn("%s on node %s is not connected to its other node, which may have newer data, and is marked as outdated", s.disk.IVName, s.node)
	}
	// whether it is connected can be ten seconds old
	switch err := there.Outdate(ctx, s.disk); {
	case isUnknown(err):
		return err
	case err != nil:
		x.wait("%s on node %s stays without its volumes, which cannot be marked as old: %v", s.disk.IVName, s.node, err)
		return nil
	}
	return x.tolerate(there.AttachAlone(ctx, s.disk))
}

// dropNew gives the new volumes, which have never been attached, the names under which they are removed.
func (x *remains) dropNew(ctx context.Context, s *swap) error {
	for _, side := range s.sides {
		if side.fresh.Name == "" {
			continue
		}
		there, err := x.exist(ctx, s.node, side.own, side.fresh)
		if err != nil {
			return err
		}
		isNew := there[0] && !there[1]
		if isNew && side.old.Name != "" { // else there was none before
			if isNew, err = lvm.Exists(ctx, x.env.Nodes, s.node, side.old); err != nil {
				return err
			}
		}
		if !isNew {
			continue
		}
		if err := lvm.Rename(ctx, x.env.Nodes, s.node, side.own, side.fresh.Name); err != nil {
			return err
		}
	}
	return nil
}

// aside are the old volumes that are still there.
func (x *remains) aside(ctx context.Context, s *swap) (list []lvm.Volume, err error) {
	for _, side := range s.sides {
		if side.old.Name == "" {
			continue
		}
		there, err := lvm.Exists(ctx, x.env.Nodes, s.node, side.old)
		if err != nil {
			return nil, err
		}
		if there {
			list = append(list, side.old)
		}
	}
	return list, nil
}

// swapLimit is how long the sides of a disk may need to find each other, and new volumes to be filled.
var swapLimit = 30 * time.Second

// filled brings the new volumes up, and says whether they have all data.
func (x *remains) filled(ctx context.Context, s *swap) (bool, error) {
	there := on(x.env, s.node)
	reachable, err := x.attachPeer(ctx, s)
	if err != nil {
		return false, err
	}
	if err := x.tolerate(there.Attach(ctx, s.disk)); err != nil {
		return false, err
	}
	limit := swapLimit
	if !reachable { // nobody can send it anything
		limit = 0
	}
	whole, err := x.until(ctx, s.node, []*config.Disk{s.disk}, limit, func(side *drbd.Status) bool { return side.LocalStatus() == drbd.Okay })
	if err != nil || !whole {
		return false, err
	}
	setup, err := there.Setup(ctx, s.disk)
	return setup.Data == s.sides[0].own.Device(), err
}

// met brings a device without volumes up, and says whether it is connected to a peer that has all data.
func (x *remains) met(ctx context.Context, s *swap) (bool, error) {
	there := on(x.env, s.node)
	if reachable, err := x.attachPeer(ctx, s); err != nil || !reachable {
		return false, err
	}
	states, err := there.Statuses(ctx, []*config.Disk{s.disk})
	if err != nil {
		return false, err
	}
	if states[0] == nil {
		if err := x.tolerate(there.Connect(ctx, s.disk)); err != nil {
			return false, err
		}
	}
	return x.until(ctx, s.node, []*config.Disk{s.disk}, swapLimit, func(side *drbd.Status) bool { return side.Connected() && side.PeerDisk == "UpToDate" })
}

// attachPeer brings the other side up, if its node can be asked.
func (x *remains) attachPeer(ctx context.Context, s *swap) (reachable bool, err error) {
	peers := places(x.env.Config, s.disk, s.node)
	if len(peers) < 2 || !x.on(peers[1]) {
		return false, nil
	}
	err = on(x.env, peers[1]).Attach(ctx, s.disk)
	return err == nil, x.tolerate(err)
}

// until looks at the sides of disks on a node until they are as they should be, for so long. It gives up where one is not set up.
func (x *remains) until(ctx context.Context, node string, disks []*config.Disk, limit time.Duration, fits func(*drbd.Status) bool) (bool, error) {
	for end := x.env.Clock().Add(limit); ; {
		states, err := on(x.env, node).Statuses(ctx, disks)
		if err != nil {
			return false, err
		}
		if slices.Contains(states, nil) {
			return false, nil
		}
		if !slices.ContainsFunc(states, func(s *drbd.Status) bool { return !fits(s) }) {
			return true, nil
		}
		if !x.env.Clock().Before(end) {
			return false, nil
		}
		if err := sleep(ctx, greetAgain); err != nil {
			return false, err
		}
	}
}

// tolerate makes a warning of what failed for certain.
func (x *remains) tolerate(err error) error {
	if err == nil || isUnknown(err) {
		return err
	}
	x.env.Warn("%v", err)
	return nil
}

// wait notes that something cannot be put in order now.
func (x *remains) wait(format string, args ...any) {
	x.later = errors.Join(x.later, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), job.ErrLater))
}

func named(volumes []lvm.Volume) string {
	var names []string
	for _, v := range volumes {
		names = append(names, v.String())
	}
	return strings.Join(names, " and ")
}
