// Package instance holds the operations on instances. Each has a file of its own, named after its subcommand; what they
// share stands in instance.go (finding, locking), hypervisor.go (a guest on a node), attach.go (its disks), hooksenv.go.
package instance

import (
	"context"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// find returns an instance by its name or a first part of it.
func find(cfg *config.Config, name string) (*config.Instance, error) {
	if inst := cfg.MatchInstance(name); inst != nil {
		return inst, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Instance '%s' not known", name)
}

// lock is the exclusive lock of one instance.
func lock(inst *config.Instance) job.Lock {
	return job.Lock{Level: job.LevelInstance, Name: inst.Name}
}

// findNode returns a node by its name or a first part of it.
func findNode(cfg *config.Config, name string) (*config.Node, error) {
	if n := cfg.MatchNode(name); n != nil {
		return n, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
}

// alsoOn are the names of the nodes besides one on which an instance could run without a copy of its disks. Nodes that are
// offline are not among them: a person has said that they are off.
func alsoOn(cfg *config.Config, inst *config.Instance, node string) []string {
	var names []string
	add := func(n *config.Node) {
		if n != nil && n.Name != node && !n.Offline && n.VMCapable {
			names = append(names, n.Name)
		}
	}
	if template := cfg.DiskTemplate(inst); !disk.Shared(template) && template != "mixed" {
		for _, uuid := range cfg.InstanceNodes(inst) {
			add(cfg.Node(uuid))
		}
		return names
	}
	for _, n := range cfg.Nodes {
		add(n)
	}
	return names
}

// provenAbsent fails unless each of the nodes says that the instance does not run there. A node that does not answer proves
// nothing. Every start asks it of the nodes alsoOn names.
func provenAbsent(ctx context.Context, r remote.Runner, inst *config.Instance, nodes []string) error {
	for _, reply := range remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (bool, error) {
		s, err := stateOf(ctx, r, inst, node)
		return s.Running, err
	}) {
		switch {
		case reply.Err != nil:
			return fault.Exec("Cannot prove that instance %s does not run on node %s (if that node is off, mark it offline): %w", inst.Name, reply.Node, reply.Err)
		case reply.Value:
			return fault.Exec("Instance %s runs on node %s", inst.Name, reply.Node)
		}
	}
	return nil
}
