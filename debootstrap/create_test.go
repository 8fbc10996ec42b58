package debootstrap

import (
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bootstrapped makes the one base system that all tests share: the cache.
var bootstrapped = sync.OnceValues(func() (string, error) {
	disk, err := os.CreateTemp("", "debootstrap-test-disk-")
	if err != nil {
		return "", err
	}
	defer os.Remove(disk.Name())
	if err := disk.Truncate(2 << 30); err != nil {
		return "", err
	}
	if err := os.WriteFile(defaults, []byte("PARTITION_STYLE=none\n"), 0o644); err != nil {
		return "", err
	}
	out, err := command(osDir, "create", disk.Name(), nil).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("create: %w\n%s", err, out)
	}
	return string(out), nil
})

// needCache returns the file of the cache.
func needCache(t *testing.T) string {
	t.Helper()
	needLab(t)
	if _, err := bootstrapped(); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(cache + "/cache-*.tar")
	if err != nil || len(found) != 1 {
		t.Fatalf("caches: %v %v, want one", found, err)
	}
	return found[0]
}

func TestCreateInstallsTheReleaseOfTheNode(t *testing.T) {
	file := needCache(t)
	if out, _ := bootstrapped(); !strings.Contains(out, "I: Base system installed successfully.\npasswd: password changed.\n") {
		t.Errorf("create printed %q", out)
	}
	codename := sh(t, nil, `. /etc/os-release; printf %s "$VERSION_CODENAME"`)
	if !strings.Contains(file, "/cache-"+codename+"-") {
		t.Errorf("the cache is %s, want one of %s", file, codename)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cache: %v %v, want mode 0600", info.Mode(), err)
	}
}

func TestCreateFromTheCache(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=none\n", nil)
	disk := newDisk(t, 2048)
	start := time.Now()
	out := run(t, "create", disk, nil)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the second installation took %s, want less than 5 s", took)
	}
	if out != "passwd: password changed.\n" {
		t.Errorf("create printed %q", out)
	}
	mounted(t, disk, func(root string) {
		for file, want := range map[string]string{
			"etc/hostname":           "inst1.example.com\n",
			"etc/mailname":           "inst1.example.com\n",
			"etc/network/interfaces": "auto lo\niface lo inet loopback\n",
			"etc/fstab":              fstab(uuid(t, disk)),
		} {
			if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v; want %q", file, got, err, want)
			}
		}
		if caps := tool(t, "getcap", filepath.Join(root, "usr/bin/ping")); !strings.Contains(caps, "cap_net_raw=ep") {
			t.Errorf("capabilities of ping: %q", caps)
		}
	})
}

func fstab(uuid string) string {
	return `# /etc/fstab: static file system information.
#
# <file system>   <mount point>   <type>  <options>       <dump>  <pass>
UUID=` + uuid + `   /               ext4    defaults        0       1
proc              /proc           proc    defaults        0       0
`
}

// uuid is that of the file system that takes the whole disk.
func uuid(t *testing.T, disk string) string {
	t.Helper()
	return strings.TrimSpace(tool(t, "blkid", "-p", "-o", "value", "-s", "UUID", disk))
}

var table = regexp.MustCompile(`start= *(\d+), size= *(\d+), type=([^,\n]+)(.*)`)

func TestPartitionStyles(t *testing.T) {
	needCache(t)
	for style, want := range map[string][]string{
		"msdos": {"2048 4192256 83 bootable"},
		"gpt":   {"2048 4190208 0FC63DAF-8483-4772-8E79-3D69D8477DE4", "34 2014 21686148-6449-6E6F-744E-656564454649"},
	} {
		t.Run(style, func(t *testing.T) {
			set(t, "PARTITION_STYLE="+style+"\n", nil)
			disk := newDisk(t, 2048)
			run(t, "create", disk, nil)
			var got []string
			for _, m := range table.FindAllStringSubmatch(tool(t, "sfdisk", "--dump", disk), -1) {
				line := m[1] + " " + m[2] + " " + m[3]
				if strings.HasSuffix(m[4], "bootable") {
					line += " bootable"
				}
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("partitions %q, want %q", got, want)
			}
			mounted(t, disk, func(root string) {
				if name, err := os.ReadFile(root + "/etc/hostname"); string(name) != "inst1.example.com\n" {
					t.Errorf("host name %q, %v", name, err)
				}
			})
		})
	}
}

func TestHooksSeeWhatTheyAlwaysSaw(t *testing.T) {
	needCache(t)
	seen := filepath.Join(t.TempDir(), "seen")
	set(t, "PARTITION_STYLE=msdos\nEXTRA_PKGS=\n", map[string]string{
		"a10":  "#!/bin/sh\nenv -0 >" + seen + "\nreadlink /proc/self/fd/0; pwd; mountpoint -q \"$TARGET\" && test -b \"$FSYSDEV\" -a -b \"$BLOCKDEV\"\n",
		"b.sh": "#!/bin/sh\necho skipped >&2\n",
		"ssh":  "#!/bin/sh\nexit 100\n",
		"zz":   "#!/bin/bash\n. common.sh\ndeclare -F format_disk0 map_disk0 unmap_disk0 >/dev/null || exit 7\ntrap cleanup EXIT\nCLEANUP+=(\"echo last $PARTITION_STYLE\")\nCLEANUP+=(\"echo first $instance\")\n",
	})
	disk := newDisk(t, 2048)
	refused(t, "create", disk, nil, "passwd: password changed.\n/dev/null\n"+osDir+"\n"+
		"run-parts: "+config+"/hooks/ssh exited with return code 100\nfirst inst1.example.com\nlast msdos\n")
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	var names, want []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(content), "\x00"), "\x00") {
		name, _, _ := strings.Cut(entry, "=")
		if !slices.Contains([]string{"_", "SHLVL", "PWD", "OLDPWD"}, name) { // bash's own
			names = append(names, name)
		}
	}
	for _, entry := range environment(disk, nil) {
		name, _, _ := strings.Cut(entry, "=")
		want = append(want, name)
	}
	want = append(want, "TARGET", "SUITE", "ARCH", "PARTITION_STYLE", "EXTRA_PKGS", "BLOCKDEV", "FSYSDEV")
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("hooks see %q\nwant %q", names, want)
	}
}

func TestHookMayLeaveAProcess(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=none\n", map[string]string{
		"daemon": "#!/bin/sh\ncd \"$TARGET\" && setsid sleep 1000 >/dev/null 2>&1 &\nsleep 0.1\n",
	})
	disk := newDisk(t, 2048)
	if out := run(t, "create", disk, nil); !strings.HasSuffix(out, "Ending sleep, which a hook left running\n") {
		t.Errorf("create printed %q", out)
	}
}

func TestExampleHooks(t *testing.T) {
	needCache(t)
	hooks := make(map[string]string)
	for _, name := range []string{"hostname", "network", "root-password", "swap", "tmpfs"} {
		hooks[name] = example(t, name)
	}
	set(t, "PARTITION_STYLE=none\n", hooks)
	disk, second := newDisk(t, 2048), newDisk(t, 64)
	out := run(t, "create", disk, map[string]string{
		"DISK_COUNT": "3", "DISK_1_PATH": "/dev/null", "DISK_2_PATH": second, "DISK_2_NAME": "swap",
	})
	for _, want := range []string{
		`(?m)^configured eth0 with 192\.0\.2\.10/24 2001:db8:1:0:a800:ff:fe11:2233/64$`,
		`(?m)^root password: [0-9a-f]{30}$`,
		`(?m)^Not using disk 1 \(/dev/null\) because it is not named 'swap' \(name: \)$`,
		`(?m)^Using disk ` + second + ` as swap\.\.\.$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("create printed %q, want %s", out, want)
		}
	}
	if label := tool(t, "blkid", "-p", "-o", "value", "-s", "LABEL", second); label != "swap\n" {
		t.Errorf("label of the swap disk: %q", label)
	}
	mounted(t, disk, func(root string) {
		for file, want := range map[string]string{
			"etc/hosts":                        "192.0.2.10 inst1.example.com inst1\n",
			"etc/fstab":                        "\nLABEL=swap        none            swap    sw              0       0\ntmpfs             /tmp ",
			"etc/shadow":                       "root:$y$",
			"etc/network/interfaces":           "iface lo inet loopback\nsource /etc/network/interfaces.d/*\n",
			"etc/network/interfaces.d/eth0":    "iface eth0 inet static\n\taddress 192.0.2.10/24\n\tgateway 192.0.2.1\niface eth0 inet6 static\n",
			"etc/systemd/network/10-eth0.link": "MACAddress=aa:00:00:11:22:33\n\n[Link]\nName=eth0\n",
		} {
			if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || !strings.Contains(string(got), want) {
				t.Errorf("%s: %q, %v; want %q in it", file, got, err, want)
			}
		}
	})
}

func TestExampleHooksWithoutSwapDiskAndAddresses(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=none\n", map[string]string{"network": example(t, "network"), "swap": example(t, "swap")})
	disk := newDisk(t, 2048)
	out := run(t, "create", disk, map[string]string{
		"NIC_COUNT": "3", "NIC_0_IP": "", "NIC_0_NETWORK_SUBNET6": "",
		"NIC_1_MAC": "aa:00:00:11:22:34", "NIC_1_IP": "192.0.2.11", "NIC_1_NETWORK_SUBNET": "192.0.2.0/25",
		"NIC_2_MAC": "aa:00:00:11:22:35", "NIC_2_NETWORK_SUBNET6": "2001:db8::/64", "NIC_2_NETWORK_GATEWAY6": "fe80::1",
	})
	for _, want := range []string{"configured eth0 with dhcp\n", "configured eth1 with 192.0.2.11/25\n", "configured eth2 with 2001:db8:0:0:a800:ff:fe11:2235/64\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("create printed %q, want %q in it", out, want)
		}
	}
	mounted(t, disk, func(root string) {
		for file, want := range map[string]string{
			"etc/network/interfaces.d/eth0": "auto eth0\niface eth0 inet dhcp\n",
			"etc/network/interfaces.d/eth1": "auto eth1\niface eth1 inet static\n\taddress 192.0.2.11/25\n",
			"etc/network/interfaces.d/eth2": "auto eth2\niface eth2 inet6 static\n\taddress 2001:db8:0:0:a800:ff:fe11:2235/64\n\tgateway fe80::1\n",
		} {
			if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v; want %q", file, got, err, want)
			}
		}
		file := filepath.Join(root, "swapfile")
		info, err := os.Stat(file)
		if err != nil || info.Size() != 512<<20 || info.Mode().Perm() != 0o600 {
			t.Fatalf("the swap file: %v, %v", info, err)
		}
		if kind := tool(t, "blkid", "-p", "-o", "value", "-s", "TYPE", file); kind != "swap\n" {
			t.Errorf("the swap file is %q", kind)
		}
		if table, _ := os.ReadFile(root + "/etc/fstab"); !strings.HasSuffix(string(table), "\n/swapfile         none            swap    sw              0       0\n") {
			t.Errorf("fstab: %q", table)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	needLab(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	write(t, osDir+"/wgetrc", "timeout = 1\ntries = 1\n")
	write(t, config+"/variants.list", "default\npublished\n")
	for name, tt := range map[string]struct {
		settings string
		env      map[string]string
		want     string
	}{
		"unknown variant": {"", map[string]string{"OS_VARIANT": "x"},
			"Unofficial variant x is unsupported\nMost probably this is a user error, forcing a wrong name\nTo support this variant please create file " + config + "/variants/x.conf\n"},
		"variant without a file": {"", map[string]string{"OS_VARIANT": "published"},
			"ERROR: instance-debootstrap configuration error\n  Published variant published is missing its config file\n"},
		"no variants":        {"VARIANTS_DIR=/nonexistent\n", nil, "OS Variants directory /nonexistent doesn't exist\n"},
		"API version":        {"", map[string]string{"OS_API_VERSION": "30"}, "Unknown OS API VERSION 30\n"},
		"no instance":        {"", map[string]string{"INSTANCE_NAME": ""}, "Missing OS API Variable:\n(INSTANCE_NAME HYPERVISOR or DISK_COUNT)\n"},
		"no disk":            {"", map[string]string{"DISK_COUNT": "0"}, "At least one disk is needed\n"},
		"style":              {"PARTITION_STYLE=bsd\n", nil, "Unknown partition style bsd\n"},
		"silent mirror":      {"MIRROR=http://" + silent.Addr().String() + "\n", nil, "Mirror http://" + silent.Addr().String() + " does not answer"},
		"mirror and script":  {"MIRROR='http://127.0.0.1:1 /nonexistent'\n", nil, "Mirror http://127.0.0.1:1 does not answer"},
		"no mirror there":    {"MIRROR=http://127.0.0.1:1\n", nil, "Mirror http://127.0.0.1:1 does not answer"},
		"image without sum":  {"IMAGE_URL=file:///etc/hosts.raw\n", nil, "file:///etc/hosts.raw needs its SHA-256"},
		"image of what":      {"IMAGE_URL=file:///etc/hosts\n", nil, "Cannot tell the format of file:///etc/hosts"},
		"image with another": {"IMAGE_FORMAT=raw IMAGE_URL=file:///etc/hosts IMAGE_SHA256=" + strings.Repeat("0", 64) + "\n", nil, "fetch: file:///etc/hosts: the content does not have the SHA-256 given\n"},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, tt.settings, nil)
			refused(t, "create", newDisk(t, 600), tt.env, tt.want)
		})
	}
	t.Run("small disk", func(t *testing.T) {
		set(t, "", nil)
		refused(t, "create", newDisk(t, 400), nil, "Device size is too small (400 MB)\nRequired size is at least 256MB\n")
	})
}

func TestExportImportRename(t *testing.T) {
	needCache(t)
	set(t, "PARTITION_STYLE=msdos\n", nil)
	from, to := newDisk(t, 2048), newDisk(t, 2048)
	run(t, "create", from, nil)

	source := command(osDir, "export", from, map[string]string{"EXPORT_DEVICE": from})
	target := command(osDir, "import", to, map[string]string{"IMPORT_DEVICE": to})
	data, err := source.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	target.Stdin = data
	if err := source.Start(); err != nil {
		t.Fatal(err)
	}
	if out, err := target.CombinedOutput(); err != nil {
		t.Errorf("import: %v\n%s", err, out)
	}
	if err := source.Wait(); err != nil {
		t.Errorf("export: %v", err)
	}

	names := map[string]string{"INSTANCE_NAME": "new.example.com", "OLD_INSTANCE_NAME": "other.example.com"}
	refused(t, "rename", to, names, "Cannot rename from other.example.com to new.example.com:\nInstance has a different hostname (inst1.example.com)\n")
	names["OLD_INSTANCE_NAME"] = "inst1.example.com"
	run(t, "rename", to, names)
	mounted(t, to, func(root string) {
		device := strings.TrimSpace(tool(t, "findmnt", "-n", "-o", "SOURCE", root))
		for file, want := range map[string]string{
			"etc/hostname": "new.example.com\n",
			"etc/mailname": "new.example.com\n",
			"etc/fstab":    "\nUUID=" + uuid(t, device) + "  /     ext4  defaults  0  1\n",
		} {
			if got, err := os.ReadFile(filepath.Join(root, file)); err != nil || !strings.Contains(string(got), want) {
				t.Errorf("%s: %q, %v; want %q in it", file, got, err, want)
			}
		}
	})
}

func TestExportRefusesWhatDumpCannotRead(t *testing.T) {
	needLab(t)
	set(t, "PARTITION_STYLE=none\n", nil)
	disk := newDisk(t, 600)
	tool(t, "mkswap", disk)
	refused(t, "export", disk, map[string]string{"EXPORT_DEVICE": disk}, "Can't dump partition of type swap!\n")
}

func TestImages(t *testing.T) {
	base := needCache(t)
	set(t, "PARTITION_STYLE=msdos\n", nil)
	golden := newDisk(t, 768)
	run(t, "create", golden, map[string]string{"INSTANCE_NAME": "golden.example.com"})
	qcow2 := filepath.Join(t.TempDir(), "image.qcow2")
	tool(t, "qemu-img", "convert", "-O", "qcow2", golden, qcow2)
	for format, file := range map[string]string{"raw": golden, "qcow2": qcow2, "tar": base} {
		t.Run(format, func(t *testing.T) {
			sum, _, _ := strings.Cut(tool(t, "sha256sum", file), " ")
			set(t, fmt.Sprintf("PARTITION_STYLE=msdos\nMIRROR=http://127.0.0.1:1\nIMAGE_URL=file://%s\nIMAGE_FORMAT=%s\nIMAGE_SHA256=%s\n", file, format, sum), nil)
			disk := newDisk(t, 1536)
			run(t, "create", disk, nil)
			mounted(t, disk, func(root string) {
				if name, err := os.ReadFile(root + "/etc/hostname"); string(name) != "inst1.example.com\n" {
					t.Errorf("host name %q, %v", name, err)
				}
				if size := strings.TrimSpace(tool(t, "findmnt", "-n", "-b", "-o", "SIZE", root)); len(size) < 10 || size < "1400000000" {
					t.Errorf("the file system has %s bytes, want nearly 1.5 GiB", size)
				}
			})
			for _, pattern := range []string{"/image-*", "/cache-*" + sum[:12] + "*"} {
				kept, _ := filepath.Glob(cache + pattern)
				for _, name := range kept {
					os.Remove(name)
				}
			}
		})
	}
}

func TestSameAsDebiansScripts(t *testing.T) {
	base := needCache(t)
	if debians == "" {
		t.Skip("ganeti-instance-debootstrap cannot be had")
	}
	suite := sh(t, nil, `. /etc/os-release; printf %s "$VERSION_CODENAME"`)
	arch := strings.TrimSpace(tool(t, "dpkg", "--print-architecture"))
	theirs := filepath.Join(cache, "cache-"+suite+"-"+arch+".tar") // without our key
	if err := os.Link(base, theirs); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(theirs)
	set(t, "PARTITION_STYLE=none\nSUITE="+suite+"\n", nil)
	lists := make(map[string]map[string]string)
	for _, dir := range []string{osDir, debians} {
		disk := newDisk(t, 2048)
		if out, err := command(dir, "create", disk, nil).CombinedOutput(); err != nil || string(out) != "passwd: password changed.\n" {
			t.Fatalf("%s/create: %v\n%s", dir, err, out)
		}
		mounted(t, disk, func(root string) { lists[dir] = listing(t, root, uuid(t, disk)) })
	}
	for _, path := range slices.Sorted(maps.Keys(lists[debians])) {
		if ours := lists[osDir][path]; ours != lists[debians][path] {
			t.Errorf("%s: %q, theirs %q", path, ours, lists[debians][path])
		}
		delete(lists[osDir], path)
	}
	if len(lists[osDir]) > 0 {
		t.Errorf("only ours: %v", lists[osDir])
	}
}

// What starts a getty depends on the init of the system; none of these is in a Debian of today.
func TestSameGettyAsDebiansScripts(t *testing.T) {
	needLab(t)
	if debians == "" {
		t.Skip("ganeti-instance-debootstrap cannot be had")
	}
	suite := sh(t, nil, `. /etc/os-release; printf %s "$VERSION_CODENAME"`)
	theirs := filepath.Join(cache, "cache-"+suite+"-"+strings.TrimSpace(tool(t, "dpkg", "--print-architecture"))+".tar")
	for init, tt := range map[string]struct{ file, port, want string }{
		"etc/inittab":  {"etc/inittab", "ttyS0", "T0:23:respawn:/sbin/getty ttyS0 38400\n"},
		"etc/init/rc":  {"etc/init/ttyS0.conf", "ttyS0", "exec /sbin/getty -8 38400 ttyS0\n"},
		"etc/event.d/": {"etc/event.d/ttyS0.conf", "ttyS0", "exec /sbin/getty 38400 ttyS0\n"},
		"etc/init/xen": {"etc/init/hvc0.conf", "hvc0", "exec /sbin/getty -8 38400 hvc0\n"},
	} {
		t.Run(init, func(t *testing.T) {
			settings := tiny(t, init)
			file, _, _ := strings.Cut(strings.TrimPrefix(settings, "CACHE_URL=file://"), "\n")
			tool(t, "cp", file, theirs)
			defer os.Remove(theirs)
			set(t, "PARTITION_STYLE=none\nSUITE="+suite+"\n"+settings, nil)
			env := map[string]string{}
			if tt.port == "hvc0" {
				env = map[string]string{"INSTANCE_HV_serial_console": "", "HYPERVISOR": "xen-pvm"}
			}
			found := map[string]string{}
			for _, dir := range []string{osDir, debians} {
				disk := newDisk(t, 600)
				if out, err := command(dir, "create", disk, env).CombinedOutput(); err != nil {
					t.Fatalf("%s/create: %v\n%s", dir, err, out)
				}
				mounted(t, disk, func(root string) {
					text, err := os.ReadFile(filepath.Join(root, tt.file))
					if err != nil {
						t.Error(err)
					}
					found[dir] = string(text)
				})
			}
			if found[osDir] != found[debians] || !strings.HasSuffix(found[osDir], tt.want) {
				t.Errorf("%s: %q, theirs %q", tt.file, found[osDir], found[debians])
			}
		})
	}
}

func TestSamePartitionTableAsDebiansScripts(t *testing.T) {
	needCache(t)
	if debians == "" {
		t.Skip("ganeti-instance-debootstrap cannot be had")
	}
	set(t, "PARTITION_STYLE=msdos\n", nil)
	ours, theirs := newDisk(t, 2048), newDisk(t, 2048)
	run(t, "create", ours, nil)
	// Where the kernel has no device mapper theirs fails, after the table.
	_ = command(debians, "create", theirs, nil).Run()
	partitions := func(disk string) string {
		return fmt.Sprintf("%q", table.FindAllString(tool(t, "sfdisk", "--dump", disk), -1))
	}
	if got, want := partitions(ours), partitions(theirs); got != want || got == "[]" {
		t.Errorf("partitions %s, theirs %s", got, want)
	}
}

// listing is path to kind, mode, owner, size and link of all below root, and the
// content of what create writes.
func listing(t *testing.T, root, uuid string) map[string]string {
	t.Helper()
	find := exec.Command("find", ".", "-printf", `%p\t%y %m %U:%G %l `, "(", "-type", "f", "-printf", `%s\n`, "-o", "-printf", `\n`, ")")
	find.Dir = root
	out, err := find.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		path, what, _ := strings.Cut(line, "\t")
		list[path] = what
	}
	if len(list) < 5000 {
		t.Errorf("only %d files", len(list))
	}
	for _, path := range []string{"fstab", "hostname", "mailname", "hosts", "resolv.conf", "shadow", "network/interfaces"} {
		content, err := os.ReadFile(filepath.Join(root, "etc", path))
		if err != nil {
			t.Error(err)
		}
		list["content of "+path] = strings.ReplaceAll(string(content), uuid, "UUID")
	}
	return list
}
