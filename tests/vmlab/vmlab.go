// Package vmlab makes clusters of virtual machines on one machine, for what namespaces cannot have: LVM, DRBD, VLANs, Open
// vSwitch, a kernel that crashes alone. A node is a qemu process (full emulation, no /dev/kvm) with Debian's kernel, two
// network cards, disks for volume groups and a real OpenSSH server. Names, addresses, words and the layout of a lab's directory
// are those of package lab.
//
// A lab is one process, the keeper, this same executable under another name. It has a network of its own (two bridges as wires,
// a third one by which the lab itself reaches the nodes) and starts the machines. They die with it; their disks are files without
// a name that it holds open, so that nothing is left of a lab that was killed but a small directory, which the next one removes.
//
// What the machines start from is built once of Debian packages (build.sh) and kept in a cache; see image.go.
package vmlab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gantry/tests/lab"
)

// Options describe a lab. The zero value is three nodes that trust each other.
type Options struct {
	Nodes    int       // 0 means 3
	Bin      string    // what is installed in the nodes: a tree as made by make install, or a directory of binaries
	Files    []string  // further trees laid over every node's root, later ones over earlier ones
	Trust    lab.Trust // "" means lab.TrustAll
	HostKeys []string  // types of host keys; nil means ed25519 alone
	ID       string    // labs with different ids run side by side; "" is the one that plain commands mean
	Dir      string    // where everything is kept; "" means a directory named after ID in the temporary directory
	Memory   int       // of a node, in MiB; 0 means 1280
	Disks    int       // how many disks vg_ganeti has; 0 means 1
	HDD      []int     // the nodes that have vg_ganeti_hdd too; nil means 1 and 2
	OVS      bool      // the bridge that carries the primary network is one of Open vSwitch; a node has two processors then
	Systemd  bool      // process 1 is systemd, else a small init
	UML      bool      // the nodes are user mode Linux, not emulated, and do not restart by themselves; GANTRY_UML=1 says so for all labs that can be
	Domain   string    // "" means example.com
	Master   bool      // one more machine, named master, at 192.0.2.1: as the records were made
	Bridge   string    // the bridge that carries the primary network; "" means br0
}

const (
	maxNodes   = 9
	masterName = "master"
	diskSize   = 24 << 30 // sparse; Ganeti wants volume groups of at least 20 GiB
	lunSize    = 64 << 20
	sharedLUNs = 2

	// The lab's own way into the nodes: nobody's address, and not one that they can reach each other by.
	controlNet  = "203.0.113."
	controlPort = "2222"
)

func (o Options) complete() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, fmt.Errorf("a lab of virtual machines has 1 to %d nodes, not %d", maxNodes, o.Nodes)
	}
	if o.Memory == 0 {
		o.Memory = 1280
	}
	if o.Disks == 0 {
		o.Disks = 1
	}
	if os.Getenv("GANTRY_UML") == "1" && !o.OVS && !o.Systemd {
		o.UML = true
	}
	if o.HDD == nil {
		o.HDD = []int{1, 2}
	}
	if o.Domain == "" {
		o.Domain = lab.Domain
	}
	for i, dir := range o.Files {
		var err error
		if o.Files[i], err = filepath.Abs(dir); err != nil {
			return o, err
		}
	}
	if o.Bin != "" {
		var err error
		if o.Bin, err = filepath.Abs(o.Bin); err != nil {
			return o, err
		}
	}
	var err error
	o.Dir, err = directory(o.ID, o.Dir)
	return o, err
}

// machines is how many there are: the master is the last one.
func (o Options) machines() int {
	if o.Master {
		return o.Nodes + 1
	}
	return o.Nodes
}

// name is what machine n is called.
func (o Options) name(n int) string {
	if n > o.Nodes {
		return masterName
	}
	return lab.Name(n)
}

// primary and secondary are the addresses of machine n.
func (o Options) primary(n int) string {
	if n > o.Nodes {
		return "192.0.2.1"
	}
	return lab.Primary(n)
}

func (o Options) secondary(n int) string {
	if n > o.Nodes {
		return "198.51.100.1"
	}
	return lab.Secondary(n)
}

// bridge is the one that carries the primary network of machine n.
func (o Options) bridge(n int) string {
	if n > o.Nodes {
		return "vml-pri" // as in the records
	}
	return "br0"
}

// number reads a machine's name, short or full.
func (o Options) number(node string) (int, error) {
	short, _, _ := strings.Cut(node, ".")
	if short == masterName && o.Master {
		return o.Nodes + 1, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(short, "node"))
	if err != nil || !strings.HasPrefix(short, "node") || n < 1 || n > o.Nodes {
		return 0, fmt.Errorf("no such node: %q", node)
	}
	return n, nil
}

// control is the address by which the lab reaches machine n.
func control(n int) string { return controlNet + strconv.Itoa(10+n) }

const dirPrefix = "gantry-vmlab"

// directory is where a lab keeps itself.
func directory(id, dir string) (string, error) {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), dirPrefix)
		if id != "" {
			dir += "-" + id
		}
	}
	dir, err := filepath.Abs(dir)
	if err == nil && len(dir) > 70 { // sockets lie in it, and their names are short
		err = fmt.Errorf("a lab cannot live in %q: the path is too long", dir)
	}
	return dir, err
}

// Lab is a running lab.
type Lab struct {
	lab.Controls
	config
}

// Attach finds a lab that runs already.
func Attach(id, dir string) (*Lab, error) {
	dir, err := directory(id, dir)
	if err != nil {
		return nil, err
	}
	var l Lab
	if err := l.read(dir); err != nil {
		return nil, lab.ErrNotUp
	}
	lock, err := lab.LockDir(dir)
	if err == nil {
		lock.Close()
		return nil, lab.ErrNotUp // left behind: nobody holds it
	}
	l.Controls, err = lab.NewControls(dir, &l, runLimit)
	return &l, err
}

// Number implements lab.Kind.
func (l *Lab) Number(node string) (int, error) { return l.number(node) }

// Cable takes the port out of the switch: a card of user mode Linux is dead once its port was down.
func (l *Lab) Cable(net, way string) string {
	if way == "down" {
		return "nomaster"
	}
	return "master " + net
}
