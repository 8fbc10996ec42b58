package node

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/drbd"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// RepairStorage takes devices out of a node's volume group that are gone for good, and with them what lay on them.
type RepairStorage struct {
	Name              string `json:"node_name"`
	Type              string `json:"storage_type"`
	Unit              string `json:"name"`
	IgnoreConsistency bool   `json:"ignore_consistency"`
}

// OpID is the operation's name in job files.
func (RepairStorage) OpID() string { return "OP_REPAIR_NODE_STORAGE" }

// Work starts it.
func (op RepairStorage) Work(env *job.Env) job.Work {
	return &repairStorage{RepairStorage: op, onStorage: onStorage{env: env, name: op.Name}}
}

type repairStorage struct {
	RepairStorage
	onStorage
}

func (w *repairStorage) Check(ctx context.Context) error {
	if w.Type != config.StorageLVMVG {
		return fault.Refuse(fault.WrongInput, "Storage units of type '%s' can not be repaired", w.Type)
	}
	cfg := w.env.Config
	if err := cfg.Cluster.CheckStorageType(w.Type); err != nil {
		return err
	}
	primary, secondary := cfg.NodeInstances(w.node.UUID)
	for _, inst := range slices.Concat(primary, secondary) {
		if !inst.DisksActive {
			continue
		}
		for _, uuid := range cfg.InstanceNodes(inst) {
			if uuid == w.node.UUID {
				continue
			}
			if err := w.soundOn(ctx, inst, cfg.Node(uuid)); err != nil {
				return err
			}
		}
	}
	return nil
}

// soundOn refuses when another node, whose copy would be the only one left, has a faulty one, or one of which that is not known.
func (w *repairStorage) soundOn(ctx context.Context, inst *config.Instance, n *config.Node) error {
	faulty, err := w.faultyOn(ctx, inst, n)
	switch {
	case err != nil:
		err = fault.Refuse(fault.Environment, "Error while getting disk status from node %s: %w", n.Name, err)
	case faulty:
		err = fault.Refuse(fault.WrongState, "Instance '%s' has faulty disks on node '%s'", inst.Name, n.Name)
	}
	if err != nil && w.IgnoreConsistency {
		w.env.Warn("%v", err)
		return nil
	}
	return err
}

func (w *repairStorage) faultyOn(ctx context.Context, inst *config.Instance, n *config.Node) (bool, error) {
	if n.Offline {
		return false, errors.New("Node is marked offline")
	}
	minors, err := drbd.Statuses(ctx, w.env.Nodes, n.Name)
	if err != nil {
		return false, err
	}
	for _, d := range w.env.Config.InstanceDisks(inst) {
		id, ok := d.DRBD()
		if !ok {
			continue
		}
		s, there := minors[id.Minor(n.UUID)]
		if !there {
			return false, fmt.Errorf("Can't find device %s", disk.Describe(d))
		}
		if state := s.LocalStatus(); state == drbd.Faulty || state == drbd.Unknown {
			return true, nil
		}
	}
	return false, nil
}

func (w *repairStorage) Run(ctx context.Context) (any, error) {
	w.env.Say("Repairing storage unit '%s' on %s ...", w.Unit, w.node.Name)
	if err := lvm.RemoveMissing(ctx, w.env.Nodes, w.node.Name, w.Unit); err != nil {
		return nil, fault.Exec("Failed to repair storage unit '%s' on %s: %w", w.Unit, w.node.Name, err)
	}
	return nil, nil
}
