// Package lab makes clusters of nodes on one machine. A node is a set of Linux namespaces: its own root (an overlay over
// the machine's), host name, process table, /dev, /run, two network interfaces, and a real OpenSSH server on port 22.
//
// A lab is three generations of processes, all this same executable, told apart by the first word of their command line:
//
//	keeper   holds the lab's directory and its lock; outlives whoever started it, unless told otherwise
//	  world  has the lab's network: two bridges and the outside address; starts and stops nodes
//	    init process 1 of a node
//
// Each dies with the one above it, and what it holds (mounts, networks, loop devices) goes with it, so that nothing is left
// of a lab whose processes were killed, except its directory, which the other of keeper and world removes, or else the next
// lab that is started.
package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Trust says what the nodes know of each other when the lab starts.
type Trust string

const (
	TrustAll  Trust = "all"  // root's key everywhere and every host key in /etc/ssh/ssh_known_hosts, as configuration management leaves it
	TrustKey  Trust = "key"  // root's key everywhere, no host key known
	TrustNone Trust = "none" // neither
)

// Options describe a lab. The zero value is three nodes that trust each other.
type Options struct {
	Nodes    int      // 0 means 3
	Bin      string   // what is installed in the nodes: a tree as made by make install, or a directory of binaries
	Files    []string // further trees laid over every node's root, later ones over earlier ones
	Trust    Trust    // "" means TrustAll
	HostKeys []string // types of host keys; nil means ed25519 alone
	ID       string   // labs with different ids run side by side; "" is the one that plain commands mean
	Dir      string   // where everything is kept; "" means a directory named after ID in the temporary directory
	Mirror   bool     // let nodes and guests reach this machine's Debian mirror at MirrorURL
}

// Lab is a running lab.
type Lab struct{ Controls }

func (o Options) complete() (Options, error) {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		return o, fmt.Errorf("a lab has 1 to %d nodes, not %d", maxNodes, o.Nodes)
	}
	if o.Trust == "" {
		o.Trust = TrustAll
	}
	if o.Trust != TrustAll && o.Trust != TrustKey && o.Trust != TrustNone {
		return o, fmt.Errorf("unknown trust %q", o.Trust)
	}
	if len(o.HostKeys) == 0 {
		o.HostKeys = []string{"ed25519"}
	}
	var err error
	for i, dir := range o.Files {
		if o.Files[i], err = filepath.Abs(dir); err != nil {
			return o, err
		}
	}
	if o.Bin != "" {
		if o.Bin, err = filepath.Abs(o.Bin); err != nil {
			return o, err
		}
	}
	o.Dir, err = directory(o.ID, o.Dir)
	return o, err
}

const dirPrefix = "gantry-lab"

// directory is where a lab keeps itself. Its name ends up in the options of an overlay mount, which gives ':' and ',' a meaning.
func directory(id, dir string) (string, error) {
	if dir == "" {
		dir = filepath.Join(os.TempDir(), dirPrefix)
		if id != "" {
			dir += "-" + id
		}
	}
	dir, err := filepath.Abs(dir)
	if err == nil && strings.ContainsAny(dir, ":,\\ \n") {
		err = fmt.Errorf("a lab cannot live in %q: the path holds a special character", dir)
	}
	return dir, err
}

// State is what the world tells everybody else, in state.json.
type State struct {
	World int            // process id
	Nodes map[string]int // process 1 of every node, as the machine numbers it; 0 is a node without power
}

func (s State) Write(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	fresh := filepath.Join(dir, "state.json.new")
	if err := os.WriteFile(fresh, text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, filepath.Join(dir, "state.json"))
}

func ReadState(dir string) (s State, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// isLab tells whether a directory is one that a lab made.
func isLab(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "lab.json"))
	return err == nil
}

// Attach finds a lab that runs already.
func Attach(id, dir string) (*Lab, error) {
	dir, err := directory(id, dir)
	if err != nil {
		return nil, err
	}
	if !isLab(dir) {
		return nil, ErrNotUp
	}
	lock, err := LockDir(dir)
	if err == nil {
		lock.Close()
		return nil, ErrNotUp // left behind: nobody holds it
	}
	l := &Lab{}
	l.Controls, err = NewControls(dir, l, RunLimit)
	return l, err
}
