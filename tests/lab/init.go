package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const nodePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// nodeInit is process 1 of a node, in new namespaces of every kind but the user's.
func nodeInit() error {
	var c config
	if err := c.read(os.Args[1]); err != nil {
		return err
	}
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	if err := c.enterRoot(n); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(FullName(n))); err != nil {
		return err
	}
	io.Copy(io.Discard, os.NewFile(statusPipe+1, "begin")) // until the cables are plugged in
	if err := configureNetwork(n); err != nil {
		return err
	}
	if err := startSSHD(); err != nil {
		return err
	}
	Report(Ready)
	reap()
	return nil
}

// enterRoot builds the node's file tree and makes it this mount namespace's only one.
func (c config) enterRoot(n int) error {
	node := c.path("nodes", Name(n))
	root := node + "/root"
	layers := fmt.Sprintf("lowerdir=/,upperdir=%[1]s/upper,workdir=%[1]s/work", node)
	m := &mounter{root: root}
	m.private()
	m.mount("overlay", "", "overlay", 0, layers)
	m.mount("proc", "/proc", "proc", 0, "")
	m.mount("sysfs", "/sys", "sysfs", 0, "")
	m.protectMachine()
	m.mount("tmpfs", "/dev", "tmpfs", 0, "mode=755,size=16m")
	m.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
	m.mount("tmpfs", "/tmp", "tmpfs", 0, "mode=1777")
	m.bind(node+"/srv", "/srv")
	m.devices(c.FirstLoop, n)
	for _, dir := range []string{"/run/lock", "/run/sshd", "/srv/ganeti/file-storage", "/srv/ganeti/shared-file-storage", "/srv/shared"} {
		m.mkdir(dir)
	}
	m.do(func() error { return os.Chmod(root+"/run/lock", 0o777|os.ModeSticky) })
	m.bind(c.path("shared"), "/srv/ganeti/shared-file-storage")
	m.bind(c.path("shared"), "/srv/shared")
	m.do(func() error { return pivot(root) })
	return m.err
}

// pivot makes root the root, and forgets the old one.
func pivot(root string) error {
	old := root + "/.old"
	if err := os.MkdirAll(old, 0o700); err != nil {
		return err
	}
	if err := syscall.PivotRoot(root, old); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return errors.Join(os.Chdir("/"), syscall.Unmount("/.old", syscall.MNT_DETACH), os.Remove("/.old"))
}

// mounter does one thing after the other below a root until one fails.
type mounter struct {
	root string
	err  error
}

func (m *mounter) do(f func() error) {
	if m.err == nil {
		m.err = f()
	}
}

func (m *mounter) private() {
	m.do(func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") })
}

func (m *mounter) mount(source, at, kind string, flags uintptr, data string) {
	m.do(func() error {
		if err := syscall.Mount(source, m.root+at, kind, flags, data); err != nil {
			return fmt.Errorf("mounting %s at %s/: %w", kind, at, err)
		}
		return nil
	})
}

func (m *mounter) bind(from, at string) { m.mount(from, at, "", syscall.MS_BIND, "") }

func (m *mounter) mkdir(dir string) {
	m.do(func() error { return os.MkdirAll(m.root+dir, 0o755) })
}

// protectMachine keeps a node from what would reach beyond it: powercycling through SysRq, and the kernel's settings apart
// from those of its own network.
func (m *mounter) protectMachine() {
	m.bind(m.root+"/proc/sys", "/proc/sys")
	m.mount("", "/proc/sys", "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if _, err := os.Stat(m.root + "/proc/sys/net"); err == nil {
		own := m.root + "/.net"
		m.do(func() error { return os.MkdirAll(own, 0o755) })
		m.mount("proc", "/.net", "proc", 0, "")
		m.bind(own+"/sys/net", "/proc/sys/net")
		m.do(func() error { return errors.Join(syscall.Unmount(own, syscall.MNT_DETACH), os.Remove(own)) })
	}
	if _, err := os.Stat(m.root + "/proc/sysrq-trigger"); err == nil {
		m.bind("/dev/null", "/proc/sysrq-trigger")
	}
}

// devices fills /dev. There is no kvm: guests run in software, whatever the machine could do.
func (m *mounter) devices(firstLoop, n int) {
	for _, dir := range []string{"pts", "shm", "net", "disk/by-id", "mapper"} {
		m.mkdir("/dev/" + dir)
	}
	m.mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=620")
	m.mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777")
	for _, d := range []struct {
		name         string
		major, minor int
	}{
		{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
		{"net/tun", 10, 200}, {"loop-control", 10, 237}, {"fuse", 10, 229},
	} {
		m.mknod(d.name, syscall.S_IFCHR|0o666, d.major, d.minor)
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		m.link(name, target)
	}
	for i := range sharedLUNs {
		m.mknod(fmt.Sprint("loop", firstLoop+i), syscall.S_IFBLK|0o660, 7, firstLoop+i)
		m.link(fmt.Sprint("disk/by-id/orc-lun", i), fmt.Sprint("../../loop", firstLoop+i))
	}
	var own []string
	for i := range nodeLoops { // the kernel makes the device itself when it is first opened
		loop := firstLoop + sharedLUNs + (n-1)*nodeLoops + i
		m.mknod(fmt.Sprint("loop", loop), syscall.S_IFBLK|0o660, 7, loop)
		own = append(own, strconv.Itoa(loop))
	}
	m.do(func() error {
		path := m.root + "/etc/orc/loops"
		return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(strings.Join(own, " ")+"\n"), 0o644))
	})
}

func (m *mounter) mknod(name string, mode uint32, major, minor int) {
	m.do(func() error {
		path := m.root + "/dev/" + name
		dev := minor&0xff | major<<8 | minor&^0xff<<12
		return errors.Join(syscall.Mknod(path, mode, dev), os.Chmod(path, os.FileMode(mode&0o777)))
	})
}

func (m *mounter) link(name, target string) {
	m.do(func() error { return os.Symlink(target, m.root+"/dev/"+name) })
}

// configureNetwork gives the node its addresses. br0 carries the primary one and is where guests attach; br1 is empty.
func configureNetwork(n int) error {
	err := IP("", fmt.Sprintf(`link set lo up
link set eth0 address 02:00:00:00:00:%02[1]x
link set eth1 address 02:00:00:00:01:%02[1]x
link add br0 type bridge forward_delay 0
link set eth0 master br0
link set eth0 up
link set br0 address 02:00:00:00:02:%02[1]x
addr add %[2]s/24 dev br0
link set br0 up
link add br1 type bridge forward_delay 0
link set br1 up
addr add %[3]s/24 dev eth1
link set eth1 up
route add default via %[4]s
`, n, Primary(n), Secondary(n), Outside))
	for range 200 { // the bridge notices a moment later that its cable has a signal
		if carrier, _ := os.ReadFile("/sys/class/net/br0/carrier"); err != nil || string(carrier) == "1\n" {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// startSSHD starts the node's own OpenSSH server and returns when it answers.
func startSSHD() error {
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = os.StartProcess("/usr/sbin/sshd", []string{"/usr/sbin/sshd", "-D", "-E", "/var/log/sshd.log"}, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{null, null, null},
	})
	if err != nil {
		return err
	}
	for range 1000 {
		conn, err := net.Dial("tcp", "127.0.0.1:22")
		if err == nil {
			return conn.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
	log, _ := os.ReadFile("/var/log/sshd.log")
	return fmt.Errorf("sshd does not answer: %s", log)
}

// reap takes in what the node's processes leave behind, for good. Signals from inside do not end a node: they have handlers
// here, which unlike an ignored signal are not passed on to children.
func reap() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGQUIT)
	for {
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
		<-signals
	}
}
