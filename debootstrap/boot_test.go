package debootstrap

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
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
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	m := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-display", "none", "-nodefaults", "-no-reboot", "-serial", "stdio",
		"-device", "virtio-rng-pci", "-drive", "if=virtio,format=raw,file="+disk)
	in, err := m.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	defer m.Wait() // it ends with ctx
	defer cancel()
	began, seen := time.Now(), []byte{}
	// says waits for it to say something, and types an answer.
	says := func(pattern, answer string) {
		t.Helper()
		want, chunk := regexp.MustCompile(pattern), make([]byte, 4096)
		for !want.Match(seen) {
			n, err := out.Read(chunk)
			if err != nil {
				t.Fatalf("it did not say %s (%v); last seen: %q", pattern, err, seen[max(0, len(seen)-1000):])
			}
			seen = append(seen, chunk[:n]...)
		}
		t.Logf("%s after %v", pattern, time.Since(began).Round(time.Second))
		seen = bytes.Clone(seen[want.FindIndex(seen)[1]:])
		io.WriteString(in, answer)
	}
	says(`GNU GRUB`, "")
	says(`\S+ login: `, "root\n")
	says(`Password: `, password+"\n")
	says(`root@inst1:~# `, "cat /proc/cmdline; findmnt -n -o SOURCE /; swapon --noheadings --show=NAME,SIZE; sfdisk -d /dev/vda; systemctl is-active ssh; echo en''d\n")
	says(`(?s)root=UUID=[-0-9a-f]+ ro console=tty0 console=ttyS0,115200.*/dev/vda1\r.*/swapfile +512M.*vda1 : start= +2048,.*type=83, bootable.*[^n]active\r.*\nend\r`, "poweroff\n")
}
