package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

// modification is what gnt-instance modify was asked for, before it is an operation.
type modification struct {
	op                  instance.Modify
	hv, be, os, private unit.Params
	ext                 unit.Params
	nics, disks         []unit.Ident
	offline, online     bool
	noHotplug           bool
	osType, primary     *string
	dir, allocator      *string
	order               []string // of the parameters, as they were typed
}

func modify(c *cli.Command) {
	c.Usage("<instance-name>", "Changes an instance; most of it counts from its next start")
	m := modification{op: instance.Modify{WaitForSync: true, ConflictsCheck: true}}
	m.parameterOptions(c)
	m.deviceOptions(c)
	m.placeOptions(c)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &m.op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := m.complete(); err != nil {
			return err
		}
		if m.op.Hotplug && !m.op.Force && slices.ContainsFunc(m.op.NICs, func(d instance.DeviceChange) bool { return d.Action == "modify" }) &&
			!env.Confirm("You are about to hot-modify a NIC. This will be done by removing the existing NIC and then adding a new one. Network connection might be lost. Continue?") {
			return cli.Declined
		}
		var changes []change
		if err := env.SubmitFor(ctx, m.op, &changes); err != nil || len(changes) == 0 {
			return err
		}
		env.Println("Modified instance %s", m.op.Name)
		for _, c := range m.asTyped(changes) {
			env.Println(" - %-5s -> %s", c.what, c.value)
		}
		env.Println("Please don't forget that most parameters take effect only at the next (re)start of the instance initiated by ganeti; " +
			"restarting from within the instance will not be enough.")
		if len(m.op.HVParams) > 0 {
			env.Println("Note that changing hypervisor parameters without performing a restart might lead to a crash while performing a " +
				"live migration. This will be addressed in future Ganeti versions.")
		}
		return nil
	})
}

func (m *modification) parameterOptions(c *cli.Command) {
	c.Flag("backend-parameters", "Back-end parameters").Short('B').Meta("BEPARAMS").OrderedParamsVar(&m.be, &m.order)
	c.Flag("hypervisor-parameters", "Hypervisor parameters").Short('H').Meta("HVPARAMS").OrderedParamsVar(&m.hv, &m.order)
	c.Flag("os-parameters", "Parameters of the OS").Short('O').Meta("OSPARAMS").OrderedParamsVar(&m.os, &m.order)
	c.Flag("os-parameters-private", "Parameters of the OS that are not shown").Meta("OSPARAMS_PRIVATE").Private().OrderedParamsVar(&m.private, &m.order)
	c.Flag("os-type", "OS it has from now on; nothing is installed").Short('o').Meta("<os>").Complete("os").StringPtr(&m.osType)
	c.Flag("force-variant", "Take a variant of the OS that it does not list").BoolVar(&m.op.ForceVariant)
	c.Flag("runtime-memory", "Memory that the running guest is to have").Short('m').Meta("<size>").SizeVar(&m.op.RuntimeMem)
	c.Flag("offline", "Mark it as taking no part").BoolVar(&m.offline)
	c.Flag("online", "Mark an offline one as stopped").BoolVar(&m.online)
	c.Flag("force", "Do not ask, and pass over what would only be warned of").Short('f').BoolVar(&m.op.Force)
	c.Flag("ignore-ipolicy", "Do not hold it against the policy of its group").BoolVar(&m.op.IgnoreIPolicy)
}

func (m *modification) deviceOptions(c *cli.Command) {
	c.Flag("net", "Change of a network interface: add, NUMBER:add, NUMBER:remove, NAME:modify … with its settings").Meta("NICS").IdentsVar(&m.nics)
	c.Flag("disk", "Change of a disk: add with its size, NUMBER:remove, NAME:modify with mode and name …").Meta("DISKS").IdentsVar(&m.disks)
	c.Flag("no-conflicts-check", "Do not look whether an address belongs to a network").FalseVar(&m.op.ConflictsCheck)
	c.Flag("hotplug", "Give a running guest the changes at once").BoolVar(&m.op.Hotplug)
	c.Flag("hotplug-if-possible", "The same, if it can be done").BoolVar(&m.op.HotplugIfPossible)
	c.Flag("no-hotplug", "Leave a running guest as it is until its next start, as is done anyhow").Own().BoolVar(&m.noHotplug)
	c.Flag("communication", "Whether it has an interface in the communication network").Short('c').Meta("INSTANCE_COMMUNICATION").YesNoPtr(&m.op.Communication)
	c.Flag("no-wait-for-sync", "Do not wait until new disks are in sync").FalseVar(&m.op.WaitForSync)
	c.Flag("disk-template", "Kind of its disks").Short('t').Meta("TEMPL").
		ChoiceVar(&m.op.DiskTemplate, "blockdev", "diskless", "drbd", "ext", "file", "gluster", "plain", "rbd", "sharedfile")
	c.Flag("ext-params", "Parameters of external storage").Short('e').Meta("EXT_PARAMS").ParamsVar(&m.ext)
	c.Flag("file-driver", "Driver of disks in files").Meta("<DRIVER>").ChoiceVar(&m.op.FileDriver, "blktap", "blktap2", "loop")
	c.Flag("file-storage-dir", "Directory of disks in files").Meta("<DIR>").StringPtr(&m.dir)
}

func (m *modification) placeOptions(c *cli.Command) {
	c.Flag("node", "Secondary node for mirrored disks").Short('n').Meta("<node>").Complete("node").NameVar(&m.op.RemoteNode, "remote_node")
	c.Flag("iallocator", "Program that chooses that node").Short('I').Meta("<NAME>").Complete("iallocator").StringPtr(&m.allocator)
	c.Flag("new-primary", "Node that is its primary from now on; its disks must be there already").Meta("<node>").Complete("node").StringPtr(&m.primary)
}

// complete turns what was typed into the operation.
func (m *modification) complete() (err error) {
	op := &m.op
	if m.noHotplug {
		op.Hotplug, op.HotplugIfPossible = false, false
	}
	empty := m.names()
	if len(m.nics)+len(m.disks)+len(m.hv)+len(m.be)+len(m.os)+len(m.private)+op.RuntimeMem == 0 && op.DiskTemplate+op.OS+op.PNode == "" &&
		!m.offline && !m.online && op.Communication == nil {
		return fault.Say("Please give at least one of the parameters.")
	}
	if empty != "" {
		return fault.EmptyValue(empty)
	}
	if op.BEParams, err = instance.BEInput(m.be); err != nil {
		return err
	}
	if op.HVParams, err = instance.HVInput(m.hv); err != nil {
		return err
	}
	if op.NICs, err = deviceChanges(m.nics); err != nil {
		return err
	}
	if op.Disks, err = deviceChanges(m.disks); err != nil {
		return err
	}
	for _, d := range op.Disks {
		if err := inMiB(d); err != nil {
			return err
		}
	}
	op.OSParams, op.OSParamsPrivate, op.ExtParams = m.os, instance.Private(m.private), m.ext
	if m.offline || m.online {
		op.Offline = &m.offline
	}
	return m.checkTemplate()
}

// names takes over the names that were typed, and gives the attribute whose name is empty.
func (m *modification) names() (empty string) {
	for _, n := range []struct {
		typed, into *string
		attribute   string
	}{{m.dir, &m.op.FileStorageDir, "file_storage_dir"}, {m.primary, &m.op.PNode, "pnode"}, {m.allocator, &m.op.IAllocator, "iallocator"}, {m.osType, &m.op.OS, "os_name"}} {
		if n.typed == nil {
			continue
		}
		if *n.into = *n.typed; *n.typed == "" && empty == "" {
			empty = n.attribute
		}
	}
	return empty
}

// inMiB reads the size of a disk; a new one has to have one.
func inMiB(d instance.DeviceChange) error {
	size, given := d.Params["size"]
	if !given && d.Action == "add" {
		return fault.Refuse(fault.WrongInput, "Missing required parameter 'size'")
	}
	if !given {
		return nil
	}
	mib, err := unit.ParseSize64(unit.Str(size))
	d.Params["size"] = mib
	return err
}

// checkTemplate refuses options that go only with another kind of disks.
func (m *modification) checkTemplate() error {
	switch {
	case m.op.DiskTemplate != "" && m.op.DiskTemplate != "ext" && len(m.ext) > 0:
		return fault.Say("Specifying ExtStorage parameters requires converting to the 'ext' disk template")
	case m.op.DiskTemplate == "ext" && len(m.ext) == 0:
		return fault.Say("Provider option is missing, use either the '--ext-params' or '-e' option")
	case m.op.FileDriver+m.op.FileStorageDir != "" && !slices.Contains([]string{"file", "sharedfile", "gluster"}, m.op.DiskTemplate):
		return fault.Say("Specifying file-based configuration arguments requires converting to a file-based disk template")
	}
	return nil
}

var deviceActions = []string{"add", "attach", "remove", "detach", "modify"}

// deviceChanges reads "add:link=br0", "-1:remove", "second:modify,ip=…", "0:link=br1".
func deviceChanges(asked []unit.Ident) ([]instance.DeviceChange, error) {
	list := []instance.DeviceChange{}
	for _, a := range asked {
		c := instance.DeviceChange{Action: "modify", Which: a.Name, Params: a.Params}
		if slices.Contains(deviceActions[:4], a.Name) {
			c.Action, c.Which = a.Name, "-1"
		} else {
			var found []string
			for _, action := range deviceActions {
				if _, given := a.Params[action]; given {
					found = append(found, action)
					delete(c.Params, action)
				}
			}
			if len(found) > 1 {
				return nil, fault.Refuse(fault.WrongInput, "Cannot do more than one of the following operations at the same time: %s", strings.Join(deviceActions, ", "))
			}
			if found != nil {
				c.Action = found[0]
			}
		}
		if (c.Action == "remove" || c.Action == "detach") && len(c.Params) > 0 {
			return nil, fault.Refuse(fault.WrongInput, "Not accepting parameters on removal/detach")
		}
		list = append(list, c)
	}
	return list, nil
}

// change is one line of what was changed.
type change struct{ what, value string }

// UnmarshalJSON reads the pair in the operation's result. Numbers stay as they are written.
func (c *change) UnmarshalJSON(data []byte) error {
	var pair [2]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&pair); err != nil {
		return err
	}
	c.what = unit.Str(pair[0])
	if n, ok := pair[1].(json.Number); ok {
		c.value = n.String()
		return nil
	}
	c.value = unit.Str(pair[1])
	return nil
}

// asTyped puts the lines about parameters into the order in which the parameters were typed.
func (m *modification) asTyped(changes []change) []change {
	place := func(c change) (group string, at int) {
		group, name, found := strings.Cut(c.what, "/")
		if !found || !slices.Contains([]string{"hv", "be", "os", "os_private"}, group) {
			return "", 0
		}
		return group, slices.Index(m.order, name)
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		group, x := place(a)
		other, y := place(b)
		if group != other {
			return 0
		}
		return x - y
	})
	return changes
}
