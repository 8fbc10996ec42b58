package main

import (
	"slices"

	"gantry/lib/cli"
	"gantry/lib/config"
)

// chosen are the nodes that both -n and -g name, the master last, as Ganeti goes through them.
func chosen(env *cli.Env, names []string, group *string) (*config.Config, []*config.Node, error) {
	cfg, nodes, err := env.OnlineNodes(names, group)
	if err != nil {
		return nil, nil, err
	}
	master := func(n *config.Node) bool { return n.UUID == cfg.Cluster.MasterNode }
	if i := slices.IndexFunc(nodes, master); i >= 0 {
		nodes = append(slices.Delete(nodes, i, i+1), cfg.MasterNode())
	}
	return cfg, nodes, nil
}
