package kvm

import (
	"fmt"
	"strings"

	"gantry/lib/config"
)

// words is a command line under construction.
type words []string

func (w *words) add(more ...string) { *w = append(*w, more...) }

// when adds words that depend on a condition.
func (w *words) when(condition bool, more ...string) {
	if condition {
		w.add(more...)
	}
}

// Prepare gives every disk and NIC of g its slot and builds the runtime of a fresh start: the part of the command line
// that stays the same for as long as the guest lives.
func Prepare(g Guest, e Emulator) (Runtime, error) {
	r := Runtime{HV: g.HV, Disks: g.Disks, NICs: g.NICs}
	places := newSlots(g.HV)
	for i := range r.Disks {
		slot, err := places.diskSlot(g.HV, r.Disks[i].UUID)
		if err != nil {
			return r, err
		}
		r.Disks[i].Slot = slot
	}
	for i := range r.NICs {
		slot, err := places.nicSlot(g.HV, r.NICs[i].UUID)
		if err != nil {
			return r, err
		}
		r.NICs[i].Slot = slot
	}
	var err error
	r.Command, err = command(g, e)
	return r, err
}

// command is the lasting part of the command line, in Ganeti's order.
func command(g Guest, e Emulator) ([]string, error) {
	hv := g.HV
	w := words{hv.String("kvm_path"), "-name", g.Name, "-m", fmt.Sprint(g.MaxMem), "-smp", smp(g), "-pidfile", pidFile(g.Name)}
	w.when(hv.String("soundhw") != "", "-soundhw", hv.String("soundhw"))
	w.when(isSCSI(hv.String("disk_type")), "-device", hv.String("scsi_controller_type")+",id=scsi")
	w.add("-device", "virtio-balloon", "-daemonize", "-D", logDir+"/"+g.Name+".log")
	w.when(!hv.Bool("acpi") && e.Version[0] < noACPI, "-no-acpi")
	w.when(hv.String("reboot_behavior") == "exit", "-no-reboot")
	w.add("-machine", machine(hv, e))
	w.when(g.Paused, "-S")
	if err := w.boot(hv, e); err != nil {
		return nil, err
	}
	w.when(hv.String("mem_path") != "", "-mem-path", hv.String("mem_path"), "-mem-prealloc")
	w.add("-monitor", server(g.Name, "monitor"))
	if hv.Bool("serial_console") {
		w.add("-serial", server(g.Name, "serial"))
	} else {
		w.add("-serial", "none")
	}
	if err := w.display(g, e); err != nil {
		return nil, err
	}
	w.when(hv.Bool("use_localtime"), "-rtc", "base=localtime")
	w.when(hv.Bool("use_chroot"), "-chroot", chrootDir(g.Name))
	w.when(hv.String("cpu_type") != "", "-cpu", hv.String("cpu_type"))
	w.vga(hv)
	for device := range strings.SplitSeq(hv.String("usb_devices"), ",") {
		w.when(device != "", "-usbdevice", device)
	}
	w.add("-uuid", g.UUID)
	w.when(hv.Bool("use_guest_agent"),
		"-chardev", "socket,path="+socket(g.Name, "qga")+",server,nowait,id=qga0",
		"-device", "virtio-serial,id=qga0", "-device", "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0")
	if extra := hv.String("kvm_extra"); extra != "" {
		w.add(strings.Split(extra, " ")...)
	}
	return w, nil
}

func smp(g Guest) string {
	text := fmt.Sprint(g.VCPUs)
	for _, part := range []string{"cores", "threads", "sockets"} {
		if n := g.HV.Int("cpu_" + part); n != 0 {
			text += fmt.Sprintf(",%s=%d", part, n)
		}
	}
	return text
}

// noACPI is since when qemu has acpi=off in -machine instead of -no-acpi.
const noACPI = 9

func machine(hv config.Params, e Emulator) string {
	version := hv.String("machine_version")
	if version == "" {
		version = e.DefaultMachine
	}
	if hv.String("kvm_flag") == "enabled" {
		version += ",accel=kvm"
	}
	if !hv.Bool("acpi") && e.Version[0] >= noACPI {
		version += ",acpi=off"
	}
	return version
}

// boot adds what the guest can boot from besides its disks. With a kernel of its own it boots nothing else.
func (w *words) boot(hv config.Params, e Emulator) error {
	order := bootOrder(hv)
	w.when(order == "network", "-boot", "n")
	for i, image := range []string{hv.String("cdrom_image_path"), hv.String("cdrom2_image_path")} {
		if image == "" {
			continue
		}
		if isURL(image) && !e.ReachableISO[image] {
			return fail("Cdrom ISO image '%s' is not accessible", image)
		}
		w.when(order == "cdrom" && i == 0, "-boot", "d")
		w.add("-drive", cdrom(hv, image, order == "cdrom"))
	}
	if image := hv.String("floppy_image_path"); image != "" {
		w.when(order == "floppy", "-boot", "a")
		options := ",format=raw,media=disk"
		if order == "floppy" {
			options += ",boot=on"
		}
		w.add("-drive", "file="+image+options+",if=floppy")
	}
	if kernel := hv.String("kernel_path"); kernel != "" {
		w.add("-kernel", kernel)
		w.when(hv.String("initrd_path") != "", "-initrd", hv.String("initrd_path"))
		w.add("-append", kernelLine(hv))
	}
	return nil
}

func cdrom(hv config.Params, image string, booting bool) string {
	kind := hv.String("cdrom_disk_type")
	if kind == "" {
		kind = hv.String("disk_type")
	}
	switch {
	case booting:
		kind = "ide" // the BIOS can boot from nothing else
	case kind == "paravirtual":
		kind = "virtio"
	}
	format := ",format=raw"
	if isURL(image) {
		format = ""
	}
	return "file=" + image + ",media=cdrom" + format + ",if=" + kind
}

func kernelLine(hv config.Params) string {
	line := "root=" + hv.String("root_path") + " " + hv.String("kernel_args")
	if hv.Bool("serial_console") {
		line += fmt.Sprintf(" console=ttyS0,%d", hv.Int("serial_speed"))
	}
	return line
}

func bootOrder(hv config.Params) string {
	if hv.String("kernel_path") != "" {
		return ""
	}
	return hv.String("boot_order")
}

func isURL(path string) bool {
	scheme, rest, found := strings.Cut(path, "://")
	return found && rest != "" && (scheme == "http" || scheme == "https" || scheme == "ftp" || scheme == "ftps" || scheme == "tftp")
}
