package node

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// Allocatable is what can be changed of a physical volume.
const Allocatable = "allocatable"

// ModifyStorage changes a place for disks on a node.
type ModifyStorage struct {
	Name    string         `json:"node_name"`
	Type    string         `json:"storage_type"`
	Unit    string         `json:"name"`
	Changes map[string]any `json:"changes"`
}

// OpID is the operation's name in job files.
func (ModifyStorage) OpID() string { return "OP_NODE_MODIFY_STORAGE" }

// Work starts it.
func (op ModifyStorage) Work(env *job.Env) job.Work {
	return &modifyStorage{ModifyStorage: op, onStorage: onStorage{env: env, name: op.Name}}
}

// onStorage is what the operations on a node's storage share.
type onStorage struct {
	env  *job.Env
	name string
	node *config.Node
}

// Locks is the node's storage.
func (w *onStorage) Locks(cfg *config.Config) (_ []job.Lock, err error) {
	if w.node, err = find(cfg, w.name); err != nil {
		return nil, err
	}
	return []job.Lock{lock(w.node), {Level: job.LevelNodeRes, Name: w.node.UUID}}, nil
}

func (w *onStorage) Hooks() *hooks.Plan { return nil }

type modifyStorage struct {
	ModifyStorage
	onStorage
}

func (w *modifyStorage) Check(context.Context) error {
	if w.Type != config.StorageLVMPV {
		return fault.Refuse(fault.WrongInput, "Storage units of type '%s' can not be modified", w.Type)
	}
	var others []string
	for _, field := range slices.Sorted(maps.Keys(w.Changes)) {
		if field != Allocatable {
			others = append(others, "'"+field+"'")
		}
	}
	if len(others) > 0 {
		return fault.Refuse(fault.WrongInput, "The following fields can not be modified for storage units of type '%s': [%s]", w.Type, strings.Join(others, ", "))
	}
	return w.env.Config.Cluster.CheckStorageType(w.Type)
}

func (w *modifyStorage) Run(ctx context.Context) (any, error) {
	allocatable, _ := w.Changes[Allocatable].(bool)
	if err := lvm.SetAllocatable(ctx, w.env.Nodes, w.node.Name, w.Unit, allocatable); err != nil {
		return nil, fault.Exec("Failed to modify storage unit '%s' on %s: %w", w.Unit, w.node.Name, err)
	}
	return nil, nil
}
