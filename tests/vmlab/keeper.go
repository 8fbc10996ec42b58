package vmlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gantry/tests/lab"
)

const keeperName = "gantry-vmlab-keeper"

func init() { lab.Role(keeperName, keep) }

// config is a lab as its own processes know it, kept in vmlab.json.
type config struct {
	Options
	Keeper int // process id
}

func (c *config) read(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "vmlab.json"))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, c)
}

// order is what a keeper is told on its standard input.
type order struct {
	Options
	Image  Image
	Kernel string // the folder of user mode Linux
	Tied   bool
}

// Up starts a lab. With tied set it ends when the calling process does, however that ends; else only by Down. say tells what
// takes long.
func Up(o Options, tied bool, say func(string)) (*Lab, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := checkTools(); err != nil {
		return nil, err
	}
	image, err := FindImage(say) // here, on the machine's own network
	if err != nil {
		return nil, err
	}
	uml := ""
	if o.UML {
		if uml, err = findUML(say); err != nil {
			return nil, err
		}
	}
	kernel := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := lab.Spawn(keeperName, order{o, image, uml, tied}, tied, kernel); err != nil {
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	return Attach(o.ID, o.Dir)
}

func checkTools() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab needs root")
	}
	for tool, pkg := range map[string]string{
		"ip": "iproute2", "nsenter": "util-linux", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "qemu-system-x86_64": "qemu-system-x86",
		"qemu-img": "qemu-utils", "debootstrap": "debootstrap", "mkfs.ext4": "e2fsprogs", "busybox": "busybox-static", "/usr/sbin/sshd": "openssh-server",
	} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("a lab of virtual machines needs %s (Debian package %s)", tool, pkg)
		}
	}
	return nil
}

// keeper is the state of the process that has a lab's network and disks, and whose children are the machines.
type keeper struct {
	config
	image    Image
	kernel   string
	mu       sync.Mutex
	machines map[int]*machine
	running  map[int]*process
	over     bool        // its directory goes
	fork     chan func() // what must run on the main thread: starting children, which die with it
}

// machine is what stays of a node without power.
type machine struct {
	disks []disk
	seeds string
}

// process is a machine that has power.
type process struct {
	pid   int
	ended chan struct{} // closed when qemu has ended
	said  strings.Builder
}

// keep owns the directory of a lab from its first file to its removal.
func keep() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	sweep()
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	k := &keeper{
		config: config{o.Options, os.Getpid()}, image: o.Image, kernel: o.Kernel, machines: map[int]*machine{}, running: map[int]*process{}, fork: make(chan func()),
	}
	if k.read(o.Dir) != nil { // what is not a lab's is not touched: in the end the directory is removed
		if list, err := os.ReadDir(o.Dir); err != nil || len(list) > 0 {
			return fmt.Errorf("%s is not empty", o.Dir)
		}
	}
	k.config = config{o.Options, os.Getpid()}
	lock, err := lab.LockDir(o.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	return errors.Join(k.run(o.Tied), os.RemoveAll(o.Dir))
}

// run prepares everything, has all machines started and stays until the lab is to end.
func (k *keeper) run(tied bool) error {
	if err := errors.Join(k.prepare(), k.network()); err != nil {
		return err
	}
	if k.UML {
		shortSlices()
	}
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if tied {
		go func() {
			lab.Untied()
			stop <- syscall.SIGTERM
		}()
	}
	failed := make(chan error, 1)
	go k.serve(failed)
	defer k.end()
	for {
		select {
		case f := <-k.fork:
			f()
		case err := <-failed:
			return err
		case <-stop:
			return nil
		}
	}
}

// prepare makes the lab's keys and the machines' disks.
func (k *keeper) prepare() error {
	text, err := json.Marshal(k.config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(k.Dir, "vmlab.json"), text, 0o644); err != nil {
		return err
	}
	if err := lab.Keygen("ed25519", filepath.Join(k.Dir, "control_key"), "lab"); err != nil {
		return err
	}
	tree, err := k.prepareSeeds()
	if err != nil {
		return err
	}
	trees := []*os.File{tree}
	if k.UML {
		modules, err := os.Open(filepath.Join(k.kernel, "modules.tar"))
		if err != nil {
			return err
		}
		trees = append(trees, modules)
	}
	var luns []*os.File
	for range sharedLUNs {
		f, err := k.nameless(lunSize)
		if err != nil {
			return err
		}
		luns = append(luns, f)
	}
	for n := 1; n <= k.Options.machines(); n++ {
		m := &machine{}
		if err := os.MkdirAll(filepath.Join(k.Dir, "nodes", k.name(n)), 0o755); err != nil {
			return err
		}
		if m.disks, _, m.seeds, err = k.config.disks(n, luns, k.image, trees); err != nil {
			return err
		}
		k.machines[n] = m
	}
	return nil
}

// network makes the wires, and a port for each machine. On the lab's own wire machines do not hear each other.
func (k *keeper) network() error {
	lines := "link set lo up\n"
	for i, net := range nets {
		address := []string{lab.Outside + "/24", "198.51.100.254/24", controlNet + "126/25"}[i]
		lines += fmt.Sprintf("link add %[1]s type bridge forward_delay 0 mcast_snooping 0\naddr add %[2]s dev %[1]s\nlink set %[1]s up\n", net, address)
	}
	for n := 1; n <= k.Options.machines(); n++ {
		for _, net := range nets {
			lines += fmt.Sprintf("tuntap add %[1]s%[2]d mode tap\nlink set %[1]s%[2]d master %[1]s up\n", net, n)
		}
		lines += fmt.Sprintf("link set ctl%d type bridge_slave isolated on\n", n)
	}
	os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0o644) // less noise; a kernel may lack it
	return lab.IP("", lines)
}

// serve starts all machines, says that the lab is up and then does what the lab's commands ask for.
func (k *keeper) serve(failed chan<- error) {
	n := k.Options.machines()
	errs := make([]error, n)
	lab.Each(n, func(n int) { errs[n-1] = k.start(n) })
	control, err := net.Listen("unix", filepath.Join(k.Dir, "control"))
	if err := errors.Join(append(errs, err, k.publish())...); err != nil {
		failed <- err
		return
	}
	lab.Report(lab.Ready)
	lab.Serve(control, k.number, lab.Verbs{"start": k.start, "kill": k.kill}, k.publish)
}

// publish tells the lab's commands who runs, as long as the lab does.
func (k *keeper) publish() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return nil
	}
	s := lab.State{World: os.Getpid(), Nodes: map[string]int{}}
	for n := 1; n <= k.Options.machines(); n++ {
		s.Nodes[k.name(n)] = 0
		if p := k.running[n]; p != nil {
			s.Nodes[k.name(n)] = p.pid
		}
	}
	return s.Write(k.Dir)
}

// bootLimit is how long a node may take to be ready, on a machine that has much else to do.
const bootLimit = 6 * time.Minute

// start gives machine n power and returns when it can be logged in to.
func (k *keeper) start(n int) error {
	k.mu.Lock()
	running := k.running[n] != nil
	k.mu.Unlock()
	if running {
		return fmt.Errorf("%s runs already", k.name(n))
	}
	p, err := k.launch(n)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.running[n] = p
	k.mu.Unlock()
	up := make(chan struct{})
	go k.connect(n, p, up)
	select {
	case <-up:
		return nil
	case <-p.ended:
	case <-time.After(bootLimit):
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	log, _ := os.ReadFile(filepath.Join(k.Dir, "nodes", k.name(n), "console.log"))
	<-p.ended
	return fmt.Errorf("%s does not start: %s%s", k.name(n), p.said.String(), log[max(0, len(log)-2000):])
}

// launch starts qemu.
func (k *keeper) launch(n int) (*process, error) {
	m := k.machines[n]
	argv := k.config.argv(n, k.image, m.disks, m.seeds)
	if k.UML {
		argv = k.config.umlArgv(n, k.image, k.kernel, m.disks, m.seeds)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	p := &process{ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if k.UML {
		console, err := os.Create(filepath.Join(k.Dir, "nodes", k.name(n), "console.log"))
		if err != nil {
			return nil, err
		}
		defer console.Close()
		cmd.Stdout, cmd.Stderr = console, console
		cmd.Env = append(os.Environ(), "TMPDIR="+inMemory) // its memory is a file there
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID  // its processes are some of this machine's, and end with it
	}
	if err := k.child(cmd); err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	if k.UML {
		k.config.pin(n, p.pid)
	}
	go func() {
		cmd.Wait() // how it ended nobody asks
		k.mu.Lock()
		if k.running[n] == p {
			delete(k.running, n)
		}
		k.mu.Unlock()
		k.publish()
		close(p.ended)
	}()
	return p, nil
}

// child starts a process that dies with this one.
func (k *keeper) child(cmd *exec.Cmd) (err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	done := make(chan struct{})
	k.fork <- func() {
		err = cmd.Start()
		close(done)
	}
	<-done
	return err
}

// connect holds a connection to a machine, which all commands in it share, as long as it runs: after it was started anew by
// itself, another one. up is closed when there is the first.
func (k *keeper) connect(n int, p *process, up chan struct{}) {
	socket := k.socket(n)
	argv := append([]string{"-M", "-N", "-S", socket, "-i", filepath.Join(k.Dir, "control_key"), "-p", controlPort}, sshOptions...)
	for {
		os.Remove(socket)
		cmd := exec.Command("ssh", append(argv, "root@"+control(n))...)
		if k.child(cmd) != nil {
			return
		}
		ended := make(chan struct{})
		go func() {
			cmd.Wait()
			close(ended)
		}()
		for alive := true; alive; {
			select {
			case <-p.ended:
				cmd.Process.Kill()
				<-ended
				os.Remove(socket)
				return
			case <-ended:
				alive = false
			case <-time.After(100 * time.Millisecond):
				if _, err := os.Stat(socket); err == nil && up != nil {
					close(up)
					up = nil
				}
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// sshOptions are those of the lab's own connections: no file of the user's takes part.
var sshOptions = []string{
	"-F", "none", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
	"-o", "BatchMode=yes", "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=60",
}

// socket is where the connection to machine n is shared.
func (c config) socket(n int) string { return filepath.Join(c.Dir, "ctl"+strconv.Itoa(n)) }

// kill takes machine n's power away.
func (k *keeper) kill(n int) error {
	k.mu.Lock()
	p := k.running[n]
	k.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%s has no power", k.name(n))
	}
	syscall.Kill(p.pid, syscall.SIGKILL)
	<-p.ended
	return nil
}

// end stops every machine.
func (k *keeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.over = true
	for _, p := range k.running {
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
}

// sweep removes what is left of labs that were killed.
func sweep() {
	list, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPrefix+"*"))
	more, _ := filepath.Glob(filepath.Join(inMemory, dirPrefix+"*"))
	for _, dir := range append(list, more...) {
		var c config
		if c.read(dir) != nil {
			continue
		}
		if lock, err := lab.LockDir(dir); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
}

// Down ends a lab and waits until nothing of it is left.
func Down(id, dir string) error {
	dir, err := directory(id, dir)
	if err != nil {
		return err
	}
	var c config
	if c.read(dir) != nil {
		return lab.ErrNotUp
	}
	if lock, err := lab.LockDir(dir); err == nil {
		defer lock.Close()
		return os.RemoveAll(dir)
	}
	if err := syscall.Kill(c.Keeper, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for range 600 {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the lab in %s did not end", dir)
}
