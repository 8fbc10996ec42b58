// Package node holds the operations on nodes: the machines that instances run on.
package node

import (
	"context"
	_ "embed"
	"net/netip"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/remote"
)

// find returns a node by its name or a first part of it.
func find(cfg *config.Config, name string) (*config.Node, error) {
	if n := cfg.MatchNode(name); n != nil {
		return n, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
}

//go:embed prepare.sh
var prepareScript string

// prepare makes the directories that every node of a cluster has.
func prepare() remote.Cmd {
	c := remote.Script(prepareScript)
	c.Changes = "make the node's directories"
	return c
}

//go:embed leave.sh
var leaveScript string

// leave takes away what made a machine a node: its copy of the configuration, the ssconf files, the queue.
func leave() remote.Cmd {
	c := remote.Script(leaveScript)
	c.Changes = "remove the cluster's files"
	return c
}

func isAddress4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// owns says whether a node has an address.
func owns(ctx context.Context, r remote.Runner, node, ip string) (bool, error) {
	result, err := r.Run(ctx, node, remote.Command("ip", "-o", "addr", "show", "to", ip))
	return len(result.Stdout) > 0, err
}

// lock is the exclusive lock of one node.
func lock(n *config.Node) job.Lock { return job.Lock{Level: job.LevelNode, Name: n.UUID} }
