package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// paths are the places of this machine that a command looks at.
type paths struct {
	data    string // configuration, ssconf files, job queue
	sockets string // of Ganeti's daemons
	log     string
	memory  string // on no disk
}

var standardPaths = paths{data: "/var/lib/ganeti", sockets: "/run/ganeti/socket", log: "/var/log/ganeti", memory: "/run/ganeti/gantry/secrets"}

// cluster is what a command has opened of the cluster so far. Nothing is opened
// before it is asked for: help, mistakes and getmaster need no cluster.
type cluster struct {
	store *store.Store
	nodes *remote.Pool
	queue Queue
}

// DataDir is where the configuration and the job queue are.
func (env *Env) DataDir() string { return env.paths.data }

// Master reads the name of the master node where every node has it, without looking at the configuration.
func (env *Env) Master() (string, error) {
	path := filepath.Join(env.paths.data, "ssconf_master_node")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fault.New(fault.Configuration, "Can't read ssconf file %s: [Errno 2] No such file or directory: '%s'", path, path)
	}
	if err != nil {
		return "", fault.New(fault.Configuration, "Can't read ssconf file %s: %v", path, err)
	}
	return strings.TrimSpace(string(text)), nil
}

// OnMaster refuses unless this machine is the master of a cluster, and returns its name as a node.
func (env *Env) OnMaster() (string, error) {
	master, err := env.Master()
	if err != nil {
		return "", fault.Refuse(fault.WrongInput, "Cluster not initialized or this machine is not part of a cluster")
	}
	here, err := env.here(master)
	if err != nil {
		return "", err
	}
	if !here {
		return "", fault.Refuse(fault.WrongInput, "This is not the master node, please connect to node '%s' and rerun the command", master)
	}
	return master, nil
}

// IsMaster says whether this machine is the master of a cluster, as far as its own files know.
func (env *Env) IsMaster() (bool, error) {
	master, err := env.Master()
	if err != nil {
		return false, err
	}
	return env.here(master)
}

// here says whether a node is this machine, which may know itself by its full name or by the first label.
func (env *Env) here(node string) (bool, error) {
	myself, err := env.hostname()
	if err != nil {
		return false, fmt.Errorf("finding the name of this machine: %w", err)
	}
	return node == myself || strings.HasPrefix(node, myself+"."), nil
}

// Self is the name of this machine among the nodes of a configuration.
func (env *Env) Self(c *config.Config) (string, error) {
	for _, node := range c.Nodes {
		if here, err := env.here(node.Name); err != nil || here {
			return node.Name, err
		}
	}
	return "", fault.Refuse(fault.WrongState, "This machine is none of the cluster's nodes")
}

// LocalStore is the configuration that lies on this machine, whether it is the
// master, another candidate, or nothing yet.
func (env *Env) LocalStore() (*store.Store, error) {
	if env.cluster.store != nil {
		return env.cluster.store, nil
	}
	s, err := store.Open(env.paths.data)
	if err != nil {
		return nil, err
	}
	env.cluster.store = s
	return s, nil
}

// Store is the configuration of the cluster of which this machine is the master.
func (env *Env) Store() (*store.Store, error) {
	master, err := env.OnMaster()
	if err != nil {
		return nil, err
	}
	s, err := env.LocalStore()
	if err != nil {
		return nil, err
	}
	s.Node = master // so that it changes nothing if the configuration names another one
	return s, nil
}

// Config is the configuration as it is now. It is read once, and nobody may change it.
func (env *Env) Config() (*config.Config, error) {
	s, err := env.Store()
	if err != nil {
		return nil, err
	}
	c, err := s.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Configuration, "%s is missing, although this node is the master. Every master candidate has a copy of "+
			"the configuration: put the newest one in its place (epoch and serial are in its first lines)", s.File())
	}
	return c, err
}

// Nodes runs commands on the nodes of the configuration, by their names.
func (env *Env) Nodes() (*remote.Pool, error) {
	if env.cluster.nodes != nil {
		return env.cluster.nodes, nil
	}
	c, err := env.Config()
	if err != nil {
		return nil, err
	}
	return env.NodesOf(c), nil
}

// NodesOf is Nodes for a command that has a configuration without being on the
// master. All of a process's commands share one pool.
func (env *Env) NodesOf(c *config.Config) *remote.Pool {
	if env.cluster.nodes == nil {
		env.cluster.nodes = remote.NewPool(env.reach(c))
	}
	return env.cluster.nodes
}

// NodesAccepting is a way to the nodes of its own that, if told to, accepts host keys nobody vouches for and keeps them: what
// gnt-node add --no-ssh-key-check asks for. The caller closes it.
func (env *Env) NodesAccepting(accept bool) (*remote.Pool, error) {
	c, err := env.Config()
	if err != nil {
		return nil, err
	}
	options := env.reach(c)
	options.KnownHosts.AcceptNew = accept
	return remote.NewPool(options), nil
}

// reach says how the nodes of the configuration are reached. A node that was
// added after the configuration was read is looked for again.
func (env *Env) reach(c *config.Config) remote.Options {
	options := remote.Options{
		Hosts: func(name string) (remote.Host, error) {
			if node := c.NodeByName(name); node != nil {
				return env.host(c, node)
			}
			newer, err := env.Config()
			if err != nil {
				return remote.Host{}, err
			}
			if node := newer.NodeByName(name); node != nil {
				return env.host(newer, node)
			}
			return remote.Host{Name: name}, nil // about to be added: its name has to do
		},
		Agent:      env.getenv("SSH_AUTH_SOCK"),
		KnownHosts: remote.KnownHosts{Cluster: filepath.Join(env.paths.data, "known_hosts"), Alias: c.Cluster.ClusterName},
		MasterLog:  remote.DefaultMasterLog,
		NodeLog:    remote.DefaultNodeLog,
	}
	if c.Cluster.SSHIdentity != "" {
		options.Identity = []string{c.Cluster.SSHIdentity}
	}
	return options
}

func (env *Env) host(c *config.Config, node *config.Node) (remote.Host, error) {
	local, err := env.here(node.Name)
	return remote.Host{Name: node.Name, Address: node.PrimaryIP, Port: c.SSHPort(node), Local: local}, err
}

// Queue is the job queue of the cluster. It is opened without reading the configuration.
func (env *Env) Queue() (Queue, error) {
	if env.cluster.queue != nil {
		return env.cluster.queue, nil
	}
	q, err := env.JobQueue()
	if err != nil {
		return nil, err
	}
	env.cluster.queue = jobQueue{q}
	return env.cluster.queue, nil
}

// JobQueue is the queue itself, for the commands that are about jobs.
func (env *Env) JobQueue() (*job.Queue, error) {
	if _, err := env.OnMaster(); err != nil {
		return nil, err
	}
	return env.LocalQueue()
}

// LocalQueue is the queue that lies on this machine, whether it is the master or not yet.
func (env *Env) LocalQueue() (*job.Queue, error) {
	q, err := job.OpenQueue(filepath.Join(env.paths.data, "queue"))
	if err != nil {
		return nil, err
	}
	q.Warn = func(format string, args ...any) { env.log("WARNING", format, args...) }
	q.Memory = env.paths.memory
	q.Output = filepath.Join(env.paths.log, "jobs.log")
	q.Copy = func(ctx context.Context, path string, data []byte) (copies, peers int) {
		nodes, err := env.Nodes()
		if err != nil {
			return 0, 0
		}
		return job.CopyTo(nodes, env.otherCandidates)(ctx, path, data)
	}
	return q, nil
}

// otherCandidates are the master candidates besides this machine that are not offline.
func (env *Env) otherCandidates() ([]string, error) {
	c, err := env.Config()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, node := range c.MasterCandidates() {
		if !node.Offline && node.UUID != c.Cluster.MasterNode {
			names = append(names, node.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Fenced fails when another master has taken over, or Ganeti itself is in charge. Commands that change something on nodes without a
// job ask it first.
func (env *Env) Fenced(ctx context.Context) error {
	if err := env.Alone(); err != nil {
		return err
	}
	s, err := env.Store()
	if err != nil {
		return err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return err
	}
	return s.Fence(ctx, nodes, store.Look)
}

// Alone refuses to change anything while Ganeti itself is in charge of this
// machine: two control planes would undo each other's work.
func (env *Env) Alone() error {
	if _, err := os.Lstat(filepath.Join(env.paths.data, "config.data")); err == nil {
		return fault.Refuse(fault.WrongState, "Ganeti's own configuration is in use on this machine (%s/config.data); nothing is changed beside it",
			env.paths.data)
	}
	for _, daemon := range []string{"ganeti-master", "ganeti-query"} {
		conn, err := net.DialTimeout("unix", filepath.Join(env.paths.sockets, daemon), time.Second)
		if err == nil {
			conn.Close()
			return fault.Refuse(fault.WrongState, "Ganeti's daemons are running on this machine; nothing is changed beside them")
		}
	}
	return nil
}

// close gives back what was opened.
func (env *Env) close() {
	if env.cluster.nodes != nil {
		_ = env.cluster.nodes.Close() // everything that mattered has been answered
	}
}
