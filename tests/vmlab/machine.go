package vmlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// disk is one that a machine has: a file without a name, which lives as long as the keeper has it open.
type disk struct {
	file   *os.File
	format string
	shared bool // with other machines
	only   bool // is only read
}

// disks makes those of machine n, the volume groups made of them, and the names of the archives that it unpacks when it first starts.
func (c config) disks(n int, luns []*os.File, image Image, trees []*os.File) (list []disk, groups, seeds string, err error) {
	root := disk{format: "qcow2"}
	if !c.UML {
		if root.file, err = c.overlay(n, image); err != nil {
			return nil, "", "", err
		}
	}
	list = append(list, root)
	letter := func() string { return "/dev/vd" + string(rune('a'+len(list)-1)) }
	empty := func() {
		var f *os.File
		if f, err = c.nameless(diskSize); err == nil {
			list = append(list, disk{file: f, format: "raw"})
		}
	}
	if n <= c.Nodes { // the recorded master had none
		empty()
		first := []string{letter()}
		hdd := ""
		if slices.Contains(c.HDD, n) && err == nil {
			empty()
			hdd = " vg_ganeti_hdd=" + letter()
		}
		for i := 1; i < c.Disks && err == nil; i++ {
			empty()
			first = append(first, letter())
		}
		groups = "vg_ganeti=" + strings.Join(first, ",") + hdd
	}
	if err != nil {
		return nil, "", "", err
	}
	var names, shared []string
	for _, f := range luns {
		list = append(list, disk{file: f, format: "raw", shared: true})
		shared = append(shared, letter())
	}
	seed, err := c.nameless(0)
	if err != nil {
		return nil, "", "", err
	}
	for _, f := range append(trees, seed) {
		list = append(list, disk{file: f, format: "raw", only: true, shared: true})
		names = append(names, letter())
	}
	return list, groups, strings.Join(names, ","), c.writeSeed(n, seed, groups, strings.Join(shared, " "))
}

// nameless makes a file that is gone when it is closed.
func (c config) nameless(size int64) (*os.File, error) {
	f, err := os.CreateTemp(c.Dir, "disk")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	return f, f.Truncate(size)
}

// overlay makes the disk that has what machine n changes of the image.
func (c config) overlay(n int, image Image) (*os.File, error) {
	path := filepath.Join(c.Dir, "root"+strconv.Itoa(n))
	defer os.Remove(path)
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.root(), path).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("qemu-img: %w: %s", err, out)
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// argv is a machine's qemu. Its disks are the keeper's open files.
func (c config) argv(n int, image Image, disks []disk, seeds string) []string {
	processors := 1
	if c.OVS {
		processors = 2 // Open vSwitch 3.1 loses all packets on one
	}
	dir := filepath.Join(c.Dir, "nodes", c.name(n))
	// clocks that need no calibration: on a busy machine that goes wrong, and the node's time then runs several times too fast
	kernel := []string{
		"console=ttyS0", "quiet", "loglevel=4", "mitigations=off", "nokaslr", "norandmaps", "no_timer_check", "nowatchdog",
		"notsc", "clocksource=hpet", "nolapic_timer", "pci=noacpi", "random.trust_cpu=on", "rcupdate.rcu_expedited=1", "cryptomgr.notests", "audit=0",
		"net.ifnames=0", "panic=1", "lab.seed=" + seeds,
	}
	if c.Systemd {
		kernel = append(kernel, "lab.systemd")
	}
	argv := []string{
		"qemu-system-x86_64", "-name", "gantry-vmlab-" + c.name(n),
		"-M", "pc,usb=off,vmport=off", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "qemu64,+rdrand", // more of a processor is slower to emulate
		"-smp", strconv.Itoa(processors), "-m", strconv.Itoa(c.Memory),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-kernel", image.kernel(), "-initrd", image.initrd(), "-append", strings.Join(kernel, " "),
		"-serial", "file:" + dir + "/console.log", "-qmp", "unix:" + dir + "/qmp,server=on,wait=off", "-device", "virtio-rng-pci",
	}
	for i, net := range nets {
		id := string(rune('a' + i))
		argv = append(argv,
			"-netdev", fmt.Sprintf("tap,id=%s,ifname=%s%d,script=no,downscript=no", id, net, n),
			"-device", fmt.Sprintf("virtio-net-pci,netdev=%s,mac=02:00:00:00:%02x:%02x,romfile=", id, i, n))
	}
	for i, d := range disks {
		drive := fmt.Sprintf("if=none,id=disk%d,file=/proc/%d/fd/%d,format=%s,cache=unsafe,discard=unmap", i, c.Keeper, d.file.Fd(), d.format)
		device := fmt.Sprintf("virtio-blk-pci,drive=disk%d", i)
		if d.only {
			drive += ",readonly=on"
		}
		if d.shared {
			drive += ",file.locking=off"
			device += ",share-rw=on"
		}
		argv = append(argv, "-drive", drive, "-device", device)
	}
	return argv
}

// nets are the wires that a machine is plugged into: its cards eth0, eth1 and lab0.
var nets = []string{"lan", "san", "ctl"}
