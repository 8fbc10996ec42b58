package osdef

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Target is the instance that a script works on. Its parameters are filled and its disks are assembled on the node.
type Target struct {
	Instance       *config.Instance
	SecondaryNodes []string // UUIDs
	HV, BE         config.Params
	Disks          []Disk
	NICs           []NIC
}

// Disk is a disk as the scripts see it.
type Disk struct {
	*config.Disk
	Path string // the device itself, not the link to it
	URI  string // where the hypervisor opens it without a device
}

// NIC is a network interface with filled parameters, and the network it is in, or nil.
type NIC struct {
	config.NIC
	Network *config.Network
}

// TargetOf is an instance as its configuration describes it; device says where each of its disks is on the node, and its
// URI if it has one.
func TargetOf(cfg *config.Config, inst *config.Instance, device func(*config.Disk) (path, uri string)) Target {
	t := Target{Instance: inst, SecondaryNodes: cfg.SecondaryNodes(inst), HV: cfg.FilledHV(inst), BE: cfg.FilledBE(inst)}
	for _, d := range cfg.InstanceDisks(inst) {
		path, uri := device(d)
		t.Disks = append(t.Disks, Disk{d, path, uri})
	}
	for _, nic := range inst.NICs {
		nic.NICParams = cfg.FilledNIC(&nic)
		n := NIC{NIC: nic}
		if nic.Network != "" {
			n.Network = cfg.Network(nic.Network)
		}
		t.NICs = append(t.NICs, n)
	}
	return t
}

// Values merges the OS parameters of all kinds. One that is given in two kinds is refused: nobody could say which counts.
func Values(public, private, secret config.Params) (map[string]string, error) {
	kinds := []config.Params{public, private, secret}
	all, given := map[string]string{}, map[string]int{}
	for _, kind := range kinds {
		for name, value := range kind {
			all[name] = unit.Str(value)
			given[name]++
		}
	}
	if len(all) == len(public)+len(private)+len(secret) {
		return all, nil
	}
	twice := func(kind config.Params) string {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(kind)) {
			if given[name] > 1 {
				names = append(names, unit.Repr(name))
			}
		}
		if names == nil {
			return "(none)"
		}
		return strings.Join(names, ", ")
	}
	return nil, fault.RefuseBare(`Cannot assign multiple values to OS parameters.

      Conflicting OS parameters that would have been set by this operation:
      - at public visibility:  %s
      - at private visibility: %s
      - at secret visibility:  %s
      `, twice(public), twice(private), twice(secret))
}

// Core is the part of the environment that all scripts get. values are the parameters of all kinds, merged; secret ones
// must not stand on a command line, see Command.
func (o OS) Core(variant string, values map[string]string, debug int) (map[string]string, error) {
	if variant == "" && o.API() >= withVariants && len(o.Variants) > 0 {
		variant = o.Variants[0]
	}
	env := map[string]string{
		"OS_API_VERSION": strconv.Itoa(o.API()),
		"OS_NAME":        o.Name,
		"OS_VARIANT":     variant,
		"DEBUG_LEVEL":    strconv.Itoa(debug),
		"PATH":           "/sbin:/bin:/usr/sbin:/usr/bin",
	}
	for name, value := range values {
		key := "OSP_" + strings.ReplaceAll(strings.ToUpper(name), "-", "_")
		if strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return nil, fault.Exec("The OS parameter '%s' can not be passed to a script", name)
		}
		env[key] = value
	}
	return env, nil
}

// Environment is what create and rename get; extra are the variables of the one script, such as INSTANCE_REINSTALL.
func (o OS) Environment(t Target, values, extra map[string]string, debug int) (map[string]string, error) {
	_, variant := Split(t.Instance.OS)
	env, err := o.Core(variant, values, debug)
	if err != nil {
		return nil, err
	}
	t.instance(env)
	for i, d := range t.Disks {
		t.disk(env, "DISK_"+strconv.Itoa(i)+"_", d)
	}
	for i, n := range t.NICs {
		t.nic(env, "NIC_"+strconv.Itoa(i)+"_", n)
	}
	maps.Copy(env, extra)
	return env, nil
}

func (t Target) instance(env map[string]string) {
	i := t.Instance
	env["INSTANCE_NAME"], env["INSTANCE_UUID"], env["INSTANCE_OS"] = i.Name, i.UUID, i.OS
	env["INSTANCE_CTIME"], env["INSTANCE_MTIME"] = unit.FormatFloat(i.CTime), unit.FormatFloat(i.MTime)
	env["INSTANCE_PRIMARY_NODE"] = i.PrimaryNode
	env["INSTANCE_SECONDARY_NODES"] = strings.Join(t.SecondaryNodes, " ")
	env["HYPERVISOR"] = i.Hypervisor
	env["DISK_COUNT"], env["NIC_COUNT"] = strconv.Itoa(len(t.Disks)), strconv.Itoa(len(t.NICs))
	for name, value := range t.BE {
		env["INSTANCE_BE_"+name] = unit.Str(value)
	}
	for name, value := range t.HV {
		env["INSTANCE_HV_"+name] = unit.Str(value)
	}
}

func (t Target) disk(env map[string]string, prefix string, d Disk) {
	env[prefix+"ACCESS"] = d.Mode
	env[prefix+"UUID"] = d.UUID
	env[prefix+"SIZE"] = strconv.FormatInt(d.Size, 10)
	set(env, prefix+"PATH", d.Path)
	set(env, prefix+"URI", d.URI)
	set(env, prefix+"NAME", d.Name)
	set(env, prefix+"FRONTEND_TYPE", t.HV.String("disk_type"))
	switch d.DevType {
	case "file", "sharedfile", "gluster":
		driver := "loop"
		if len(d.LogicalID) > 0 {
			driver = unit.Str(d.LogicalID[0])
		}
		env[prefix+"BACKEND_TYPE"] = "file:" + driver
	default:
		env[prefix+"BACKEND_TYPE"] = "block"
	}
}

func (t Target) nic(env map[string]string, prefix string, n NIC) {
	mode, link := n.NICParams.String("mode"), n.NICParams.String("link")
	env[prefix+"MAC"], env[prefix+"UUID"], env[prefix+"MODE"] = n.MAC, n.UUID, mode
	set(env, prefix+"NAME", n.Name)
	set(env, prefix+"IP", n.IP)
	if mode == "bridged" {
		env[prefix+"BRIDGE"] = link
	}
	set(env, prefix+"LINK", link)
	set(env, prefix+"FRONTEND_TYPE", t.HV.String("nic_type"))
	if n.Network == nil {
		return
	}
	env[prefix+"NETWORK_NAME"], env[prefix+"NETWORK_UUID"] = n.Network.Name, n.Network.UUID
	env[prefix+"NETWORK_TAGS"] = strings.Join(n.Network.Tags, " ")
	set(env, prefix+"NETWORK_SUBNET", n.Network.Network)
	set(env, prefix+"NETWORK_GATEWAY", n.Network.Gateway)
	set(env, prefix+"NETWORK_SUBNET6", n.Network.Network6)
	set(env, prefix+"NETWORK_GATEWAY6", n.Network.Gateway6)
	set(env, prefix+"NETWORK_MAC_PREFIX", n.Network.MACPrefix)
}

// ExportOf are the extra variables of an export script: the disk's number, and the device it is read from, which is a
// snapshot where there can be one.
func ExportOf(index int, device, uri string) map[string]string {
	return transfer("EXPORT", index, device, uri)
}

// ImportOf are the extra variables of an import script.
func ImportOf(index int, device, uri string) map[string]string {
	return transfer("IMPORT", index, device, uri)
}

func transfer(what string, index int, device, uri string) map[string]string {
	env := map[string]string{what + "_DEVICE": device, what + "_DISK_PATH": device, what + "_INDEX": strconv.Itoa(index)}
	set(env, what+"_DISK_URI", uri)
	return env
}

// set leaves out what has no value.
func set(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}
