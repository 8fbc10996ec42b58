package kvm

import (
	"testing"

	"gantry/lib/config"
)

// The texts are those of transcripts of Ganeti 3.0.2, but for the order of a set's members, which is random there.
func TestSyntaxErrors(t *testing.T) {
	for given, want := range map[string]string{
		"":                                      "",
		"disk_type=scsi-hd,cpu_cores=2":         "",
		"virtio_net_queues=0":                   "Parameter 'virtio_net_queues' fails syntax check: invalid number of queues (current value: '0')",
		"disk_aio=io_uring":                     "",
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
		"virtio_net_queues=99":                  "Parameter 'virtio_net_queues' fails syntax check: invalid number of queues (current value: '99')",
		"cpu_sockets=-1":                        "Parameter 'cpu_sockets' fails syntax check: cannot be negative (current value: '-1')",
		"usb_mouse=nosuch":                      "Parameter 'usb_mouse' fails syntax check: The value must be one of: mouse, tablet (current value: 'nosuch')",
		"migration_port=0":                      "Parameter 'migration_port' fails syntax check: invalid port number (current value: '0')",
		"migration_port=65535":                  "Parameter 'migration_port' fails syntax check: invalid port number (current value: '65535')",
		"kvm_path=":                             "Parameter 'kvm_path' is required but is currently not defined",
		"kernel_path=boot/vmlinuz":              "Parameter 'kernel_path' fails syntax check: must be an absolute normalized path (current value: 'boot/vmlinuz')",
		"kernel_path=/boot/vmlinuz,root_path=":  "Need a root partition for the instance, if a kernel is defined",
		"cdrom_image_path=http://example.com/a": "",
		"cdrom_image_path=a.iso":                "Parameter 'cdrom_image_path' fails syntax check: must be an absolute normalized path or a URL (current value: 'a.iso')",
		"serial_console=true,serial_speed=12":   "Invalid serial console speed, must be one of: 75, 110, 300, 600, 1200, 1800, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 115200, 230400, 345600, 460800",
		"nosuch=1":                              "Parameter 'nosuch' is not supported",
		"kvm_pci_reservations=33":               "Parameter 'kvm_pci_reservations' fails syntax check: The number of PCI slots managed by QEMU (max: 32) (current value: '33')",
	} {
		t.Run(given, func(t *testing.T) {
			hv := defaults()
			set(hv, given)
			var got string
			if err := config.CheckHV(config.HVKVM, hv); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
