// Command demo shows the main job from bare machines to a removed instance, in a lab of three nodes on this machine: every
// command as an operator types it, and what it prints. Its exit status is that of the worst step.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gantry/tests/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status, err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// run starts the lab, shows the steps, and leaves nothing behind.
func run(ctx context.Context) (status int, err error) {
	work, err := os.MkdirTemp("", "gantry-demo-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(work)
	tree, site := filepath.Join(work, "tree"), filepath.Join(work, "site")
	if err := lab.Install(tree); err != nil {
		return 1, err
	}
	guest, err := prepareSite(site)
	if err != nil {
		return 1, err
	}
	l, err := lab.Up(lab.Options{Nodes: 3, ID: "demo", Bin: tree, Files: []string{site}, Mirror: true}, true)
	if err != nil {
		return 1, fmt.Errorf("starting the lab: %w", err)
	}
	defer func() { err = errors.Join(err, lab.Down("demo", "")) }()
	d := &demo{ctx: ctx, lab: l, guest: guest}
	for _, s := range d.steps() {
		if ctx.Err() != nil {
			return max(d.worst, 130), ctx.Err()
		}
		d.show(s)
	}
	d.sum()
	return d.worst, nil
}

// boot is the kernel and the initial RAM disk that the guest is started with: the machine's newest of Debian's.
type boot struct{ kernel, initrd string }

// prepareSite writes what a site's configuration management would: where the OS definition finds packages, and how it lays
// out the disk.
func prepareSite(dir string) (boot, error) {
	kernels, _ := filepath.Glob("/boot/vmlinuz-*-cloud-amd64")
	if len(kernels) == 0 {
		return boot{}, errors.New("no Debian cloud kernel in /boot: run tests/needs")
	}
	kernel := kernels[len(kernels)-1]
	b := boot{kernel: kernel, initrd: strings.Replace(kernel, "vmlinuz-", "initrd.img-", 1)}
	if _, err := os.Stat(b.initrd); err != nil {
		return boot{}, err
	}
	file := filepath.Join(dir, "etc/default/ganeti-instance-debootstrap")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return boot{}, err
	}
	return b, os.WriteFile(file, []byte("MIRROR="+lab.MirrorURL+"\nPARTITION_STYLE=none\nGENERATE_CACHE=yes\nCLEAN_CACHE=14\n"), 0o644)
}

// step is one thing to show: a command on node1, or something the demo does itself.
type step struct {
	what    string
	command string
	do      func() error
	check   func(output string) error
}

// demo is the state of one run.
type demo struct {
	ctx    context.Context
	lab    *lab.Lab
	guest  boot
	worst  int
	done   []string // what was shown, with its time
	uptime float64  // the guest's, before it moved
}

const instance = "inst1.example.com"

func (d *demo) steps() []step {
	return []step{
		{what: "init", command: "gnt-cluster init --master-netdev br0 --nic-parameters link=br0 --secondary-ip 198.51.100.11 " +
			"--enabled-hypervisors kvm --enabled-disk-templates sharedfile,file,diskless --mac-prefix 06:66:38 --no-etc-hosts cluster.example.com"},
		{command: fmt.Sprintf("gnt-cluster modify -H kvm:kvm_path=/usr/bin/qemu-system-x86_64,serial_console=true,kernel_path=%s,initrd_path=%s,root_path=/dev/vda",
			d.guest.kernel, d.guest.initrd)},
		{command: "gnt-cluster modify -H kvm:migration_bandwidth=950 -H kvm:migration_downtime=500"},
		{command: "gnt-cluster modify --ipolicy-bounds-specs max:cpu-count=16,disk-count=16,disk-size=1048576,memory-size=65536,nic-count=8,spindle-use=12" +
			"/min:cpu-count=1,disk-count=1,disk-size=1024,memory-size=128,nic-count=1,spindle-use=1"},
		{what: "node add", command: "gnt-node add --secondary-ip 198.51.100.12 --no-ssh-key-check --no-node-setup node2.example.com"},
		{command: "gnt-node add --secondary-ip 198.51.100.13 --no-ssh-key-check --no-node-setup node3.example.com"},
		{command: "gnt-node list", check: has("node3.example.com")},
		{what: "network", command: "gnt-network add --network 192.0.2.0/24 --gateway 192.0.2.254 --add-reserved-ips 192.0.2.9 lan"},
		{command: "gnt-network connect --nic-parameters=link=br0 lan default"},
		{what: "instance add", command: "gnt-instance add -o debootstrap+bookworm -t sharedfile -n node1 --net 0:ip=pool,network=lan --disk 0:size=2G " +
			"--backend-parameters memory=512m,vcpus=1 --no-ip-check --no-name-check " + instance},
		{what: "boot to login", do: d.waitForLogin},
		{command: "gnt-instance list", check: has("running")},
		{command: "gnt-instance info " + instance, check: has("actual state is up")},
		{do: d.readUptime},
		{what: "live migration", command: "gnt-instance migrate -f " + instance},
		{what: "the guest kept running", do: d.keptRunning},
		{what: "failover", command: "gnt-instance failover -f --shutdown-timeout=10 " + instance},
		{command: "gnt-instance list -o name,pnode,status", check: has("running")},
		{what: "verify", command: "gnt-cluster verify"},
		{command: "gnt-job list", check: has("INSTANCE_MIGRATE(" + instance + ")")},
		{what: "remove", command: "gnt-instance remove -f --shutdown-timeout=1 " + instance},
		{command: "gnt-instance list --no-headers", check: empty},
	}
}

// show runs a step, prints it as an operator would see it, and notes its time.
func (d *demo) show(s step) {
	began := time.Now()
	status := 0
	if s.do != nil {
		if err := s.do(); err != nil {
			fmt.Println("FAILED:", err)
			status = 1
		}
	} else {
		status = d.enter(s)
	}
	d.worst = max(d.worst, status)
	took := time.Since(began).Round(10 * time.Millisecond)
	word := ""
	if status != 0 {
		word = fmt.Sprintf(" FAILED with %d", status)
	}
	fmt.Printf("(%v%s)\n\n", took, word)
	if s.what != "" {
		d.done = append(d.done, fmt.Sprintf("%s %v%s", s.what, took, word))
	}
}

// enter types a command on node1 and gives its exit status.
func (d *demo) enter(s step) int {
	fmt.Println("root@node1:~#", s.command)
	ctx, cancel := context.WithTimeout(d.ctx, 15*time.Minute)
	defer cancel()
	result, err := d.lab.Do(ctx, "node1", s.command)
	fmt.Print(result.Stdout, result.Stderr)
	if err != nil {
		fmt.Println("demo:", err)
		return 1
	}
	if s.check != nil && result.Status == 0 {
		if err := s.check(result.Stdout); err != nil {
			fmt.Println("demo:", err)
			return 1
		}
	}
	return result.Status
}

func (d *demo) sum() {
	fmt.Println("Shown:", strings.Join(d.done, ", ")+".")
}

func has(words string) func(string) error {
	return func(output string) error {
		if strings.Contains(output, words) {
			return nil
		}
		return fmt.Errorf("the output lacks %q", words)
	}
}

func empty(output string) error {
	if strings.TrimSpace(output) == "" {
		return nil
	}
	return errors.New("the output should be empty")
}
