package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// kvmDiskTypes are the ways a disk can be shown to a guest.
var kvmDiskTypes = []string{"ide", "mtd", "paravirtual", "pflash", "scsi", "scsi-block", "scsi-cd", "scsi-generic", "scsi-hd", "sd"}

// kvmParams are the parameters of the kvm hypervisor. io_uring came with Ganeti 3.1.
var kvmParams = Table{
	{Name: "acpi", Type: Bool, Default: true, Title: "ACPI"},
	{Name: "boot_order", Type: String, Default: "disk", Required: true, Check: oneOf("cdrom", "disk", "floppy", "network"), Title: "Boot_order"},
	{Name: "cdrom2_image_path", Type: String, Default: "", Check: absPathOrURL, OnNode: IsFile},
	{Name: "cdrom_disk_type", Type: String, Default: "", Check: oneOf(kvmDiskTypes...)},
	{Name: "cdrom_image_path", Type: String, Default: "", Check: absPathOrURL, OnNode: IsFile, Title: "CDROM_image_path"},
	{Name: "cpu_cores", Type: Int, Default: int64(0), Check: notNegative},
	{Name: "cpu_mask", Type: String, Default: "all", Check: multiCPUMask},
	{Name: "cpu_sockets", Type: Int, Default: int64(0), Check: notNegative},
	{Name: "cpu_threads", Type: Int, Default: int64(0), Check: notNegative},
	{Name: "cpu_type", Type: String, Default: "", Title: "cpu_type"},
	{Name: "disk_aio", Type: String, Default: "threads", Check: oneOf("io_uring", "native", "threads")},
	{Name: "disk_cache", Type: String, Default: "default", Required: true, Check: oneOf("default", "none", "writeback", "writethrough")},
	{Name: "disk_discard", Type: String, Default: "default", Check: oneOf("default", "ignore", "unmap")},
	{Name: "disk_type", Type: String, Default: "paravirtual", Required: true, Check: oneOf(kvmDiskTypes...), Title: "Disk_type"},
	{Name: "floppy_image_path", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "initrd_path", Type: String, Default: "", Check: absPath, OnNode: IsFile, Title: "Initrd_path"},
	{Name: "kernel_args", Type: String, Default: "ro"},
	{Name: "kernel_path", Type: String, Default: "/boot/vmlinuz-3-kvmU", Check: absPath, OnNode: IsFile, Title: "Kernel_path"},
	{Name: "keymap", Type: String, Default: ""},
	{Name: "kvm_extra", Type: String, Default: ""},
	{Name: "kvm_flag", Type: String, Default: "", Check: oneOf("disabled", "enabled")},
	{Name: "kvm_path", Type: String, Default: "/usr/bin/kvm", Required: true, Check: absPath, OnNode: IsFile},
	{Name: "kvm_pci_reservations", Type: Int, Default: int64(12), Check: between(0, 32, "The number of PCI slots managed by QEMU (max: 32)")},
	{Name: "machine_version", Type: String, Default: ""},
	{Name: "mem_path", Type: String, Default: "", Check: absPath, OnNode: IsDir},
	{Name: "migration_bandwidth", Type: Int, Default: int64(32), Required: true, ClusterOnly: true, Check: notNegative},
	{Name: "migration_caps", Type: String, Default: ""},
	{Name: "migration_downtime", Type: Int, Default: int64(30), Required: true, Check: notNegative},
	{Name: "migration_mode", Type: String, Default: "live", Required: true, ClusterOnly: true, Check: migrationMode},
	{Name: "migration_port", Type: Int, Default: int64(8102), Required: true, ClusterOnly: true, Check: netPort},
	{Name: "nic_type", Type: String, Default: "paravirtual", Required: true, Check: oneOf("e1000", "i82551", "i82557b", "i82559er", "ne2k_isa", "ne2k_pci", "paravirtual", "pcnet", "rtl8139"), Title: "NIC_type"},
	{Name: "reboot_behavior", Type: String, Default: "reboot", Required: true, Check: oneOf("exit", "reboot")},
	{Name: "root_path", Type: MaybeString, Default: "/dev/vda1"},
	{Name: "scsi_controller_type", Type: String, Default: "lsi", Required: true, Check: oneOf("lsi", "megasas", "virtio-scsi-pci")},
	{Name: "security_domain", Type: String, Default: ""},
	{Name: "security_model", Type: String, Default: "none", Required: true, Check: oneOf("none", "pool", "user")},
	{Name: "serial_console", Type: Bool, Default: true},
	{Name: "serial_speed", Type: Int, Default: int64(38400)},
	{Name: "soundhw", Type: String, Default: ""},
	{Name: "spice_bind", Type: String, Default: ""},
	{Name: "spice_image_compression", Type: String, Default: "", Check: oneOf("auto_glz", "auto_lz", "glz", "lz", "off", "quic")},
	{Name: "spice_ip_version", Type: Int, Default: int64(0), Check: spiceVersion},
	{Name: "spice_jpeg_wan_compression", Type: String, Default: "", Check: oneOf("always", "auto", "never")},
	{Name: "spice_password_file", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "spice_playback_compression", Type: Bool, Default: true},
	{Name: "spice_streaming_video", Type: String, Default: "", Check: oneOf("all", "filter", "off")},
	{Name: "spice_tls_ciphers", Type: String, Default: "HIGH:-DES:-3DES:-EXPORT:-DH"},
	{Name: "spice_use_tls", Type: Bool, Default: false},
	{Name: "spice_use_vdagent", Type: Bool, Default: true},
	{Name: "spice_zlib_glz_wan_compression", Type: String, Default: "", Check: oneOf("always", "auto", "never")},
	{Name: "usb_devices", Type: String, Default: ""},
	{Name: "usb_mouse", Type: String, Default: "", Check: oneOf("mouse", "tablet")},
	{Name: "use_chroot", Type: Bool, Default: false},
	{Name: "use_guest_agent", Type: Bool, Default: false},
	{Name: "use_localtime", Type: Bool, Default: false},
	{Name: "user_shutdown", Type: Bool, Default: false},
	{Name: "vga", Type: String, Default: ""},
	{Name: "vhost_net", Type: Bool, Default: false},
	{Name: "virtio_net_queues", Type: Int, Default: int64(1), Check: between(1, 8, "invalid number of queues")},
	{Name: "vnc_bind_address", Type: String, Default: "", Title: "VNC_bind_address"},
	{Name: "vnc_password_file", Type: String, Default: "", Check: absPath, OnNode: IsFile},
	{Name: "vnc_tls", Type: Bool, Default: false},
	{Name: "vnc_x509_path", Type: String, Default: "", Check: absPath, OnNode: IsDir},
	{Name: "vnc_x509_verify", Type: Bool, Default: false},
	{Name: "vnet_hdr", Type: Bool, Default: true},
}

var serialSpeeds = []int64{75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 345600, 460800}

// spiceOptions need spice_bind.
var spiceOptions = []string{
	"spice_ip_version", "spice_password_file", "spice_image_compression", "spice_jpeg_wan_compression",
	"spice_zlib_glz_wan_compression", "spice_streaming_video", "spice_use_tls",
}

// checkKVM looks at parameters that depend on each other.
func checkKVM(p Params) error {
	if p.String("kernel_path") != "" && p.String("root_path") == "" {
		return hvError("Need a root partition for the instance, if a kernel is defined")
	}
	if p.Bool("vnc_x509_verify") && p.String("vnc_x509_path") == "" {
		return hvError("vnc_x509_path must be defined, if vnc_x509_verify is")
	}
	if p.Bool("serial_console") && !slices.Contains(serialSpeeds, p.Int("serial_speed")) {
		return hvError("Invalid serial console speed, must be one of: %s", joinInts(serialSpeeds))
	}
	if p.String("boot_order") == "cdrom" && p.String("cdrom_image_path") == "" {
		return hvError("Cannot boot from cdrom without an ISO path")
	}
	if err := checkKVMSecurity(p.String("security_model"), p.String("security_domain")); err != nil {
		return err
	}
	if p.String("disk_aio") == "native" && p.String("disk_cache") != "none" {
		return hvError("When 'disk_aio' is set to 'native', the only supported value for 'disk_cache' is 'none'.")
	}
	return checkSpice(p)
}

func checkKVMSecurity(model, domain string) error {
	if model == "user" && domain == "" {
		return hvError("A security domain (user to run kvm as) must be specified")
	}
	if model != "user" && domain != "" {
		return hvError("Cannot have a security domain when the security model is 'none' or 'pool'")
	}
	return nil
}

// checkSpice lets an interface name pass: only an address says which IP version it is.
func checkSpice(p Params) error {
	bind := p.String("spice_bind")
	if bind == "" {
		for _, name := range spiceOptions {
			if p.String(name) != "" || p.Int(name) != 0 || p.Bool(name) {
				return hvError("SPICE: %s requires spice_bind to be set", name)
			}
		}
		return nil
	}
	addr, err := netip.ParseAddr(bind)
	if err != nil {
		return nil
	}
	found := int64(6)
	if addr.Is4() {
		found = 4
	}
	if want := p.Int("spice_ip_version"); want != 0 && want != found {
		return hvError("SPICE: Got an IPv%d address (%s), but the specified IP version is %d", found, bind, want)
	}
	return nil
}

func joinInts(list []int64) string {
	parts := make([]string, len(list))
	for i, n := range list {
		parts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(parts, ", ")
}
