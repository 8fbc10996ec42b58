package config

import (
	"maps"
	"slices"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// hypervisors lists the parameters of each hypervisor. Only kvm and fake can run instances; the others are known because
// Ganeti's configuration and its options name them.
var hypervisors = map[string]Table{
	HVChroot: chrootParams,
	HVFake:   fakeParams,
	HVKVM:    kvmParams,
	HVLXC:    lxcParams,
	HVXenHVM: xenHVMParams,
	HVXenPVM: xenPVMParams,
}

// Hypervisors returns the names of all hypervisors Ganeti knows, sorted.
func Hypervisors() []string { return slices.Sorted(maps.Keys(hypervisors)) }

// HVTable returns the parameters of a hypervisor, nil when there is none of this name.
func HVTable(hypervisor string) Table { return hypervisors[hypervisor] }

// HVInput is what all hypervisors know together: Ganeti checks the types of -H without looking at the hypervisor.
var HVInput = allHVParams()

func allHVParams() Table {
	var all Table
	for _, hypervisor := range Hypervisors() {
		for _, p := range hypervisors[hypervisor] {
			if all.Get(p.Name) == nil {
				all = append(all, p)
			}
		}
	}
	slices.SortFunc(all, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// NeedsPort says whether instances of a hypervisor get a port of the cluster's pool (for their consoles).
func NeedsPort(hypervisor string) bool { return hypervisor == HVKVM || hypervisor == HVXenHVM }

// CheckHV looks at a full set of hypervisor parameters (defaults filled in, types right) as far as that is possible without a node.
func CheckHV(hypervisor string, p Params) error {
	table := hypervisors[hypervisor]
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if table.Get(name) == nil {
			return hvError("Parameter '%s' is not supported", name)
		}
	}
	for _, param := range table {
		if err := param.checkSyntax(p); err != nil {
			return err
		}
	}
	if hypervisor == HVKVM {
		return checkKVM(p)
	}
	return nil
}

func (param Param) checkSyntax(p Params) error {
	value, given := p[param.Name]
	if !given {
		return hvError("Parameter '%s' is missing", param.Name)
	}
	if value == nil || value == "" { // a 0 is a value: Ganeti refuses virtio_net_queues=0
		if param.Required {
			return hvError("Parameter '%s' is required but is currently not defined", param.Name)
		}
		return nil
	}
	if param.Check.ok != nil && !param.Check.ok(value) {
		return checkFailed(param.Name, param.Check, unit.Str(value))
	}
	return nil
}

func checkFailed(name string, c check, value string) error {
	return hvError("Parameter '%s' fails syntax check: %s (current value: '%s')", name, c.why, value)
}

// hvError is a HypervisorError, which Ganeti prints as an unhandled one.
func hvError(format string, args ...any) error { return fault.New("HypervisorError", format, args...) }

var fakeParams = Table{
	{Name: "migration_mode", Type: String, Default: "live", Required: true, ClusterOnly: true, Check: migrationMode},
}

var chrootParams = Table{
	{Name: "init_script", Type: String, Default: "/ganeti-chroot", Required: true, Check: absPath},
}

var lxcParams = Table{
	{Name: "cpu_mask", Type: String, Default: "", Check: cpuMask},
	{Name: "devices", Type: String, Default: "c 1:3 rw,c 1:5 rw,c 1:7 rw,c 1:8 rw,c 1:9 rw,c 1:10 rw,c 5:0 rw,c 5:1 rw,c 5:2 rw,c 136:* rw"},
	{Name: "drop_capabilities", Type: String, Default: "mac_override,sys_boot,sys_module,sys_time,sys_admin"},
	{Name: "extra_cgroups", Type: String, Default: ""},
	{Name: "extra_config", Type: String, Default: ""},
	{Name: "num_ttys", Type: Int, Default: int64(6), Required: true, Check: notNegative},
	{Name: "startup_timeout", Type: Int, Default: int64(30), Check: notNegative},
}

var xenHVMParams = Table{
	{Name: "acpi", Type: Bool, Default: true, Title: "ACPI"},
	{Name: "blockdev_prefix", Type: String, Default: "hd"},
	{Name: "boot_order", Type: String, Default: "cd", Required: true, Check: hvmBootOrder, Title: "Boot_order"},
	{Name: "cdrom_image_path", Type: String, Default: "", Check: absPath, OnNode: IsFile, Title: "CDROM_image_path"},
	{Name: "cpu_cap", Type: Int, Default: int64(0)},
	{Name: "cpu_mask", Type: String, Default: "all", Check: multiCPUMask},
	{Name: "cpu_weight", Type: Int, Default: int64(256), Check: between(1, 65534, "invalid weight")},
	{Name: "cpuid", Type: String, Default: ""},
	{Name: "device_model", Type: String, Default: "/usr/lib/xen/bin/qemu-dm", Required: true, Check: absPath, OnNode: IsFile},
	{Name: "disk_type", Type: String, Default: "paravirtual", Required: true, Check: oneOf("ioemu", "paravirtual"), Title: "Disk_type"},
	{Name: "kernel_path", Type: String, Default: "/usr/lib/xen/boot/hvmloader", Required: true, Check: absPath, OnNode: IsFile, Title: "Kernel_path"},
	{Name: "migration_mode", Type: String, Default: "non-live", Required: true, ClusterOnly: true, Check: migrationMode},
	{Name: "migration_port", Type: Int, Default: int64(8002), Required: true, ClusterOnly: true, Check: netPort},
	{Name: "nic_type", Type: String, Default: "rtl8139", Required: true, Check: oneOf("e1000", "ne2k_isa", "ne2k_pci", "paravirtual", "rtl8139"), Title: "NIC_type"},
	{Name: "pae", Type: Bool, Default: true, Title: "PAE"},
	{Name: "pci_pass", Type: String, Default: "", Title: "pci_pass"},
	{Name: "reboot_behavior", Type: String, Default: "reboot", Required: true, Check: oneOf("exit", "reboot")},
	{Name: "soundhw", Type: String, Default: ""},
	{Name: "use_localtime", Type: Bool, Default: false},
	{Name: "vif_script", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "vif_type", Type: String, Default: "ioemu", Check: oneOf("ioemu", "vif")},
	{Name: "viridian", Type: Bool, Default: false},
	{Name: "vnc_bind_address", Type: String, Default: "0.0.0.0", Check: ipAddress, Title: "VNC_bind_address"},
	{Name: "vnc_password_file", Type: String, Default: "/etc/ganeti/vnc-cluster-password", Required: true, Check: absPath, OnNode: IsFile},
	{Name: "xen_cmd", Type: String, Default: "xm", Required: true, ClusterOnly: true, Check: oneOf("xl", "xm")},
}

var xenPVMParams = Table{
	{Name: "blockdev_prefix", Type: String, Default: "sd"},
	{Name: "bootloader_args", Type: String, Default: ""},
	{Name: "bootloader_path", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "cpu_cap", Type: Int, Default: int64(0), Check: notNegative},
	{Name: "cpu_mask", Type: String, Default: "all", Check: multiCPUMask},
	{Name: "cpu_weight", Type: Int, Default: int64(256), Check: between(1, 65534, "invalid weight")},
	{Name: "cpuid", Type: String, Default: ""},
	{Name: "initrd_path", Type: String, Default: "", Check: absPath, OnNode: IsFile, Title: "Initrd_path"},
	{Name: "kernel_args", Type: String, Default: "ro"},
	{Name: "kernel_path", Type: String, Default: "/boot/vmlinuz-3-xenU", Required: true, Check: absPath, OnNode: IsFile, Title: "Kernel_path"},
	{Name: "migration_mode", Type: String, Default: "live", Required: true, ClusterOnly: true, Check: migrationMode},
	{Name: "migration_port", Type: Int, Default: int64(8002), Required: true, ClusterOnly: true, Check: netPort},
	{Name: "reboot_behavior", Type: String, Default: "reboot", Required: true, Check: oneOf("exit", "reboot")},
	{Name: "root_path", Type: MaybeString, Default: "/dev/xvda1"},
	{Name: "soundhw", Type: String, Default: ""},
	{Name: "use_bootloader", Type: Bool, Default: false},
	{Name: "vif_script", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "xen_cmd", Type: String, Default: "xm", Required: true, ClusterOnly: true, Check: oneOf("xl", "xm")},
}
