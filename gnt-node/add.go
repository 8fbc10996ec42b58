package main

import (
	"context"
	"fmt"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/node"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

func add(c *cli.Command) {
	c.Usage("[-s ip] [--readd] [--no-ssh-key-check] [--force-join] [--no-node-setup] [--verbose] [--network] <node-name>",
		"Makes a machine a node of the cluster")
	var op node.Add
	var name string
	keyCheck, setup, force := true, true, false
	var nd unit.Params
	var hvState, diskState []unit.Ident
	c.Flag("secondary-ip", "Address of the machine on the replication network").Short('s').Meta("ADDRESS").NameVar(&op.SecondaryIP, "secondary_ip")
	c.Flag("readd", "Bring back a node that was offline").BoolVar(&op.Readd)
	c.Flag("no-ssh-key-check", "Accept the host key of the machine, whatever it is").FalseVar(&keyCheck)
	c.Flag("force-join", "Join the machine even if it belongs to another cluster").BoolVar(&force)
	c.Flag("no-node-setup", "Leave the machine's SSH keys alone").FalseVar(&setup)
	c.Flag("verbose", "Say more").Short('v').Bool()
	c.Flag("node-group", "Node group it is to belong to").Short('g').Meta("<nodegroup>").NameVar(&op.Group, "group")
	cli.Priority(c)
	c.Flag("master-capable", "Whether it may become a master candidate").Meta("yes|no").YesNoPtr(&op.MasterCapable)
	c.Flag("vm-capable", "Whether it may hold instances").Meta("yes|no").YesNoPtr(&op.VMCapable)
	c.Flag("node-parameters", "Node parameters").Meta("NDPARAMS").ParamsVar(&nd)
	c.Flag("hypervisor-state", "Resources kept for the hypervisors").Meta("HV_STATE").IdentsVar(&hvState)
	c.Flag("disk-state", "Resources kept of the storage").Meta("DISK_STATE").IdentsVar(&diskState)
	c.One("host", &name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := env.Alone(); err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		if err := env.Fenced(ctx); err != nil {
			return err
		}
		if op.HVState, err = config.HVStates(hvState); err != nil {
			return err
		}
		if op.DiskState, err = config.DiskStates(diskState); err != nil {
			return err
		}
		nodes, err := env.NodesAccepting(!keyCheck)
		if err != nil {
			return err
		}
		defer nodes.Close()
		host, err := resolve.Name(ctx, nodes, cfg.MasterNode().Name, name, cfg.Cluster.PrimaryIPFamily)
		if err != nil {
			return err
		}
		op.Name, op.PrimaryIP, op.NDParams, op.NodeSetup = host.Name, host.IP, nd, setup
		able(&op)
		if err := known(cfg, op); err != nil {
			return err
		}
		if setup && cfg.Cluster.ModifySSHSetup {
			env.Warn("-- WARNING --\nThe SSH keys of root on %s and on the nodes of the cluster will be authorised\nfor each other, and the host keys of %s will be noted as the cluster's.\n", op.Name, op.Name)
			if err := node.Join(ctx, nodes, cfg, env.DataDir(), op.Name, op.PrimaryIP, force); err != nil {
				return err
			}
		} else if err := reach(ctx, nodes, op.Name); err != nil {
			return err
		} else if err := node.Belongs(ctx, nodes, cfg, op.Name); err != nil && !force {
			return err
		}
		return env.Submit(ctx, op)
	})
}

// able gives a new node the abilities that were not spoken of; one that comes back keeps its own.
func able(op *node.Add) {
	yes := true
	for _, flag := range []**bool{&op.MasterCapable, &op.VMCapable} {
		if *flag == nil && !op.Readd {
			*flag = &yes
		}
	}
}

// known refuses a machine that is a node already, or is none when it is to come back.
func known(cfg *config.Config, op node.Add) error {
	old := cfg.NodeByName(op.Name)
	switch {
	case old == nil && op.Readd:
		return fault.Say(fmt.Sprintf("Node %s not in the cluster - please retry without '--readd'", op.Name))
	case old != nil && op.Readd && old.UUID == cfg.Cluster.MasterNode:
		return fault.Say(fmt.Sprintf("Node %s is the master, cannot readd", op.Name))
	case old != nil && !op.Readd:
		return fault.Say(fmt.Sprintf("Node %s already in the cluster (as %s) - please retry with '--readd'", op.Name, old.Name))
	}
	return nil
}
