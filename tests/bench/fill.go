package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/remote"
)

// What this program is called inside the lab.
const (
	fillName     = "bench-fill"     // fills the configuration
	transactName = "bench-transact" // measures transactions
)

// opened is the configuration of this master with the way to the candidates.
type opened struct {
	store *store.Store
	pool  *remote.Pool
}

func open() (*opened, error) {
	s, err := store.Open(config.DataDir)
	if err != nil {
		return nil, err
	}
	cfg, err := s.Load()
	if err != nil {
		return nil, err
	}
	return &opened{s, remote.NewPool(remote.Options{
		Hosts: func(name string) (remote.Host, error) {
			n := cfg.NodeByName(name)
			return remote.Host{Name: name, Address: n.PrimaryIP, Local: n.UUID == cfg.Cluster.MasterNode}, nil
		},
		KnownHosts: remote.KnownHosts{Cluster: config.DataDir + "/known_hosts", Alias: cfg.Cluster.ClusterName},
	})}, nil
}

func (o *opened) update(change func(*config.Config) error) error {
	c, err := o.store.Update(context.Background(), o.pool, change)
	if err == nil && len(c.Warnings) > 0 {
		err = fmt.Errorf("%v", c.Warnings)
	}
	return err
}

// fill makes the configuration have as many instances as asked for, none of them real.
func fill() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s NUMBER", fillName)
	}
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	o, err := open()
	if err != nil {
		return err
	}
	defer o.pool.Close()
	return o.update(func(c *config.Config) error {
		for i := len(c.Instances); i < want; i++ {
			c.Instances = append(c.Instances, made(c, i))
		}
		return nil
	})
}

// made is an instance as a diskless add leaves it, stopped.
func made(c *config.Config, i int) *config.Instance {
	return &config.Instance{
		UUID: config.NewUUID(), Name: fmt.Sprintf("made%d.example.com", i), PrimaryNode: c.Nodes[i%len(c.Nodes)].UUID, OS: "noop",
		Hypervisor: config.HVFake, AdminState: config.AdminDown, AdminStateSource: config.AdminSource, Stamp: config.NewStamp(time.Now()),
		NICs: []config.NIC{{UUID: config.NewUUID(), MAC: fmt.Sprintf("aa:00:01:%02x:%02x:%02x", i>>16, i>>8&255, i&255)}},
	}
}

// transact prints, some times, how long a transaction took and how long one SFTP put with fsync of the same text to one candidate,
// in microseconds. Both over connections that are open already; the transaction changes nothing that ssconf files show.
func transact() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: %s TIMES NODE", transactName)
	}
	times, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	o, err := open()
	if err != nil {
		return err
	}
	defer o.pool.Close()
	text, err := os.ReadFile(o.store.File())
	if err != nil {
		return err
	}
	for i := range times + 1 {
		began := time.Now()
		if err := o.update(func(c *config.Config) error {
			c.Instances[i%len(c.Instances)].SerialNo++
			return nil
		}); err != nil {
			return err
		}
		took := time.Since(began)
		began = time.Now()
		file, err := o.pool.Stage(context.Background(), os.Args[2], "/root/bench", text, 0o600)
		if err != nil {
			return err
		}
		put := time.Since(began)
		if _, err := o.pool.Run(context.Background(), os.Args[2], remote.Command("rm", file)); err != nil {
			return err
		}
		if i > 0 { // the first one connected
			fmt.Println(took.Microseconds(), put.Microseconds())
		}
	}
	return nil
}
