package instance

import (
	"context"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// resolveLimit bounds the wait for the name of a new instance.
const resolveLimit = 30 * time.Second

// arguments looks at what can be refused without any lock. It is done once, however often the locks are asked for.
func (w *create) arguments(cfg *config.Config) error {
	if w.ready {
		return nil
	}
	if w.Forthcoming && w.Commit {
		return fault.Refuse(fault.WrongInput, "Forthcoming generation and commiting are mutually exclusive")
	}
	if w.Mode == importMode {
		w.importArguments()
	} else if w.NoInstall && w.Start {
		w.env.Info("No-installation mode selected, disabling startup")
		w.Start = false
	}
	for _, check := range []func(*config.Config) error{w.name, w.deviceArguments, w.diskArguments, w.nodeArguments, w.osArguments} {
		if err := check(cfg); err != nil {
			return err
		}
	}
	w.ready = true
	return nil
}

// name finds the full name, and the address that belongs to it.
func (w *create) name(cfg *config.Config) error {
	name, err := config.NormalizeHost(w.Name)
	if err != nil {
		return err
	}
	w.Name = name
	if w.IPCheck && !w.NameCheck {
		return fault.Refuse(fault.WrongInput, "Cannot do IP address check without a name check")
	}
	if !w.NameCheck {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveLimit)
	defer cancel()
	if w.host, err = resolve.Name(ctx, w.env.Nodes, cfg.MasterNode().Name, name, cfg.Cluster.PrimaryIPFamily); err != nil {
		return err
	}
	if w.host.Name != name {
		w.env.Info("Resolved given name '%s' to '%s'", name, w.host.Name)
	}
	if _, ok := unit.MatchName(name, []string{w.host.Name}); !ok {
		return fault.Refuse(fault.WrongInput, "Resolved hostname '%s' does not look the same as given hostname '%s'", w.host.Name, name)
	}
	w.Name = w.host.Name
	return nil
}

func (w *create) deviceArguments(cfg *config.Config) error {
	named := func(nic map[string]any) bool { return text(nic, "name") == communicationName(w.Name) }
	if w.Communication && !slices.ContainsFunc(w.NICs, named) {
		nic, err := communicationNIC(cfg, w.Name)
		if err != nil {
			return err
		}
		w.NICs = append(slices.Clone(w.NICs), nic)
	}
	for _, nic := range w.NICs {
		if _, err := NICInput.Force(nic); err != nil {
			return err
		}
	}
	if err := checkDeviceNames("NIC", w.NICs); err != nil {
		return err
	}
	for _, nic := range w.NICs {
		vlan, err := normalVLAN(text(nic, "vlan"))
		if err != nil {
			return err
		}
		if vlan != "" {
			nic["vlan"] = vlan
		}
	}
	return nil
}

func (w *create) diskArguments(cfg *config.Config) (err error) {
	if err := checkDeviceNames("disk", w.Disks); err != nil {
		return err
	}
	if w.DiskTemplate == "" { // whatever an export says
		w.DiskTemplate = cfg.Cluster.EnabledDiskTemplates[0]
	}
	if err := checkTemplate(cfg, w.DiskTemplate); err != nil {
		return err
	}
	if w.adopt, err = checkAdoption(w.DiskTemplate, w.IAllocator, w.Disks); err != nil {
		return err
	}
	if w.FileDriver == "" && (disk.InFiles(w.DiskTemplate) || w.DiskTemplate == config.DTGluster) {
		w.FileDriver = "loop"
	}
	return nil
}

// nodeArguments decides who says where the instance goes.
func (w *create) nodeArguments(cfg *config.Config) error {
	switch {
	case w.PNode != "" && w.IAllocator != "":
		return fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	case w.PNode == "" && w.IAllocator == "" || w.IAllocator == ".":
		if w.IAllocator = cfg.Cluster.DefaultIAllocator; w.IAllocator == "" {
			return fault.Refuse(fault.WrongInput, "No iallocator or node given and no cluster-wide default iallocator found; please specify either an iallocator or a node, or set a cluster-wide default iallocator")
		}
	}
	if w.PNode != "" && w.DiskTemplate == config.DTDRBD && w.SNode == "" {
		return fault.Refuse(fault.WrongInput, "The networked disk templates need a mirror node")
	}
	if w.PNode != "" && w.DiskTemplate != config.DTDRBD && w.SNode != "" {
		w.env.Warn("Secondary node will be ignored on non-mirrored disk template")
		w.SNode = ""
	}
	if w.Opportunistic && w.IAllocator == "" {
		return fault.Refuse(fault.WrongInput, "Opportunistic locking is only available in combination with an instance allocator")
	}
	return nil
}

func (w *create) osArguments(cfg *config.Config) error {
	if w.Mode == importMode {
		return nil
	}
	if err := checkImageName(w.OSParams); err != nil {
		return err
	}
	switch {
	case w.OSType == "" && imageOf(w.OSParams) == "":
		return fault.Refuse(fault.WrongInput, "No guest OS or OS image specified")
	case slices.Contains(cfg.Cluster.BlacklistedOS, w.OSType):
		return fault.Refuse(fault.WrongState, "Guest OS '%s' is not allowed for installation", w.OSType)
	}
	return nil
}
