package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

// creation is the command line of add, before it is made into an operation.
type creation struct {
	op                  instance.Create
	backend             unit.Params
	disks, nics         []unit.Ident
	size                *int
	hypervisor          *unit.Ident
	os, private, secret unit.Params
	node                string
	tags                *string
	noNICs              bool
}

func add(c *cli.Command) {
	c.Usage("[...] -t disk-type -n node[:secondary-node] -o os-type <instance-name>", "Makes an instance")
	w := &creation{op: instance.NewCreate()}
	op := &w.op
	c.Flag("backend-parameters", "Memory, virtual processors and the like").Short('B').Meta("BEPARAMS").ParamsVar(&w.backend)
	c.Flag("disk", "A disk: its number, and its size, mode, name and so on").Meta("DISKS").IdentsVar(&w.disks)
	c.Flag("disk-template", "Kind of storage").Short('t').Meta("TEMPL").ChoiceVar(&op.DiskTemplate, config.DiskTemplates...)
	c.Flag("file-storage-dir", "Directory for files of disks, below the cluster's").Meta("<DIR>").StringVar(&op.FileStorageDir)
	c.Flag("file-driver", "What opens files of disks").Meta("<DRIVER>").ChoiceVar(&op.FileDriver, "blktap", "blktap2", "loop")
	c.Flag("hypervisor-parameters", "Hypervisor and its parameters, as kvm:acpi=false").Short('H').Meta("HYPERVISOR").IdentPtr(&w.hypervisor)
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").StringVar(&op.IAllocator)
	c.Flag("net", "A network interface: its number, and its MAC, IP, network and so on").Meta("NICS").IdentsVar(&w.nics)
	c.Flag("node", "Primary node, and the secondary one where there are mirrors").Short('n').Meta("<pnode>[:<snode>]").Complete("node").StringVar(&w.node)
	c.Flag("node-group", "Node group to choose nodes from, by name or UUID").Short('g').Meta("<nodegroup>").Complete("nodegroup").StringVar(&op.GroupName)
	c.Flag("no-ip-check", "Do not check that nobody has the instance's address").FalseVar(&op.IPCheck)
	c.Flag("no-conflicts-check", "Do not look for addresses that others have").FalseVar(&op.ConflictsCheck)
	c.Flag("no-name-check", "Do not check that the instance's name resolves").FalseVar(&op.NameCheck)
	c.Flag("no-nics", "Make it without network interfaces").BoolVar(&w.noNICs)
	c.Flag("no-wait-for-sync", "Do not wait until mirrored disks are alike (dangerous)").FalseVar(&op.WaitForSync)
	w.osParameters(c)
	c.Flag("os-size", "Size of the only disk, in MiB unless there is a suffix").Short('s').Meta("<size>").SizePtr(&w.size)
	c.Flag("opportunistic-locking", "Choose among nodes that are free at the moment").BoolVar(&op.Opportunistic)
	cli.Submit(c)
	c.Flag("tags", "Tags, separated by commas").Meta("TAGS").StringPtr(&w.tags)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("forthcoming", "Only set aside what it needs").BoolVar(&op.Forthcoming)
	c.Flag("commit", "Make a forthcoming instance real").BoolVar(&op.Commit)
	c.Flag("no-start", "Do not start it").FalseVar(&op.Start)
	c.Flag("os-type", "Operating system to install").Short('o').Meta("<os>").Complete("os").StringVar(&op.OSType)
	c.Flag("force-variant", "Take the variant even if the OS definition does not list it").BoolVar(&op.ForceVariant)
	c.Flag("no-install", "Do not run the OS's create script, and do not start").BoolVar(&op.NoInstall)
	c.Flag("ignore-ipolicy", "Make it even if the policy of its group forbids it").BoolVar(&op.IgnoreIPolicy)
	var communication *bool
	c.Flag("communication", "Give it an interface of the communication network").Short('c').Meta("INSTANCE_COMMUNICATION").YesNoPtr(&communication)
	c.Flag("helper-startup-timeout", "Seconds for a helper machine to start").Meta("HELPER_STARTUP_TIMEOUT").IntVar(&op.HelperStartup)
	c.Flag("helper-shutdown-timeout", "Seconds for a helper machine to stop").Meta("HELPER_SHUTDOWN_TIMEOUT").IntVar(&op.HelperShutdown)
	c.One("host", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := w.complete(); err != nil {
			return err
		}
		op.Communication = communication != nil && *communication
		if err := op.WellFormed(); err != nil {
			return err
		}
		return env.Submit(ctx, *op)
	})
}

func (w *creation) osParameters(c *cli.Command) {
	c.Flag("os-parameters", "Parameters of the OS definition").Short('O').Meta("OSPARAMS").ParamsVar(&w.os)
	c.Flag("os-parameters-private", "Parameters that are in no log").Meta("OSPARAMS_PRIVATE").Private().ParamsVar(&w.private)
	c.Flag("os-parameters-secret", "Parameters that are kept nowhere, and so given each time").Meta("OSPARAMS_SECRET").Private().ParamsVar(&w.secret)
}

// complete makes the operation out of what was typed, in the order in which Ganeti finds mistakes.
func (w *creation) complete() (err error) {
	op := &w.op
	op.PNode, op.SNode, _ = strings.Cut(w.node, ":")
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
	if op.BEParams, err = config.BEInput.Force(w.backend); err != nil {
		return err
	}
	if w.hypervisor != nil {
		if op.HVParams, err = config.HVInput.Force(w.hypervisor.Params); err != nil {
			return err
		}
	}
	for name, value := range w.os {
		op.OSParams[name] = value
	}
	op.OSParamsPrivate, op.OSParamsSecret = instance.Private(w.private), instance.Private(w.secret)
	return nil
}

// interfaces gives what was asked of each network interface; without a word there is one.
func (w *creation) interfaces() ([]map[string]any, error) {
	if len(w.nics) == 0 {
		if w.noNICs {
			return []map[string]any{}, nil
		}
		return []map[string]any{{}}, nil
	}
	return byIndex("NIC", "nic", w.nics, func(_ int, p unit.Params) (map[string]any, error) {
		return instance.NICInput.Force(p)
	})
}

// storage gives what was asked of each disk.
func (w *creation) storage() ([]map[string]any, error) {
	sized := w.size != nil
	if w.op.DiskTemplate == config.DTDiskless {
		if len(w.disks) > 0 || sized {
			return nil, fault.Refuse(fault.WrongInput, "Diskless instance but disk information passed")
		}
		return []map[string]any{}, nil
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
		mib, err := unit.ParseSize(unit.Str(size))
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
