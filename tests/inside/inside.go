// Package inside is what tests and measurements do within a node of a lab beyond what commands offer: they fill the configuration,
// and submit jobs that depend on each other. A program that is to do so there is laid into the nodes under other names.
package inside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// CopySelf lays this program into a directory under another name.
func CopySelf(dir, name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), data, 0o755)
}

// Cluster is the configuration of this master with the way to the nodes.
type Cluster struct {
	Store *store.Store
	Pool  *remote.Pool
}

// Open reads the configuration of the node this runs on.
func Open() (*Cluster, error) {
	s, err := store.Open(config.DataDir)
	if err != nil {
		return nil, err
	}
	cfg, err := s.Load()
	if err != nil {
		return nil, err
	}
	return &Cluster{s, remote.NewPool(remote.Options{
		Hosts: func(name string) (remote.Host, error) {
			n := cfg.NodeByName(name)
			return remote.Host{Name: name, Address: n.PrimaryIP, Local: n.UUID == cfg.Cluster.MasterNode}, nil
		},
		KnownHosts: remote.KnownHosts{Cluster: config.DataDir + "/known_hosts", Alias: cfg.Cluster.ClusterName},
	})}, nil
}

// Update is a transaction. What it warns of is printed.
func (c *Cluster) Update(change func(*config.Config) error) error {
	commit, err := c.Store.Update(context.Background(), c.Pool, change)
	for _, w := range commit.Warnings {
		fmt.Fprintln(os.Stderr, w)
	}
	return err
}

// Fill makes the configuration have so many instances; each may be made larger.
func (c *Cluster) Fill(want int, enlarge func(*config.Instance)) error {
	return c.Update(func(cfg *config.Config) error {
		for i := len(cfg.Instances); i < want; i++ {
			inst := made(cfg, i)
			enlarge(inst)
			cfg.Instances = append(cfg.Instances, inst)
		}
		return nil
	})
}

// made is an instance as a diskless add leaves it, stopped. Its name is made1.example.com and so on.
func made(c *config.Config, i int) *config.Instance {
	return &config.Instance{
		UUID: config.NewUUID(), Name: fmt.Sprintf("made%d.example.com", i), PrimaryNode: c.Nodes[i%len(c.Nodes)].UUID, OS: "noop",
		Hypervisor: config.HVFake, AdminState: config.AdminDown, AdminStateSource: config.AdminSource, Stamp: config.NewStamp(time.Now()),
		NICs: []config.NIC{{UUID: config.NewUUID(), MAC: fmt.Sprintf("aa:00:01:%02x:%02x:%02x", i>>16, i>>8&255, i&255)}},
	}
}

// Queue is the job queue as the commands open it.
func (c *Cluster) Queue() (*job.Queue, error) {
	q, err := job.OpenQueue(config.DataDir + "/queue")
	if err != nil {
		return nil, err
	}
	q.Warn = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	q.Copy = job.CopyTo(c.Pool, func() ([]string, error) {
		cfg, err := c.Store.Load()
		if err != nil {
			return nil, err
		}
		var names []string
		for _, n := range cfg.MasterCandidates() {
			if !n.Offline && n.UUID != cfg.Cluster.MasterNode {
				names = append(names, n.Name)
			}
		}
		slices.Sort(names)
		return names, nil
	})
	return q, nil
}
