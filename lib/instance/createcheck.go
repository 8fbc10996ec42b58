package instance

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gantry/lib/bridge"
	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/osdef"
	"gantry/lib/remote"
	"gantry/lib/resolve"
)

// parameters checks those of hypervisor, back end and OS, and begins the instance.
func (w *create) parameters(context.Context) (err error) {
	cfg := w.env.Config
	if w.dir, err = fileDir(cfg, w.DiskTemplate, w.Name, w.FileStorageDir); err != nil {
		return err
	}
	if (w.DiskTemplate == config.DTPlain || w.DiskTemplate == config.DTDRBD) && cfg.Cluster.VolumeGroupName == "" {
		return fault.Refuse(fault.WrongState, "Cluster does not support lvm-based instances")
	}
	enabled := cfg.Cluster.EnabledHypervisors
	if w.Hypervisor == "" || w.Hypervisor == auto {
		w.Hypervisor = enabled[0]
	}
	if !slices.Contains(enabled, w.Hypervisor) {
		return fault.Refuse(fault.WrongState, "Selected hypervisor (%s) not enabled in the cluster (%s)", w.Hypervisor, strings.Join(enabled, ","))
	}
	tags, err := config.AddTags(nil, w.Tags...)
	if err != nil {
		return err
	}
	w.inst = &config.Instance{UUID: config.NewUUID(), Name: w.Name, OS: w.OSType, Hypervisor: w.Hypervisor, AdminState: config.AdminDown,
		AdminStateSource: config.AdminSource, Forthcoming: w.Forthcoming, Tags: tags, OSParams: given(w.OSParams), OSParamsPrivate: given(w.OSParamsPrivate)}
	if w.old != nil {
		w.inst.UUID = w.old.UUID
	}
	if err := w.setHV(cfg); err != nil {
		return err
	}
	if w.inst.BEParams, err = newBE(cfg, w.BEParams); err != nil {
		return err
	}
	w.os, err = newOSChoice(cfg, w.inst, w.OSParamsSecret, w.ForceVariant)
	if err == nil && w.IdentifyDefaults {
		w.dropDefaults(cfg)
	}
	return err
}

func (w *create) setHV(cfg *config.Config) (err error) {
	if w.inst.HVParams, err = config.HVInput.Force(w.HVParams); err != nil {
		return err
	}
	if err := config.CheckHV(w.Hypervisor, cfg.FilledHV(w.inst)); err != nil {
		return err
	}
	if err := checkNotGlobal(w.inst.HVParams); err != nil {
		return err
	}
	return available(w.Hypervisor)
}

// newBE gives back-end parameters their types; auto takes the cluster's value of now.
func newBE(cfg *config.Config, typed map[string]any) (config.Params, error) {
	be := given(typed)
	for name, value := range be {
		if value == auto {
			be[name] = cfg.BEDefaults()[name]
		}
	}
	forced, err := config.BEInput.ForceLong(be)
	if err != nil {
		return nil, err
	}
	return config.SplitMemory(forced), nil
}

// dropDefaults leaves out what is the cluster's value anyway, so that the instance follows it.
func (w *create) dropDefaults(cfg *config.Config) {
	drop := func(own, defaults config.Params) {
		for name, value := range defaults {
			if own[name] == value {
				delete(own, name)
			}
		}
	}
	drop(w.inst.HVParams, cfg.HVDefaults(w.Hypervisor, w.OSType))
	drop(w.inst.BEParams, cfg.BEDefaults())
	drop(w.inst.OSParams, config.OSDefaults(cfg.Cluster.OSParams, w.OSType))
	drop(w.inst.OSParamsPrivate, config.OSDefaults(cfg.Cluster.OSParamsPrivateCluster, w.OSType))
}

// devices checks what was asked of network interfaces and disks.
func (w *create) devices(context.Context) error {
	cfg := w.env.Config
	for _, asked := range w.NICs {
		n, err := newNIC(cfg, asked, w.host.IP)
		if err != nil {
			return err
		}
		w.nics = append(w.nics, n)
	}
	for _, asked := range w.Disks {
		d, err := newDisk(cfg, w.DiskTemplate, asked)
		if err != nil {
			return err
		}
		w.asked = append(w.asked, d)
	}
	return nil
}

// nodedPort is where Ganeti's check of addresses knocks.
const nodedPort = 1811

// ping refuses an address that somebody has, and makes the MAC addresses.
func (w *create) ping(ctx context.Context) error {
	if w.IPCheck && resolve.Answers(ctx, w.host.IP, nodedPort) {
		return fault.Refuse(fault.NotUnique, "IP %s of instance %s already in use", w.host.IP, w.Name)
	}
	var made []config.NIC
	for i := range w.nics {
		n := &w.nics[i]
		if n.MAC == "" {
			mac, err := generateMAC(w.env.Config, n.Network, made)
			if err != nil {
				return err
			}
			n.MAC = mac
		}
		made = append(made, n.NIC)
	}
	return nil
}

// primary refuses a node that takes no instances.
func (w *create) primary(context.Context) error {
	n, err := findNode(w.env.Config, w.PNode)
	if err != nil {
		return err
	}
	for _, state := range []struct {
		wrong bool
		word  string
	}{{n.Offline, "offline"}, {n.Drained, "drained"}, {!n.VMCapable, "non-vm_capable"}} {
		if state.wrong {
			return fault.Refuse(fault.WrongState, "Cannot use %s primary node '%s'", state.word, n.Name)
		}
	}
	w.pnode, w.inst.PrimaryNode = n, n.UUID
	return nil
}

// secondary refuses a node that cannot hold the mirrors, and lays the disks out: what they need is reserved together with addresses.
func (w *create) secondary(ctx context.Context) (err error) {
	if w.DiskTemplate != config.DTDRBD {
		return nil
	}
	if w.old != nil {
		for _, uuid := range w.env.Config.SecondaryNodes(w.old) {
			w.snode = w.env.Config.Node(uuid)
		}
		return nil
	}
	if w.snode, err = findNode(w.env.Config, w.SNode); err != nil {
		return err
	}
	if w.snode == w.pnode {
		return fault.Refuse(fault.WrongInput, "The secondary node cannot be the primary node")
	}
	if err := checkUsable(w.snode); err != nil {
		return err
	}
	warnOfGroups(w.env, w.pnode, w.snode)
	if err := drbd.CheckParams(w.env.Config.FilledDisk(config.DTDRBD, w.env.Config.Group(w.pnode.Group))); err != nil {
		return err
	}
	if w.minors, err = minorsInUse(ctx, w.env, w.pnode, w.snode); err != nil {
		return err
	}
	w.chooseMeta()
	w.disks, err = w.laidOut()
	return err
}

// chooseMeta says where meta data of mirrors go, if nobody has.
func (w *create) chooseMeta() {
	for i := range w.asked {
		if w.DiskTemplate == config.DTDRBD && w.asked[i].metaVG == "" {
			w.asked[i].metaVG = disk.MetaVG(w.env.Config, w.env.Config.Group(w.pnode.Group))
		}
	}
}

// access refuses disks that the hypervisor cannot open.
func (w *create) access(context.Context) error {
	cfg := w.env.Config
	for _, a := range w.asked {
		d := &config.Disk{DevType: w.DiskTemplate, Params: a.params}
		if err := checkAccess(cfg, w.Hypervisor, d, cfg.Group(w.pnode.Group)); err != nil {
			return err
		}
	}
	return nil
}

// policy refuses an instance that the policy of its group does not allow, and then one whose disks cannot be made.
func (w *create) policy(context.Context) error {
	cfg := w.env.Config
	be := cfg.FilledBE(w.inst)
	sizing := config.SizingOf(be)
	sizing.NICs = int64(len(w.nics))
	for _, d := range w.asked {
		sizing.Disks = append(sizing.Disks, config.DiskSizing{MiB: d.size, Template: w.DiskTemplate})
	}
	group := cfg.Group(w.pnode.Group)
	violations := cfg.InstancePolicy(group).Violations(sizing)
	if w.IgnoreIPolicy || violations == nil {
		if err := errors.Join(config.BEParams.Held(be), tooLarge(sizing.Disks)); err != nil {
			return err
		}
		return disk.Supported(w.DiskTemplate)
	}
	return fault.Refuse(fault.WrongInput, "Instance allocation to group %s (%s) violates policy: %s", group.UUID, group.Name, strings.Join(violations, ", "))
}

// node asks the nodes whether they can run the instance.
func (w *create) node(ctx context.Context) error {
	cfg, nodes, r := w.env.Config, w.nodes(), w.ahead(ctx)
	if err := checkHV(ctx, r, cfg, w.Hypervisor, cfg.FilledHV(w.inst), nodes); err != nil {
		return err
	}
	if err := w.os.check(ctx, r, cfg, nodes); err != nil {
		return err
	}
	if err := w.checkImage(ctx); err != nil {
		return err
	}
	if err := checkBridges(ctx, r, cfg, w.inst.NICs, w.pnode.Name); err != nil {
		return err
	}
	if !w.Start {
		return nil
	}
	return w.memory(ctx, r)
}

// checkImage looks for the image on the node, before there is a disk for it.
func (w *create) checkImage(ctx context.Context) error {
	image := imageOf(w.inst.OSParams)
	if w.adopt || w.Mode == importMode || image == "" || len(w.asked) == 0 {
		return nil
	}
	return disk.CheckImage(ctx, w.env.Nodes, w.pnode.Name, image, w.asked[0].size)
}

// ahead asks the primary node, in one round trip, all that these checks want to know.
func (w *create) ahead(ctx context.Context) remote.Runner {
	cfg := w.env.Config
	var probes []remote.Cmd
	if hv := cfg.FilledHV(w.inst); kvm.AsksNode(w.Hypervisor, hv) {
		probes = append(probes, kvm.CheckProbe(w.Hypervisor, hv))
	}
	if w.os.name != "" {
		probes = append(probes, osdef.FindProbe(w.os.name)...)
	}
	if bridges := bridgesOf(cfg, w.inst.NICs); bridges != nil {
		probes = append(probes, bridge.ExistProbe(bridges))
	}
	if w.Start {
		probes = append(probes, memoryProbes()...)
	}
	return nodefacts.Ahead(ctx, w.env.Nodes, w.pnode.Name, probes...)
}

// memory refuses when the node has not enough left, what running jobs have reserved counted as taken. It keeps what was free at that moment, so
// that the commit can tell what others took since.
func (w *create) memory(ctx context.Context, r remote.Runner) error {
	cfg, most := w.env.Config, w.env.Config.FilledBE(w.inst).Int("maxmem")
	free, err := checkMemory(ctx, r, cfg, w.pnode.Name, "creating instance "+w.Name, most)
	if err != nil {
		return err
	}
	w.seen = map[string]bool{}
	for _, inst := range cfg.Instances {
		w.seen[inst.UUID] = true
	}
	w.free = free
	return w.stillFree(cfg)
}

// stillFree refuses when others have taken the memory since the node was asked.
func (w *create) stillFree(cfg *config.Config) error {
	if !w.Start || w.seen == nil {
		return nil
	}
	free, most := w.free, cfg.FilledBE(w.inst).Int("maxmem")
	for _, r := range cfg.Reservations {
		if r.Job != w.env.Job && r.Node == w.pnode.UUID {
			free -= r.Memory
		}
	}
	for _, inst := range cfg.Instances {
		if inst.PrimaryNode == w.pnode.UUID && inst.UUID != w.inst.UUID && inst.AdminState == config.AdminUp && !w.seen[inst.UUID] {
			free -= cfg.FilledBE(inst).Int("maxmem")
		}
	}
	if most > free {
		return fault.Refuse(fault.NoResources, "Not enough memory on node %s for creating instance %s: needed %d MiB, available %d MiB", w.pnode.Name, w.Name, most, free)
	}
	return nil
}
