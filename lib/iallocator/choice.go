package iallocator

import (
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// Default is the allocator to ask: the one that is named, or that of the cluster ("." or nothing).
func Default(cfg *config.Config, named string) (string, error) {
	if named == "" || named == "." {
		named = cfg.Cluster.DefaultIAllocator
	}
	if named == "" {
		return "", fault.Refuse(fault.WrongInput, "No iallocator was specified, neither in the opcode nor as a cluster-wide default")
	}
	return named, nil
}

// NoneOrNode refuses an operation that was told neither a program nor a node where either will do.
func NoneOrNode() error {
	return fault.Refuse(fault.WrongInput, "No iallocator or node given and no cluster-wide default iallocator found; "+
		"please specify either an iallocator or a node, or set a cluster-wide default iallocator")
}

// Targets are the UUIDs of the groups to go to: those that are named, or all but the ones to leave.
func Targets(cfg *config.Config, named, leave []string) ([]string, error) {
	var targets []string
	if len(named) == 0 {
		for _, g := range cfg.NodeGroups {
			if !slices.Contains(leave, g.UUID) {
				targets = append(targets, g.UUID)
			}
		}
		return targets, nil
	}
	for _, name := range named {
		g := cfg.GroupByName(name)
		if g == nil {
			return nil, fault.Refuse(fault.NotFound, "Node group '%s' not found", name)
		}
		if !slices.Contains(targets, g.UUID) {
			targets = append(targets, g.UUID)
		}
	}
	return targets, nil
}
