// Package creation holds what the commands that make instances have in common: gnt-instance add and gnt-backup import.
package creation

import (
	"maps"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

// Creation is the command line, before it is made into the operation Op.
type Creation struct {
	Op                  instance.Create
	imports             bool
	backend             unit.Params
	disks, nics         []unit.Ident
	size                *int
	hypervisor          *unit.Ident
	os, private, secret unit.Params
	node                *string
	tags                *string
	noNICs              bool
}

// New declares the options that both commands have, in the order of their help pages. imports says that what is not given comes from an
// export.
func New(c *cli.Command, imports bool) *Creation {
	w := &Creation{Op: instance.NewCreate(), imports: imports}
	op := &w.Op
	c.Flag("backend-parameters", "Memory, virtual processors and the like").Short('B').Meta("BEPARAMS").ParamsVar(&w.backend)
	c.Flag("disk", "A disk: its number, and its size, mode, name and so on").Meta("DISKS").IdentsVar(&w.disks)
	c.Flag("disk-template", "Kind of storage").Short('t').Meta("TEMPL").ChoiceVar(&op.DiskTemplate, config.DiskTemplates...)
	c.Flag("file-storage-dir", "Directory for files of disks, below the cluster's").Meta("<DIR>").NameVar(&op.FileStorageDir, "file_storage_dir")
	c.Flag("file-driver", "What opens files of disks").Meta("<DRIVER>").ChoiceVar(&op.FileDriver, "blktap", "blktap2", "loop")
	c.Flag("hypervisor-parameters", "Hypervisor and its parameters, as kvm:acpi=false").Short('H').Meta("HYPERVISOR").IdentPtr(&w.hypervisor)
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("net", "A network interface: its number, and its MAC, IP, network and so on").Meta("NICS").IdentsVar(&w.nics)
	c.Flag("node", "Primary node, and the secondary one where there are mirrors").Short('n').Meta("<pnode>[:<snode>]").Complete("node").StringPtr(&w.node)
	c.Flag("node-group", "Node group to choose nodes from, by name or UUID").Short('g').Meta("<nodegroup>").Complete("nodegroup").NameVar(&op.GroupName, "group_name")
	c.Flag("no-ip-check", "Do not check that nobody has the instance's address").FalseVar(&op.IPCheck)
	c.Flag("ip-check", "Check that nobody has it, as is done anyhow").Own().BoolVar(&op.IPCheck)
	c.Flag("no-conflicts-check", "Do not look for addresses that others have").FalseVar(&op.ConflictsCheck)
	c.Flag("no-name-check", "Do not check that the instance's name resolves").FalseVar(&op.NameCheck)
	c.Flag("name-check", "Check that it resolves, as is done anyhow").Own().BoolVar(&op.NameCheck)
	c.Flag("no-nics", "Make it without network interfaces").BoolVar(&w.noNICs)
	c.Flag("no-wait-for-sync", "Do not wait until mirrored disks are alike (dangerous)").FalseVar(&op.WaitForSync)
	c.Flag("os-parameters", "Parameters of the OS definition").Short('O').Meta("OSPARAMS").ParamsVar(&w.os)
	c.Flag("os-parameters-private", "Parameters that are in no log").Meta("OSPARAMS_PRIVATE").Private().ParamsVar(&w.private)
	c.Flag("os-parameters-secret", "Parameters that are kept nowhere, and so given each time").Meta("OSPARAMS_SECRET").Private().ParamsVar(&w.secret)
	c.Flag("os-size", "Size of the only disk, in MiB unless there is a suffix").Short('s').Meta("<size>").SizePtr(&w.size)
	c.Flag("opportunistic-locking", "Choose among nodes that are free at the moment").BoolVar(&op.Opportunistic)
	cli.Submit(c)
	c.Flag("tags", "Tags, separated by commas").Meta("TAGS").StringPtr(&w.tags)
	cli.DryRun(c)
	cli.Priority(c)
	c.One("host", &op.Name)
	return w
}

// Complete makes the operation out of what was typed, in the order in which Ganeti finds mistakes.
func (w *Creation) Complete() (err error) {
	op := &w.Op
	if w.hypervisor != nil {
		op.Hypervisor = w.hypervisor.Name
	}
	if op.NICs, err = w.interfaces(); err != nil {
		return err
	}
	if op.Disks, err = w.storage(); err != nil {
		return err
	}
	if w.tags != nil {
		op.Tags = strings.Split(*w.tags, ",")
	}
	if op.BEParams, err = config.BEInput.ForceLong(w.backend); err != nil {
		return err
	}
	if w.hypervisor != nil {
		if op.HVParams, err = config.HVInput.Force(w.hypervisor.Params); err != nil {
			return err
		}
	}
	maps.Copy(op.OSParams, w.os)
	op.OSParamsPrivate, op.OSParamsSecret = instance.Private(w.private), instance.Private(w.secret)
	if err := w.place(); err != nil {
		return err
	}
	if w.hypervisor != nil && op.Hypervisor == "" {
		return instance.Unparsed("'hypervisor'", "Hypervisor", "")
	}
	return op.WellFormed()
}

// place reads the nodes. An empty name is no leave to choose one.
func (w *Creation) place() error {
	if w.node == nil {
		return nil
	}
	var mirrored bool
	w.Op.PNode, w.Op.SNode, mirrored = strings.Cut(*w.node, ":")
	switch {
	case w.Op.PNode == "":
		return fault.EmptyValue("pnode")
	case mirrored && w.Op.SNode == "":
		return fault.EmptyValue("snode")
	}
	return nil
}

// interfaces gives what was asked of each network interface; without a word there is one, or what the export says.
func (w *Creation) interfaces() ([]map[string]any, error) {
	if len(w.nics) == 0 {
		if w.noNICs || w.imports {
			return []map[string]any{}, nil
		}
		return []map[string]any{{}}, nil
	}
	return byIndex("NIC", "nic", w.nics, func(_ int, p unit.Params) (map[string]any, error) {
		return instance.NICInput.Force(p)
	})
}

// storage gives what was asked of each disk.
func (w *Creation) storage() ([]map[string]any, error) {
	sized := w.size != nil
	if w.Op.DiskTemplate == config.DTDiskless {
		if len(w.disks) > 0 || sized {
			return nil, fault.Refuse(fault.WrongInput, "Diskless instance but disk information passed")
		}
		return []map[string]any{}, nil
	}
	if w.imports && len(w.disks) == 0 && !sized {
		return []map[string]any{}, nil // the export knows
	}
	if len(w.disks) == 0 && (!sized || *w.size == 0) {
		return nil, fault.Refuse(fault.WrongInput, "No disk information specified")
	}
	if len(w.disks) > 0 && sized {
		return nil, fault.Refuse(fault.WrongInput, "Please use either the '--disk' or '-s' option")
	}
	if sized {
		return []map[string]any{{"size": *w.size}}, nil
	}
	return byIndex("disk", "disk", w.disks, diskValues)
}

// diskValues reads the size; all else is read by who makes the disk.
func diskValues(index int, p unit.Params) (map[string]any, error) {
	size, sized := p["size"]
	_, adopted := p["adopt"]
	switch {
	case sized && adopted:
		return nil, fault.Refuse(fault.WrongInput, "Only one of 'size' and 'adopt' allowed (disk %d)", index)
	case sized:
		mib, err := unit.ParseSize64(unit.Str(size))
		if err != nil {
			return nil, err
		}
		p["size"] = mib
	case adopted:
		if _, given := p["spindles"]; given {
			return nil, fault.Refuse(fault.WrongInput, "spindles is not a valid option when adopting a disk")
		}
		p["size"] = 0
	default:
		return nil, fault.Refuse(fault.WrongInput, "Missing size or adoption source for disk %d", index)
	}
	if spindles, given := p["spindles"]; given {
		n, err := unit.ParseInt(unit.Str(spindles))
		if err != nil {
			return nil, fault.Refuse(fault.WrongInput, "Invalid spindles for disk %d: %s", index, err)
		}
		p["spindles"] = n
	}
	return p, nil
}

// highest is the highest number of a device that anybody could mean.
const highest = 255

// byIndex puts values that were given as NUMBER:key=value into a list. Numbers that were left out get an empty entry, as in Ganeti.
func byIndex(kind, short string, given []unit.Ident, read func(index int, p unit.Params) (map[string]any, error)) ([]map[string]any, error) {
	indexes := make([]int, len(given))
	count := 0
	for i, g := range given {
		n, err := unit.ParseInt(g.Name)
		if err != nil {
			return nil, fault.Refuse(fault.WrongInput, "Invalid %s index passed: invalid literal for int() with base 10: %s", kind, unit.Repr(g.Name))
		}
		if n < 0 || n > highest {
			return nil, fault.Refuse(fault.WrongInput, "Invalid %s index passed: %d", kind, n)
		}
		indexes[i], count = n, max(count, n+1)
	}
	list := make([]map[string]any, count)
	for i := range list {
		list[i] = map[string]any{}
	}
	for i, g := range given {
		if g.Params == nil {
			return nil, fault.Refuse(fault.WrongInput, "Invalid %s/%d value: expected dict, got False", short, indexes[i])
		}
		values, err := read(indexes[i], g.Params)
		if err != nil {
			return nil, err
		}
		list[indexes[i]] = values
	}
	return list, nil
}
