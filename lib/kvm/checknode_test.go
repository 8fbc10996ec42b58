package kvm

import (
	"os"
	"os/exec"
	"testing"

	"gantry/lib/config"
)

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
		"vnc_bind_address=" + dir:            "",
		"vnc_bind_address=/nosuch":           "Parameter 'vnc_bind_address' fails validation: not found or not a directory (current value: '/nosuch')",
		"kvm_path=/etc/passwd":               "Error while executing backend function: [Errno 13] Permission denied: '/etc/passwd'",
		"spice_bind=nosuchif":                "SPICE: The spice_bind parameter must be either a valid IP address or interface name",
		"spice_bind=lo":                      "",
		"spice_bind=::1,vnc_bind_address=::": "Both SPICE and VNC are configured, but only one of them can be used at a given time",
	} {
		t.Run(given, func(t *testing.T) {
			hv := defaults()
			hv["kvm_path"] = qemu
			set(hv, given)
			var got string
			if err := JudgeProbe(config.HVKVM, hv, run(t, CheckProbe(config.HVKVM, hv).Argv)); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Of a hypervisor that cannot run here the files are looked for, in its own words, and nothing else.
func TestFilesOfOtherHypervisorsAreLookedFor(t *testing.T) {
	for _, c := range []struct{ hypervisor, given, want string }{
		{config.HVXenPVM, "", "Parameter 'kernel_path' fails validation: not found or not a file (current value: '/boot/vmlinuz-3-xenU')"},
		{config.HVXenPVM, "kernel_path=/bin/sh", ""},
		{config.HVXenPVM, "kernel_path=/bin/sh,initrd_path=/", "Parameter 'initrd_path' fails validation: not found or not a file (current value: '/')"},
		{config.HVXenHVM, "cdrom_image_path=/nosuch", "Parameter 'cdrom_image_path' fails validation: not found or not a file (current value: '/nosuch')"},
		{config.HVXenHVM, "kernel_path=/bin/sh,device_model=/bin/sh,vnc_password_file=/bin/sh,vnc_bind_address=nosuchif", ""},
	} {
		hv := config.HVTable(c.hypervisor).Defaults()
		set(hv, c.given)
		var got string
		if err := JudgeProbe(c.hypervisor, hv, run(t, CheckProbe(c.hypervisor, hv).Argv)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.hypervisor, c.given, got, c.want)
		}
	}
	if AsksNode(config.HVFake, config.HVTable(config.HVFake).Defaults()) {
		t.Error("nodes are asked about the fake hypervisor")
	}
}

func TestMasksMustFitTheCPUs(t *testing.T) {
	for mask, want := range map[string]string{"0-1": "", "0:1": "", "all": "", "0:1:2": "Number of vCPUs [2] does not match the CPU mask [0:1:2]"} {
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
