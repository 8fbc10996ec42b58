package debootstrap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gantry/tests/guest"
)

func TestGrubAndSSHHooks(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=msdos\n", map[string]string{
		"grub": example(t, "grub"), "root-password": example(t, "root-password"), "ssh": example(t, "ssh"), "swap": example(t, "swap"),
	})
	disk := newDisk(t, 3072)
	out := run(t, "create", disk, map[string]string{"INSTANCE_HV_serial_speed": "115200"})
	if n := len(regexp.MustCompile(`(?m)^\d+ SHA256:\S+ root@inst1\.example\.com \([A-Z0-9]+\)$`).FindAllString(out, -1)); n != 3 || strings.Count(out, "SHA256") != 3 {
		t.Errorf("create printed %d fingerprints, want 3 and nothing like them: %s", n, out)
	}
	sector := make([]byte, 512)
	file, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Read(sector); err != nil || !strings.Contains(string(sector), "GRUB") {
		t.Errorf("no grub in the first sector (%v)", err)
	}
	mounted(t, disk, func(root string) {
		menu, err := os.ReadFile(root + "/boot/grub/grub.cfg")
		device := strings.TrimSpace(tool(t, "findmnt", "-n", "-o", "SOURCE", root))
		for _, want := range []string{"root=UUID=" + uuid(t, device) + " ro console=tty0 console=ttyS0,115200", "serial --unit=0 --speed=115200"} {
			if !strings.Contains(string(menu), want) {
				t.Errorf("grub.cfg lacks %q (%v)", want, err)
			}
		}
		if strings.Contains(string(menu), "/dev/loop") {
			t.Error("grub.cfg names a device of the node")
		}
		for _, name := range []string{"usr/sbin/policy-rc.d", "boot/grub/device.map"} {
			if _, err := os.Stat(filepath.Join(root, name)); !os.IsNotExist(err) {
				t.Errorf("%s stays (%v)", name, err)
			}
		}
	})
	if os.Getenv("GANTRY_FAULTS") != "all" {
		t.Log("NOT BOOTED: takes minutes; set GANTRY_FAULTS=all")
		return
	}
	boots(t, disk, regexp.MustCompile(`(?m)^root password: (\S+)$`).FindStringSubmatch(out)[1])
}

// boots lets a disk boot by itself in a machine that has nothing but a serial line, and looks at it from within.
func boots(t *testing.T, disk, password string) {
	console := guest.Boot(t, "-drive", "if=virtio,format=raw,file="+disk)
	console.Login(t, "inst1", password)
	console.Asks(t, map[string]guest.Question{
		"the kernel it was told":  {Typed: "cat /proc/cmdline", Want: `root=UUID=[-0-9a-f]+ ro console=tty0 console=ttyS0,115200`},
		"the root it is on":       {Typed: "findmnt -n -o SOURCE /", Want: `/dev/vda1\r`},
		"swap in a file":          {Typed: "swapon --noheadings --show=NAME,SIZE", Want: `/swapfile +512M`},
		"its table of partitions": {Typed: "sfdisk -d /dev/vda", Want: `vda1 : start= +2048,.*type=83, bootable`},
		"a running sshd":          {Typed: "systemctl is-active ssh", Want: `[^n]active\r`},
	})
}
