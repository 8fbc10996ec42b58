package instance

import (
	"maps"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/hooks"
	"gantry/lib/unit"
)

// onInstance runs hooks on the master and the instance's nodes; more is what one operation adds to the environment.
func onInstance(cfg *config.Config, inst *config.Instance, path string, more map[string]string) *hooks.Plan {
	env := hooksEnv(cfg, inst)
	maps.Copy(env, more)
	nodes := masterAnd(cfg, cfg.InstanceNodes(inst)...)
	return &hooks.Plan{Path: path, Env: env, Pre: nodes, Post: nodes}
}

// masterAnd names the master and some nodes, each once.
func masterAnd(cfg *config.Config, uuids ...string) []string {
	names := []string{cfg.MasterNode().Name}
	for _, uuid := range uuids {
		if name := cfg.NodeName(uuid); name != names[0] {
			names = append(names, name)
		}
	}
	return names
}

// hooksEnv is what scripts are told of an instance.
func hooksEnv(cfg *config.Config, inst *config.Instance) map[string]string {
	env := map[string]string{
		"INSTANCE_STATUS":        inst.AdminState,
		"INSTANCE_DISK_TEMPLATE": cfg.DiskTemplate(inst),
	}
	addInstance(env, cfg, inst)
	disks := cfg.InstanceDisks(inst)
	for i, d := range disks {
		prefix := "INSTANCE_DISK" + strconv.Itoa(i) + "_"
		addDisk(env, prefix, d)
		env[prefix+"DEV_TYPE"] = d.DevType
		addStorage(env, prefix, d)
	}
	env["INSTANCE_DISK_COUNT"] = strconv.Itoa(len(disks))
	return env
}

// addInstance adds all but the disks.
func addInstance(env map[string]string, cfg *config.Config, inst *config.Instance) {
	be := cfg.FilledBE(inst)
	var secondaries []string
	for _, uuid := range cfg.SecondaryNodes(inst) {
		secondaries = append(secondaries, cfg.NodeName(uuid))
	}
	maps.Copy(env, map[string]string{
		"INSTANCE_NAME":        inst.Name,
		"INSTANCE_PRIMARY":     cfg.NodeName(inst.PrimaryNode),
		"INSTANCE_SECONDARIES": strings.Join(secondaries, " "),
		"INSTANCE_OS_TYPE":     inst.OS,
		"INSTANCE_MINMEM":      unit.Str(be["minmem"]),
		"INSTANCE_MAXMEM":      unit.Str(be["maxmem"]),
		"INSTANCE_MEMORY":      unit.Str(be["maxmem"]),
		"INSTANCE_VCPUS":       unit.Str(be["vcpus"]),
		"INSTANCE_HYPERVISOR":  inst.Hypervisor,
		"INSTANCE_TAGS":        strings.Join(inst.Tags, " "),
	})
	for name, value := range be {
		env["INSTANCE_BE_"+name] = unit.Str(value)
	}
	for name, value := range cfg.FilledHV(inst) {
		env["INSTANCE_HV_"+name] = unit.Str(value)
	}
	addNICs(env, cfg, inst.NICs)
}

func addNICs(env map[string]string, cfg *config.Config, nics []config.NIC) {
	env["INSTANCE_NIC_COUNT"] = strconv.Itoa(len(nics))
	for i, nic := range nics {
		addNIC(env, cfg, "INSTANCE_NIC"+strconv.Itoa(i)+"_", nic)
	}
}

func addNIC(env map[string]string, cfg *config.Config, prefix string, nic config.NIC) {
	params := cfg.FilledNIC(&nic)
	set(env, prefix+"NAME", nic.Name)
	env[prefix+"UUID"], env[prefix+"IP"], env[prefix+"MAC"] = nic.UUID, nic.IP, nic.MAC
	env[prefix+"MODE"], env[prefix+"LINK"], env[prefix+"VLAN"] = params.String("mode"), params.String("link"), params.String("vlan")
	if params.String("mode") == config.NICBridged {
		env[prefix+"BRIDGE"] = params.String("link")
	}
	net := cfg.Network(nic.Network)
	if net == nil {
		return
	}
	env[prefix+"NETWORK_NAME"], env[prefix+"NETWORK_UUID"] = net.Name, net.UUID
	env[prefix+"NETWORK_TAGS"] = strings.Join(net.Tags, " ")
	set(env, prefix+"NETWORK_SUBNET", net.Network)
	set(env, prefix+"NETWORK_GATEWAY", net.Gateway)
	set(env, prefix+"NETWORK_SUBNET6", net.Network6)
	set(env, prefix+"NETWORK_GATEWAY6", net.Gateway6)
	set(env, prefix+"NETWORK_MAC_PREFIX", net.MACPrefix)
}

func addDisk(env map[string]string, prefix string, d *config.Disk) {
	set(env, prefix+"NAME", d.Name)
	env[prefix+"UUID"], env[prefix+"MODE"], env[prefix+"SIZE"] = d.UUID, d.Mode, strconv.FormatInt(d.Size, 10)
}

// addStorage says where the data of a disk is.
func addStorage(env map[string]string, prefix string, d *config.Disk) {
	if id, ok := d.DRBD(); ok {
		env[prefix+"PNODE"], env[prefix+"SNODE"] = id.NodeA, id.NodeB // as UUIDs
		env[prefix+"PORT"] = strconv.Itoa(id.Port)
		env[prefix+"PMINOR"], env[prefix+"SMINOR"] = strconv.Itoa(id.MinorA), strconv.Itoa(id.MinorB)
		for i, kind := range []string{"DATA", "META"} {
			if i < len(d.Children) {
				env[prefix+kind+"_VG"], env[prefix+kind+"_ID"], _ = d.Children[i].LV()
			}
		}
		return
	}
	if len(d.LogicalID) < 2 {
		return
	}
	first := map[string]string{config.DTPlain: "VG", config.DTExt: "PROVIDER"}[d.DevType]
	if first == "" {
		first = "DRIVER"
	}
	env[prefix+first], env[prefix+"ID"] = unit.Str(d.LogicalID[0]), unit.Str(d.LogicalID[1])
}

func set(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}
