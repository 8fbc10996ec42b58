package instance

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/iallocator"
)

// errTaken is that others have taken of the chosen nodes before they could be reserved.
var errTaken = errors.New("the chosen nodes are not as they were")

// choices is how often nodes are chosen without holding up others' commits; after that it is done in one with the commit.
const choices = 3

// place lets the allocator choose the nodes, if nobody named them, and reserves what the instance takes of them: instances that
// are made at the same time never get the same room.
func (w *create) place(ctx context.Context) error {
	if w.IAllocator == "" {
		return nil
	}
	cfg := w.env.Config
	if w.old != nil {
		w.PNode = cfg.NodeName(w.old.PrimaryNode)
		w.env.Info("Nodes of instance %s: ['%s']", w.Name, w.PNode)
		return nil
	}
	facts, err := iallocator.Look(ctx, w.env.Nodes, cfg, w.DiskTemplate, w.Hypervisor)
	if err != nil {
		return err
	}
	var nodes []string
	if w.env.DryRun {
		nodes, err = facts.Place(ctx, w.env.Nodes, cfg, w.IAllocator, w.allocation())
		w.takeNodes(nodes)
	} else {
		nodes, err = w.reservePlace(ctx, facts)
	}
	if err != nil {
		return err
	}
	w.env.Info("Selected nodes for instance %s via iallocator %s: %s", w.Name, w.IAllocator, strings.Join(nodes, ", "))
	return nil
}

// reservePlace chooses nodes and reserves them in the configuration that the choice was made on, or one in which nothing has
// changed on them.
func (w *create) reservePlace(ctx context.Context, facts *iallocator.Facts) (nodes []string, err error) {
	for choice := 1; ; choice++ {
		nodes = nil
		var state string
		err = w.env.Reserve(ctx, func(cfg *config.Config) ([]config.Reservation, error) {
			if nodes != nil && facts.State(cfg, nodes) != state {
				if choice < choices {
					return nil, errTaken
				}
				nodes = nil
			}
			if nodes == nil {
				if nodes, err = facts.Place(ctx, w.env.Nodes, cfg, w.IAllocator, w.allocation()); err != nil {
					return nil, err
				}
				state = facts.State(cfg, nodes)
			}
			return w.takePlace(cfg, nodes)
		})
		if !errors.Is(err, errTaken) {
			w.placed = err == nil
			w.booked = w.placed && w.DiskTemplate != config.DTDRBD
			return nodes, err
		}
	}
}

func (w *create) takeNodes(nodes []string) {
	if len(nodes) > 0 {
		w.PNode = nodes[0]
	}
	if len(nodes) > 1 {
		w.SNode = nodes[1]
	}
}

// takePlace lists what is to be reserved with the chosen nodes: everything, unless mirrors need more of the nodes than room.
func (w *create) takePlace(cfg *config.Config, nodes []string) (taken []config.Reservation, err error) {
	w.takeNodes(nodes)
	if err := w.existence(cfg); err != nil {
		return nil, err
	}
	if w.pnode, err = findNode(cfg, w.PNode); err != nil {
		return nil, err
	}
	if w.DiskTemplate != config.DTDRBD {
		return w.chooseAddresses(cfg)
	}
	if w.snode, err = findNode(cfg, w.SNode); err != nil {
		return nil, err
	}
	w.chooseMeta()
	for _, r := range w.room(cfg) {
		taken = append(taken, *r)
	}
	return taken, nil
}

// allocated is a disk as allocators are told of it.
func (d diskRequest) allocated(cfg *config.Config, template string) iallocator.AllocateDisk {
	a := iallocator.AllocateDisk{Size: d.size, Mode: d.mode, DevType: template, Spindles: d.spindles, Storage: d.kinds(cfg, template)}
	if d.vg != "" {
		a.VG = &d.vg
	}
	if d.name != "" {
		a.Name = &d.name
	}
	return a
}

// kinds is what a disk will take of each kind of storage on a node.
func (d diskRequest) kinds(cfg *config.Config, template string) map[string]int64 {
	own := cfg.Cluster.VolumeGroupName
	switch template {
	case config.DTFile:
		return map[string]int64{config.StorageFile: d.size}
	case config.DTPlain:
		return map[string]int64{config.StorageVG(cmp.Or(d.vg, own)): d.size}
	case config.DTDRBD:
		need := map[string]int64{config.StorageVG(cmp.Or(d.vg, own)): d.size}
		need[config.StorageVG(cmp.Or(d.metaVG, own))] += drbd.MetaMiB
		return need
	}
	return nil
}

func (w *create) allocation() iallocator.Allocate {
	be := w.env.Config.FilledBE(w.inst)
	a := iallocator.Allocate{Name: w.Name, DiskTemplate: w.DiskTemplate, Tags: append([]string{}, w.Tags...), OS: w.OSType, VCPUs: be.Int("vcpus"),
		Memory: be.Int("maxmem"), SpindleUse: be.Int("spindle_use"), Disks: []iallocator.AllocateDisk{}, NICs: []iallocator.AllocateNIC{},
		Nodes: 1, Hypervisor: w.Hypervisor}
	if w.DiskTemplate == config.DTDRBD {
		a.Nodes = 2
	}
	if w.GroupName != "" {
		a.GroupName = &w.GroupName
	}
	for _, d := range w.asked {
		a.Disks = append(a.Disks, d.allocated(w.env.Config, w.DiskTemplate))
		a.DiskSpace += iallocator.Space(w.DiskTemplate, d.size)
	}
	for _, n := range w.nics {
		a.NICs = append(a.NICs, iallocator.AllocateNIC{MAC: n.MAC, IP: n.IP, Name: n.Name, Network: n.Network, NICParams: n.NICParams, UUID: n.UUID})
	}
	return a
}

// addresses completes the network interfaces. Addresses out of networks are reserved at once, since hooks and scripts are told of them.
func (w *create) addresses(ctx context.Context) (err error) {
	fromNetworks := slices.ContainsFunc(w.nics, func(n nicRequest) bool { return n.Network != "" && (n.fromPool || n.IP != "") })
	switch {
	case w.booked: // with the place
	case fromNetworks && !w.env.DryRun:
		err = w.env.Reserve(ctx, w.chooseAddresses)
		w.booked = err == nil
	default:
		_, err = w.chooseAddresses(w.env.Config)
	}
	for _, m := range w.chosen.said {
		w.env.Say(" - INFO: "+m.format, m.args...)
	}
	return err
}

// chooseAddresses makes the network interfaces, and lists what is to be reserved for them and for the rest of the instance.
func (w *create) chooseAddresses(cfg *config.Config) (taken []config.Reservation, err error) {
	w.chosen = &addresses{cfg: cfg, node: w.pnode, check: w.ConflictsCheck, failPhrase: noneFree}
	w.inst.NICs = nil
	for i, n := range w.nics {
		nic, err := w.chosen.choose(i, n)
		if err != nil {
			return nil, err
		}
		w.inst.NICs = append(w.inst.NICs, nic)
	}
	bookings, err := w.bookings(cfg)
	if err != nil {
		return nil, err
	}
	for _, r := range bookings {
		taken = append(taken, *r)
	}
	return taken, nil
}

func noneFree(index int) error {
	return fault.Refuse(fault.WrongState, "Unable to get a free IP for NIC %d from the address pool", index)
}

// bookings are the reservations.
func (w *create) bookings(cfg *config.Config) (all []*config.Reservation, err error) {
	if !w.placed {
		all = w.room(cfg)
	}
	for _, nic := range w.inst.NICs {
		all = append(all, reservation(nic))
	}
	if w.snode == nil || w.adopt || w.old != nil {
		return all, nil
	}
	next := cfg.Clone() // one reservation must not take what another has
	had := len(next.Reservations)
	if err := w.bookPort(next); err != nil {
		return nil, err
	}
	if err := mirrorUp(next, w.env, w.disks, w.pnode.UUID, w.snode.UUID, w.minors); err != nil {
		return nil, err
	}
	return append(all, next.Reservations[had:]...), nil
}

// bookPort reserves the port of the console, which comes before those of the disks.
func (w *create) bookPort(cfg *config.Config) (err error) {
	if !config.NeedsPort(w.inst.Hypervisor) {
		return nil
	}
	if w.port, err = cfg.FreePort(); err == nil {
		cfg.Reservations = append(cfg.Reservations, &config.Reservation{Job: w.env.Job, Port: w.port})
	}
	return err
}

// room is what the instance takes of its nodes: the name, memory and disk space. An allocator counts on every instance being
// started some day, and on its memory being there on the other node as well.
func (w *create) room(cfg *config.Config) (all []*config.Reservation) {
	if w.old == nil { // a forthcoming instance has its name already
		all = append(all, &config.Reservation{Name: w.Name, Node: w.pnode.UUID})
	}
	memory := w.env.Config.FilledBE(w.inst).Int("maxmem")
	if w.Start || w.IAllocator != "" {
		all = append(all, &config.Reservation{Node: w.pnode.UUID, Memory: memory})
	}
	if w.snode != nil && w.IAllocator != "" {
		all = append(all, &config.Reservation{Node: w.snode.UUID, Memory: memory})
	}
	if w.adopt || w.old != nil {
		return all
	}
	next := cfg.Clone()
	had := len(next.Reservations)
	for _, node := range w.nodes() {
		w.space().book(next, w.env, node)
	}
	return append(all, next.Reservations[had:]...)
}
