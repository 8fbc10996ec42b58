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

// fillName is what this program is called inside the lab, where it fills the configuration.
const fillName = "bench-fill"

// fill makes the configuration of this master have as many instances as asked for, none of them real.
func fill(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: %s NUMBER", fillName)
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	s, err := store.Open(config.DataDir)
	if err != nil {
		return err
	}
	cfg, err := s.Load()
	if err != nil {
		return err
	}
	pool := remote.NewPool(remote.Options{
		Hosts: func(name string) (remote.Host, error) {
			n := cfg.NodeByName(name)
			return remote.Host{Name: name, Address: n.PrimaryIP, Local: n.UUID == cfg.Cluster.MasterNode}, nil
		},
		KnownHosts: remote.KnownHosts{Cluster: config.DataDir + "/known_hosts", Alias: cfg.Cluster.ClusterName},
	})
	defer pool.Close()
	_, err = s.Update(context.Background(), pool, func(c *config.Config) error {
		for i := len(c.Instances); i < want; i++ {
			c.Instances = append(c.Instances, made(c, i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, want, "instances")
	return err
}

// made is an instance as a diskless add leaves it, stopped.
func made(c *config.Config, i int) *config.Instance {
	return &config.Instance{
		UUID: config.NewUUID(), Name: fmt.Sprintf("made%d.example.com", i), PrimaryNode: c.Nodes[i%len(c.Nodes)].UUID, OS: "noop",
		Hypervisor: config.HVFake, AdminState: config.AdminDown, AdminStateSource: config.AdminSource, Stamp: config.NewStamp(time.Now()),
		NICs: []config.NIC{{UUID: config.NewUUID(), MAC: fmt.Sprintf("aa:00:01:%02x:%02x:%02x", i>>16, i>>8&255, i&255)}},
	}
}
