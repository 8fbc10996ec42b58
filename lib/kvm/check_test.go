package kvm

import (
	"maps"
	"os"
	"os/exec"
	"testing"

	"gantry/lib/config"
)

// The texts are those of transcripts of Ganeti 3.0.2, but for the order of a set's members, which is random there.
func TestSyntaxErrors(t *testing.T) {
	for given, want := range map[string]string{
		"":                                      "",
		"disk_type=scsi-hd,cpu_cores=2":         "",
		"disk_aio=io_uring":                     "Parameter 'disk_aio' fails syntax check: The value must be one of: threads, native (current value: 'io_uring')",
		"disk_aio=native":                       "When 'disk_aio' is set to 'native', the only supported value for 'disk_cache' is 'none'.",
		"disk_aio=native,disk_cache=none":       "",
		"boot_order=cdrom":                      "Cannot boot from cdrom without an ISO path",
		"security_model=user":                   "A security domain (user to run kvm as) must be specified",
		"security_domain=nobody":                "Cannot have a security domain when the security model is 'none' or 'pool'",
		"spice_ip_version=4":                    "SPICE: spice_ip_version requires spice_bind to be set",
		"spice_password_file=/etc/x":            "SPICE: spice_password_file requires spice_bind to be set",
		"spice_bind=::1,spice_ip_version=4":     "SPICE: Got an IPv6 address (::1), but the specified IP version is 4",
		"cpu_mask=x":                            "Parameter 'cpu_mask' fails syntax check: Multiple CPU mask definition is not well-formed (current value: 'x')",
		"cpu_mask=0-1:all:2,4":                  "",
		"cpu_mask=3-1":                          "Parameter 'cpu_mask' fails syntax check: Multiple CPU mask definition is not well-formed (current value: '3-1')",
		"virtio_net_queues=99":                  "Parameter 'virtio_net_queues' fails syntax check: invalid number of queues (current value: '99')",
		"cpu_sockets=-1":                        "Parameter 'cpu_sockets' fails syntax check: cannot be negative (current value: '-1')",
		"usb_mouse=nosuch":                      "Parameter 'usb_mouse' fails syntax check: The value must be one of: mouse, tablet (current value: 'nosuch')",
		"migration_port=0":                      "Parameter 'migration_port' is required but is currently not defined",
		"migration_port=65535":                  "Parameter 'migration_port' fails syntax check: invalid port number (current value: '65535')",
		"kvm_path=":                             "Parameter 'kvm_path' is required but is currently not defined",
		"kernel_path=boot/vmlinuz":              "Parameter 'kernel_path' fails syntax check: must be an absolute normalized path (current value: 'boot/vmlinuz')",
		"kernel_path=/boot/../vmlinuz":          "Parameter 'kernel_path' fails syntax check: must be an absolute normalized path (current value: '/boot/../vmlinuz')",
		"kernel_path=/boot/vmlinuz,root_path=":  "Need a root partition for the instance, if a kernel is defined",
		"cdrom_image_path=http://example.com/a": "",
		"cdrom_image_path=a.iso":                "Parameter 'cdrom_image_path' fails syntax check: must be an absolute normalized path or a URL (current value: 'a.iso')",
		"serial_console=true,serial_speed=12":   "Invalid serial console speed, must be one of: 75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 345600, 460800",
		"vnc_tls=true,vnc_x509_verify=true":     "vnc_x509_path must be defined, if vnc_x509_verify is",
		"nosuch=1":                              "Parameter 'nosuch' is not supported",
		"kvm_pci_reservations=33":               "Parameter 'kvm_pci_reservations' fails syntax check: The number of PCI slots managed by QEMU (max: 32) (current value: '33')",
	} {
		t.Run(given, func(t *testing.T) {
			hv := defaults()
			set(hv, given)
			var got string
			if err := CheckSyntax(hv); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMissingParameter(t *testing.T) {
	hv := maps.Clone(defaults())
	delete(hv, "vga")
	if err := CheckSyntax(hv); err == nil || err.Error() != "Parameter 'vga' is missing" {
		t.Errorf("CheckSyntax = %v", err)
	}
}

// The probe runs for real here, with a qemu that is a few lines of sh.
func TestNodeErrors(t *testing.T) {
	dir := t.TempDir()
	qemu := dir + "/kvm"
	script := "#!/bin/sh\ncase $1 in --help) echo 'QEMU emulator version 7.2.22 (Debian)'; echo '-spice [port=port]' ;;" +
		" *) echo 'pc-i440fx-7.2 Standard PC (i440FX + PIIX, 1996) (default)'; echo 'none empty machine' ;; esac\n"
	if err := os.WriteFile(qemu, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{
		"":                                   "",
		"kvm_path=/nosuch":                   "Parameter 'kvm_path' fails validation: not found or not a file (current value: '/nosuch')",
		"kernel_path=" + dir:                 "Parameter 'kernel_path' fails validation: not found or not a file (current value: '" + dir + "')",
		"mem_path=" + qemu:                   "Parameter 'mem_path' fails validation: not found or not a directory (current value: '" + qemu + "')",
		"cdrom_image_path=/srv/nosuch.iso":   "Parameter 'cdrom_image_path' fails validation: not found or not a file or URL (current value: '/srv/nosuch.iso')",
		"cdrom_image_path=http://x/y":        "",
		"security_domain=nosuchuser":         "Unknown security domain user nosuchuser",
		"security_domain=root":               "",
		"machine_version=nosuch":             "Unsupported machine version: nosuch",
		"machine_version=none":               "Unsupported machine version: none",
		"machine_version=pc-i440fx-7.2":      "",
		"vnc_bind_address=nosuchif":          "VNC: The vnc_bind_address parameter must be either a valid IP address, an interface name, or an absolute path",
		"vnc_bind_address=lo":                "",
		"vnc_bind_address=/var/run/vnc":      "",
		"spice_bind=nosuchif":                "SPICE: The spice_bind parameter must be either a valid IP address or interface name",
		"spice_bind=lo":                      "",
		"spice_bind=::1,vnc_bind_address=::": "Both SPICE and VNC are configured, but only one of them can be used at a given time",
	} {
		t.Run(given, func(t *testing.T) {
			hv := defaults()
			hv["kvm_path"] = qemu
			set(hv, given)
			var got string
			if err := judge(hv, run(t, checkNode(hv).Argv)); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestMasksMustFitTheCPUs(t *testing.T) {
	for mask, want := range map[string]string{"0-1": "", "0:1": "", "all": "", "0:1:2": "Number of vCPUs (2) does not match the CPU mask (0:1:2)"} {
		var got string
		if err := CheckCPUs(config.Params{"cpu_mask": mask}, 2); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", mask, got, want)
		}
	}
}

// run executes a command here and gives its output.
func run(t *testing.T, argv []string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", argv[0], err)
	}
	return out
}
