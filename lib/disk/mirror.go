package disk

import (
	"context"
	"errors"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// mirror is the side that this node has of a mirrored disk.
func (on On) mirror(d *config.Disk) (drbd.Device, error) {
	id, ok := d.DRBD()
	node := on.Config.NodeByName(on.Node)
	if !ok || len(d.Children) != 2 || node == nil || node.UUID != id.NodeA && node.UUID != id.NodeB {
		return drbd.Device{}, fault.New(fault.BlockDevice, "Node %s has no side of %s", on.Node, Describe(d))
	}
	peer := on.Config.Node(id.NodeA)
	if id.NodeA == node.UUID {
		peer = on.Config.Node(id.NodeB)
	}
	if peer == nil {
		return drbd.Device{}, fault.New(fault.BlockDevice, "%s has no other side", Describe(d))
	}
	size := d.Size
	if on.AnySize {
		size = 0
	}
	return drbd.Device{Minor: id.Minor(node.UUID), Data: Device(d.Children[0], node.UUID), Meta: Device(d.Children[1], node.UUID), MiB: size,
		Local: node.SecondaryIP, Remote: peer.SecondaryIP, Port: id.Port, Secret: id.Secret}, nil
}

// onMirror does something to the side that this node has of a disk; disks of other templates need nothing.
func (on On) onMirror(ctx context.Context, d *config.Disk, do func(drbd.Device, context.Context, remote.Runner, string) error) error {
	if d.DevType != config.DTDRBD {
		return nil
	}
	m, err := on.mirror(d)
	if err != nil {
		return err
	}
	return do(m, ctx, on, on.Node)
}

// createMirror makes the volumes, their metadata, and connects them.
func (on On) createMirror(ctx context.Context, instance string, d *config.Disk) error {
	m, err := on.mirror(d)
	if err != nil {
		return err
	}
	seen, err := drbd.Statuses(ctx, on, on.Node)
	if err != nil {
		return err
	}
	if _, used := seen[m.Minor]; used {
		return fault.New(fault.BlockDevice, "drbd%d: minor is already in use at Create() time", m.Minor)
	}
	if err := on.CreateVolumes(ctx, instance, d); err != nil {
		return err
	}
	if err = on.initialize(ctx, m, d); err == nil || remote.OutcomeOf(err) == remote.Unknown {
		return err
	}
	return errors.Join(err, on.removeMirror(context.WithoutCancel(ctx), d))
}

// initialize gives new volumes metadata and connects them.
func (on On) initialize(ctx context.Context, m drbd.Device, d *config.Disk) error {
	if err := m.Format(ctx, on, on.Node, m.Minor); err != nil {
		return err
	}
	return m.Assemble(ctx, on, on.Node, on.params(d))
}

// CreateVolumes makes the volumes below a mirrored disk, or those of them that are named. On failure none is left.
func (on On) CreateVolumes(ctx context.Context, instance string, d *config.Disk, only ...*config.Disk) error {
	stripes := on.params(d)
	if only == nil {
		only = d.Children
	}
	for i, child := range only {
		name := "data-stripes"
		if len(d.Children) == 2 && child == d.Children[1] {
			name = "meta-stripes"
		}
		err := on.createVolume(ctx, instance, child, stripes.Int(name))
		if err == nil {
			continue
		}
		err = fault.New(fault.BlockDevice, "Can't create block device %s on node %s for instance %s: Can't create block device: %w",
			Describe(child), on.Node, instance, err)
		if remote.OutcomeOf(err) == remote.Unknown {
			return err
		}
		for _, made := range only[:i] {
			err = errors.Join(err, lvm.RemoveIfThere(context.WithoutCancel(ctx), on, on.Node, volume(made)))
		}
		return err
	}
	return nil
}

// Initialize makes a mirrored disk out of volumes that are there: new metadata, attached, connected. Only what is then declared
// valid by OpenNew, or comes from the peer, counts.
func (on On) Initialize(ctx context.Context, d *config.Disk) error {
	m, err := on.mirror(d)
	if err != nil {
		return err
	}
	return on.initialize(ctx, m, d)
}

// FormatAs gives the volumes of a disk new metadata, under the name of a minor that the node does not use. What is on them is void.
func (on On) FormatAs(ctx context.Context, d *config.Disk, minor int) error {
	return on.onMirror(ctx, d, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) error {
		return m.Format(ctx, r, node, minor)
	})
}

// DetachVolumes takes the volumes from a device, which goes on with those of its peer.
func (on On) DetachVolumes(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.Detach)
}

// removeMirror ends the device and removes the volumes.
func (on On) removeMirror(ctx context.Context, d *config.Disk) error {
	if err := on.down(ctx, d); err != nil {
		return err
	}
	return on.RemoveVolumes(ctx, d.Children...)
}

// RemoveVolumes removes volumes, as many as it can.
func (on On) RemoveVolumes(ctx context.Context, volumes ...*config.Disk) error {
	var all error
	for _, v := range volumes {
		all = errors.Join(all, lvm.RemoveIfThere(ctx, on, on.Node, volume(v)))
	}
	return all
}

// assemble activates the volumes and brings the device to where it is attached and connected. One whose volumes are lost works with those
// of its peer, until they are replaced.
func (on On) assemble(ctx context.Context, d *config.Disk) error {
	m, err := on.mirror(d)
	if err != nil {
		return err
	}
	for _, child := range d.Children {
		if err := lvm.Activate(ctx, on, on.Node, volume(child)); err != nil {
			if m.Diskless = remote.OutcomeOf(err) != remote.Unknown && lvm.Lost(ctx, on, on.Node, volume(child)); !m.Diskless {
				return err
			}
			break
		}
	}
	err = m.Assemble(ctx, on, on.Node, on.params(d))
	if err == nil || m.Diskless || remote.OutcomeOf(err) == remote.Unknown || !m.Unreadable(ctx, on, on.Node) {
		return err
	}
	m.Diskless = true
	return m.Assemble(ctx, on, on.Node, on.params(d))
}

func (on On) down(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.Down)
}

// Open makes an attached disk writable here; Close is the opposite. Disks of templates without roles are always open.
func (on On) Open(ctx context.Context, d *config.Disk) error {
	if d.DevType == config.DTExt {
		return on.external(d).Open(ctx, on, on.Node, !on.Shared)
	}
	return on.onMirror(ctx, d, drbd.Device.Primary)
}

func (on On) Close(ctx context.Context, d *config.Disk) error {
	if d.DevType == config.DTExt {
		return on.external(d).Close(ctx, on, on.Node)
	}
	return on.onMirror(ctx, d, drbd.Device.Secondary)
}

// Outdate marks the volumes of this side as old before they are attached: the peer may have gone on from them, and they count for nothing
// until it has been met.
func (on On) Outdate(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.Outdate)
}

// OpenNew opens a disk that was made this moment: what is on this side is what counts, whatever it is.
func (on On) OpenNew(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.ForcePrimary)
}

// Resize makes an open mirrored disk as large as its volumes, which have grown on both nodes.
func (on On) Resize(ctx context.Context, d *config.Disk, mib int64) error {
	return on.onMirror(ctx, d, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) error {
		return m.Resize(ctx, r, node, mib)
	})
}

// PauseSync and ResumeSync hold the mirroring of new data back while something else needs the disk.
func (on On) PauseSync(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.PauseSync)
}

func (on On) ResumeSync(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, drbd.Device.ResumeSync)
}

// Disconnect leaves the sides of mirrored disks to themselves.
func (on On) Disconnect(ctx context.Context, disks ...*config.Disk) error {
	return on.each(ctx, disks, drbd.Device.Disconnect)
}

// Connect sets the connection of a side up, also of one without volumes, and does not wait for the other.
func (on On) Connect(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) error {
		return m.Connect(ctx, r, node, on.params(d), drbd.OnePrimary)
	})
}

// AttachAlone attaches a side without a connection.
func (on On) AttachAlone(ctx context.Context, d *config.Disk) error {
	return on.onMirror(ctx, d, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) error {
		return m.Attach(ctx, r, node, on.params(d))
	})
}

// Reconnect connects sides that are alone and waits for their peers, which have to do the same at the same time.
func (on On) Reconnect(ctx context.Context, mode drbd.Mode, disks ...*config.Disk) error {
	return on.each(ctx, disks, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) error {
		params := on.Config.FilledDisk(config.DTDRBD, on.Config.Group(on.Config.NodeByName(node).Group))
		return m.Reconnect(ctx, r, node, params, mode)
	})
}

// each does something to several disks at once: what waits for the peer of one must not hold up the others.
func (on On) each(ctx context.Context, disks []*config.Disk, do func(drbd.Device, context.Context, remote.Runner, string) error) error {
	byUUID := map[string]*config.Disk{}
	var uuids []string
	for _, d := range disks {
		byUUID[d.UUID] = d
		uuids = append(uuids, d.UUID)
	}
	var all error
	for _, reply := range remote.Each(ctx, uuids, 0, func(ctx context.Context, uuid string) (struct{}, error) {
		return struct{}{}, on.onMirror(ctx, byUUID[uuid], do)
	}) {
		all = errors.Join(all, reply.Err)
	}
	return all
}

// Statuses are the states of the mirrored ones among disks, in their order; nil is one that is not there.
func (on On) Statuses(ctx context.Context, disks []*config.Disk) ([]*drbd.Status, error) {
	seen, err := drbd.Statuses(ctx, on, on.Node)
	if err != nil {
		return nil, err
	}
	var list []*drbd.Status
	for _, d := range disks {
		id, ok := d.DRBD()
		if !ok {
			continue
		}
		s, there := seen[id.Minor(on.uuid())]
		if !there {
			list = append(list, nil)
			continue
		}
		list = append(list, &s)
	}
	return list, nil
}

// DataStates are the states of the data that this node has of the mirrored ones among disks, in their order, also of those that are not
// attached: UpToDate is the one that is known to be whole.
func (on On) DataStates(ctx context.Context, disks []*config.Disk) ([]string, error) {
	seen, err := drbd.Statuses(ctx, on, on.Node)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, d := range disks {
		if err := on.onMirror(ctx, d, func(m drbd.Device, ctx context.Context, r remote.Runner, node string) (err error) {
			s, up := seen[m.Minor]
			state := s.LocalDisk
			if !up {
				state, err = m.Recorded(ctx, r, node)
			}
			list = append(list, state)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Setup is how the side of a disk is set up.
func (on On) Setup(ctx context.Context, d *config.Disk) (drbd.Setup, error) {
	m, err := on.mirror(d)
	if err != nil {
		return drbd.Setup{}, err
	}
	return m.Show(ctx, on, on.Node)
}

// MetaVG is the volume group for the metadata of mirrored disks. Its built-in name is a guess: where nobody has set another, that of the
// cluster is meant. A cluster has the built-in name written down, whether anybody has said it or not; a group only what was said.
func MetaVG(cfg *config.Config, group *config.NodeGroup) string {
	vg := cfg.FilledDisk(config.DTDRBD, group).String("metavg")
	if group != nil && group.DiskParams[config.DTDRBD]["metavg"] != nil {
		return vg
	}
	if vg == config.DiskTable(config.DTDRBD).Defaults()["metavg"] && cfg.Cluster.VolumeGroupName != "" {
		return cfg.Cluster.VolumeGroupName
	}
	return vg
}
