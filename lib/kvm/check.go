package kvm

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
)

// rule is what can be said about a parameter's value without asking a node.
type rule struct {
	name     string
	required bool
	good     func(v any) bool // nil: anything
	why      string           // said when it is not good
	onNode   rune             // 'f' must be a file of the node, 'd' a directory, 'u' a file or a URL; 0 is not looked at
}

var (
	fileRule = rule{good: normalized, why: "must be an absolute normalized path", onNode: 'f'}
	dirRule  = rule{good: normalized, why: "must be an absolute normalized path", onNode: 'd'}
	isoRule  = rule{good: func(v any) bool { return normalized(v) || isURL(text(v)) }, why: "must be an absolute normalized path or a URL", onNode: 'u'}
	noRule   = rule{}
	countOK  = rule{good: func(v any) bool { return number(v) >= 0 }, why: "cannot be negative"}
)

// rules are all parameters, in the order in which they are checked.
var rules = []rule{
	noRule.of("acpi"),
	oneOf("cdrom", "disk", "floppy", "network").of("boot_order").must(),
	isoRule.of("cdrom2_image_path"),
	oneOf(diskTypes...).of("cdrom_disk_type"),
	isoRule.of("cdrom_image_path"),
	countOK.of("cpu_cores"),
	rule{good: func(v any) bool { _, err := ParseMasks(text(v)); return err == nil }, why: "Multiple CPU mask definition is not well-formed"}.of("cpu_mask"),
	countOK.of("cpu_sockets"),
	countOK.of("cpu_threads"),
	noRule.of("cpu_type"),
	oneOf("threads", "native").of("disk_aio"),
	oneOf("default", "none", "writeback", "writethrough").of("disk_cache").must(),
	oneOf("default", "ignore", "unmap").of("disk_discard"),
	oneOf(diskTypes...).of("disk_type").must(),
	fileRule.of("floppy_image_path"),
	fileRule.of("initrd_path"),
	noRule.of("kernel_args"),
	fileRule.of("kernel_path"),
	noRule.of("keymap"),
	noRule.of("kvm_extra"),
	oneOf("disabled", "enabled").of("kvm_flag"),
	fileRule.of("kvm_path").must(),
	rule{good: func(v any) bool { return number(v) >= 0 && number(v) <= pciSlots }, why: "The number of PCI slots managed by QEMU (max: 32)"}.of("kvm_pci_reservations"),
	noRule.of("machine_version"),
	dirRule.of("mem_path"),
	countOK.of("migration_bandwidth").must(),
	noRule.of("migration_caps"),
	countOK.of("migration_downtime").must(),
	oneOf("live", "non-live").of("migration_mode").must(),
	rule{good: func(v any) bool { return number(v) > 0 && number(v) < 65535 }, why: "invalid port number"}.of("migration_port").must(),
	oneOf("e1000", "i82551", "i82557b", "i82559er", "ne2k_isa", "ne2k_pci", "paravirtual", "pcnet", "rtl8139").of("nic_type").must(),
	oneOf("reboot", "exit").of("reboot_behavior").must(),
	noRule.of("root_path"),
	oneOf("lsi", "megasas", "virtio-scsi-pci").of("scsi_controller_type").must(),
	noRule.of("security_domain"),
	oneOf("none", "pool", "user").of("security_model").must(),
	noRule.of("serial_console"),
	noRule.of("serial_speed"),
	noRule.of("soundhw"),
	noRule.of("spice_bind"),
	oneOf("auto_glz", "auto_lz", "glz", "lz", "off", "quic").of("spice_image_compression"),
	rule{good: func(v any) bool { return number(v) == 4 || number(v) == 6 }, why: "the SPICE IP version should be 4 or 6"}.of("spice_ip_version"),
	oneOf("always", "auto", "never").of("spice_jpeg_wan_compression"),
	fileRule.of("spice_password_file"),
	noRule.of("spice_playback_compression"),
	oneOf("all", "filter", "off").of("spice_streaming_video"),
	noRule.of("spice_tls_ciphers"),
	noRule.of("spice_use_tls"),
	noRule.of("spice_use_vdagent"),
	oneOf("always", "auto", "never").of("spice_zlib_glz_wan_compression"),
	noRule.of("usb_devices"),
	oneOf("mouse", "tablet").of("usb_mouse"),
	noRule.of("use_chroot"),
	noRule.of("use_guest_agent"),
	noRule.of("use_localtime"),
	noRule.of("user_shutdown"),
	noRule.of("vga"),
	noRule.of("vhost_net"),
	rule{good: func(v any) bool { return number(v) > 0 && number(v) < 9 }, why: "invalid number of queues"}.of("virtio_net_queues"),
	noRule.of("vnc_bind_address"),
	fileRule.of("vnc_password_file"),
	noRule.of("vnc_tls"),
	dirRule.of("vnc_x509_path"),
	noRule.of("vnc_x509_verify"),
	noRule.of("vnet_hdr"),
}

var diskTypes = []string{"ide", "mtd", "paravirtual", "pflash", "scsi", "scsi-block", "scsi-cd", "scsi-generic", "scsi-hd", "sd"}

func (r rule) of(name string) rule { r.name = name; return r }
func (r rule) must() rule          { r.required = true; return r }

func oneOf(values ...string) rule {
	return rule{
		good: func(v any) bool { return slices.Contains(values, text(v)) },
		why:  "The value must be one of: " + strings.Join(values, ", "),
	}
}

func text(v any) string { s, _ := v.(string); return s }

func number(v any) int64 { return config.Params{"": v}.Int("") }

func normalized(v any) bool {
	return strings.HasPrefix(text(v), "/") && path.Clean(text(v)) == text(v)
}

// unset is Python's idea of a value that is not there.
func unset(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	}
	return number(v) == 0
}

// CheckSyntax checks filled parameters as far as that needs no node.
func CheckSyntax(hv config.Params) error {
	for _, name := range sortedNames(hv) {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.name == name }) {
			return fail("Parameter '%s' is not supported", name)
		}
	}
	for _, r := range rules {
		if err := r.check(hv); err != nil {
			return err
		}
	}
	for _, check := range []func(config.Params) error{checkBoot, checkSecurity, checkSpice, checkDisks} {
		if err := check(hv); err != nil {
			return err
		}
	}
	return nil
}

func (r rule) check(hv config.Params) error {
	value, given := hv[r.name]
	switch {
	case !given:
		return fail("Parameter '%s' is missing", r.name)
	case unset(value) && r.required:
		return fail("Parameter '%s' is required but is currently not defined", r.name)
	case !unset(value) && r.good != nil && !r.good(value):
		return fail("Parameter '%s' fails syntax check: %s (current value: '%v')", r.name, r.why, value)
	}
	return nil
}

func sortedNames(hv config.Params) []string {
	names := make([]string, 0, len(hv))
	for name := range hv {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

var serialSpeeds = []int64{75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 345600, 460800}

func checkBoot(hv config.Params) error {
	switch {
	case hv.String("kernel_path") != "" && hv.String("root_path") == "":
		return fail("Need a root partition for the instance, if a kernel is defined")
	case hv.Bool("vnc_x509_verify") && hv.String("vnc_x509_path") == "":
		return fail("vnc_x509_path must be defined, if vnc_x509_verify is")
	case hv.Bool("serial_console") && !slices.Contains(serialSpeeds, hv.Int("serial_speed")):
		speeds := make([]string, len(serialSpeeds))
		for i, n := range serialSpeeds {
			speeds[i] = strconv.FormatInt(n, 10)
		}
		return fail("Invalid serial console speed, must be one of: %s", strings.Join(speeds, ", "))
	case hv.String("boot_order") == "cdrom" && hv.String("cdrom_image_path") == "":
		return fail("Cannot boot from cdrom without an ISO path")
	}
	return nil
}

func checkSecurity(hv config.Params) error {
	domain := hv.String("security_domain")
	switch model := hv.String("security_model"); {
	case model == "user" && domain == "":
		return fail("A security domain (user to run kvm as) must be specified")
	case model != "user" && domain != "":
		return fail("Cannot have a security domain when the security model is 'none' or 'pool'")
	}
	return nil
}

func checkSpice(hv config.Params) error {
	bind, version := hv.String("spice_bind"), hv.Int("spice_ip_version")
	if bind == "" {
		for _, name := range []string{"spice_ip_version", "spice_password_file", "spice_image_compression", "spice_jpeg_wan_compression",
			"spice_zlib_glz_wan_compression", "spice_streaming_video", "spice_use_tls"} {
			if !unset(hv[name]) {
				return fail("SPICE: %s requires spice_bind to be set", name)
			}
		}
		return nil
	}
	address, err := netip.ParseAddr(bind)
	switch {
	case err != nil || version == 0:
		return nil
	case address.Is4() && version != 4:
		return fail("SPICE: Got an IPv4 address (%s), but the specified IP version is %d", bind, version)
	case address.Is6() && version != 6:
		return fail("SPICE: Got an IPv6 address (%s), but the specified IP version is %d", bind, version)
	}
	return nil
}

func checkDisks(hv config.Params) error {
	if hv.String("disk_aio") == "native" && hv.String("disk_cache") != "none" {
		return fail("When 'disk_aio' is set to 'native', the only supported value for 'disk_cache' is 'none'.")
	}
	return nil
}

// CheckCPUs checks that a mask with an entry for each virtual CPU has as many as there are.
func CheckCPUs(hv config.Params, vcpus int64) error {
	masks, err := ParseMasks(hv.String("cpu_mask"))
	if err != nil {
		return fail("%v", err)
	}
	if len(masks) > 1 && int64(len(masks)) != vcpus {
		return fail("Number of vCPUs (%d) does not match the CPU mask (%s)", vcpus, hv.String("cpu_mask"))
	}
	return nil
}

// ParseMasks reads cpu_mask: entries between colons, each a list of CPUs such as 0-2,5, or nil for "all". The result has
// one entry for the whole process, or one for each virtual CPU.
func ParseMasks(text string) ([][]int, error) {
	var masks [][]int
	for entry := range strings.SplitSeq(text, ":") {
		mask, err := parseMask(entry)
		if err != nil {
			return nil, err
		}
		masks = append(masks, mask)
	}
	return masks, nil
}

func parseMask(text string) ([]int, error) {
	if text == "all" {
		return nil, nil
	}
	var cpus []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("invalid CPU ID value: %s", part)
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(high, 10, 16); err != nil || last < first {
				return nil, fmt.Errorf("invalid CPU ID range definition: %s", part)
			}
		}
		for n := first; n <= last; n++ {
			cpus = append(cpus, int(n))
		}
	}
	return cpus, nil
}
