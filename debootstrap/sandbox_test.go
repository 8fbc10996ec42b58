// Package debootstrap holds the tests of the OS definition "debootstrap". Those
// that install need root, loop devices and a Debian mirror (GANTRY_LAB=1); they
// run in a mount namespace of their own, where the definition is installed over
// the machine's own files and is gone when they end.
package debootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	osDir    = "/usr/share/ganeti/os/debootstrap"
	config   = "/etc/ganeti/instance-debootstrap"
	defaults = "/etc/default/ganeti-instance-debootstrap"
	examples = "/usr/share/doc/ganeti-instance-debootstrap/examples"
	cache    = "/var/cache/ganeti-instance-debootstrap"
	runs     = "/run/ganeti-instance-debootstrap"
)

// inside is set in the process that runs in the namespace.
const inside = "DEBOOTSTRAP_TEST_INSIDE"

// debians is where the scripts of Debian's package are, for comparing; empty when
// it cannot be had.
var debians string

func TestMain(m *testing.M) {
	switch {
	case os.Getenv("GANTRY_LAB") == "":
		os.Exit(m.Run())
	case os.Getenv(inside) == "":
		os.Exit(enter())
	}
	if err := furnish(os.Getenv(inside)); err != nil {
		fmt.Fprintln(os.Stderr, "preparing the namespace:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// enter runs this test binary again in a mount namespace, with a directory for
// what the namespace needs.
func enter() int {
	dir, err := os.MkdirTemp("", "debootstrap-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Env = append(os.Environ(), inside+"="+dir)
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err = self.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// furnish installs the definition on top of the machine's directories.
func furnish(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	for _, d := range []string{"/etc", "/usr"} {
		upper, work := filepath.Join(dir, "upper", d), filepath.Join(dir, "work", d)
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", d, upper, work)
		if err := syscall.Mount("overlay", d, "overlay", 0, options); err != nil {
			return fmt.Errorf("overlay on %s: %w", d, err)
		}
	}
	for _, d := range []string{cache, runs} {
		private := filepath.Join(dir, filepath.Base(d)+filepath.Base(filepath.Dir(d)))
		if err := errors.Join(os.MkdirAll(d, 0o755), os.MkdirAll(private, 0o755)); err != nil {
			return err
		}
		if err := syscall.Mount(private, d, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind mount on %s: %w", d, err)
		}
	}
	return installOS(dir)
}

func installOS(dir string) error {
	fetch := exec.Command("sh", "-c", "apt-get -q download ganeti-instance-debootstrap && dpkg-deb -x *.deb .")
	fetch.Dir = dir
	if err := fetch.Run(); err == nil {
		debians = filepath.Join(dir, osDir)
	}
	for _, d := range []string{osDir, config, defaults} {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	for _, argv := range [][]string{
		{"make", "-s", "install", "DESTDIR="},
		{"mkdir", "-p", "/usr/lib/ganeti"},
		{"go", "build", "-o", "/usr/lib/ganeti/debootstrap-fetch", "./fetch"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
		}
	}
	return nil
}

func needLab(t *testing.T) {
	t.Helper()
	if os.Getenv(inside) == "" {
		t.Skip("needs GANTRY_LAB=1, root and a Debian mirror")
	}
}

// set writes the settings of the node (lines of the defaults file) and its hooks,
// name to content, and takes them away after the test.
func set(t *testing.T, settings string, hooks map[string]string) {
	t.Helper()
	write(t, defaults, settings)
	for name, content := range hooks {
		path := filepath.Join(config, "hooks", name)
		write(t, path, content)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(path) })
	}
}

// example is the content of an example hook.
func example(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(examples, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// newDisk makes an empty file to install on.
func newDisk(t *testing.T, mib int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk0")
	write(t, path, "")
	if err := os.Truncate(path, mib<<20); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wantNothingLeft(t, path) })
	return path
}

// environment is what Ganeti gives a script for an instance with that disk.
func environment(disk string, more map[string]string) []string {
	env := map[string]string{
		"OS_API_VERSION": "20", "OS_NAME": "debootstrap", "OS_VARIANT": "default", "DEBUG_LEVEL": "0",
		"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "INSTANCE_NAME": "inst1.example.com", "HYPERVISOR": "kvm",
		"INSTANCE_HV_serial_console": "True", "DISK_COUNT": "1", "DISK_0_PATH": disk, "DISK_0_ACCESS": "rw",
		"NIC_COUNT": "1", "NIC_0_MAC": "aa:00:00:11:22:33", "NIC_0_IP": "192.0.2.10", "NIC_0_MODE": "bridged",
		"NIC_0_NETWORK_SUBNET": "192.0.2.0/24", "NIC_0_NETWORK_GATEWAY": "192.0.2.1",
		"NIC_0_NETWORK_SUBNET6": "2001:db8:1::/64", "NIC_0_NETWORK_GATEWAY6": "fe80::1",
	}
	maps.Copy(env, more)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		lines = append(lines, name+"="+env[name])
	}
	return lines
}

// command is a script of the definition in dir, ready to run as Ganeti does.
func command(dir, script, disk string, more map[string]string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(dir, script))
	cmd.Dir = dir
	cmd.Env = environment(disk, more)
	return cmd
}

// run runs a script, which must succeed, and returns what it printed.
func run(t *testing.T, script, disk string, more map[string]string) string {
	t.Helper()
	out, err := command(osDir, script, disk, more).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// refused runs a script, which must fail with that status and text.
func refused(t *testing.T, script, disk string, more map[string]string, want string) {
	t.Helper()
	out, err := command(osDir, script, disk, more).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("%s: %v, want exit status 1", script, err)
	}
	if !strings.Contains(string(out), want) {
		t.Errorf("%s printed %q, want %q in it", script, out, want)
	}
}

// mounted shows the root file system of disk, partition 1 when it has any.
func mounted(t *testing.T, disk string, look func(root string)) {
	t.Helper()
	offset := 0
	if strings.Contains(tool(t, "sfdisk", "--json", disk), `"partitions"`) {
		offset = 2048 * 512
	}
	root := t.TempDir()
	tool(t, "mount", "-o", fmt.Sprintf("loop,ro,noload,offset=%d", offset), disk, root)
	defer tool(t, "umount", root)
	look(root)
}

// tool runs a command and returns its output. sfdisk fails on an empty disk.
func tool(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil && argv[0] != "sfdisk" {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}

// wantNothingLeft fails when a loop device, a mount, a process's mount or a
// record of a run stays behind.
func wantNothingLeft(t *testing.T, disk string) {
	t.Helper()
	wantReleased(t, disk)
	var left []string
	for range 100 { // the heir of a run needs a moment
		if left, _ = filepath.Glob(runs + "/[^.]*"); len(left) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(left) > 0 {
		t.Errorf("records of runs stay: %s", left)
	}
	if left, _ := filepath.Glob(cache + "/new-*"); len(left) > 0 {
		t.Errorf("unfinished caches stay: %s", left)
	}
}

// wantReleased is the part of it that holds at once, even after KILL: the kernel
// needs a moment for a whole tree of processes.
func wantReleased(t *testing.T, disk string) {
	t.Helper()
	var left string
	for range 50 {
		if left = held(t, disk); left == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("after 5 seconds: %s", left)
}

func held(t *testing.T, disk string) string {
	t.Helper()
	if loops := tool(t, "losetup", "--associated", disk); loops != "" {
		return "loop devices stay: " + loops
	}
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		mounts, _ := os.ReadFile(table) // the process may have ended
		if bytes.Contains(mounts, []byte(" "+runs+"/")) {
			return "mounts stay in " + table
		}
	}
	return ""
}
