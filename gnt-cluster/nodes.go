package main

import (
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/query"
)

// chosen are the nodes that -n and -g name, those of the whole cluster when neither was given: online ones, the master last, as
// Ganeti goes through them.
func chosen(env *cli.Env, names []string, group string) (*config.Config, []*config.Node, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, nil, err
	}
	var nodes []*config.Node
	for _, name := range names {
		n := cfg.MatchNode(name)
		if n == nil {
			return nil, nil, fault.Refuse(fault.NotFound, "Node name %s not found", name)
		}
		nodes = append(nodes, n)
	}
	if len(names) == 0 {
		for _, r := range query.NodeRows(cfg) {
			if g := cfg.Group(r.Node.Group); group == "" || g != nil && (g.Name == group || g.UUID == group) {
				nodes = append(nodes, r.Node)
			}
		}
	}
	offline := func(n *config.Node) bool { return n.Offline }
	if skipped := slices.DeleteFunc(slices.Clone(nodes), func(n *config.Node) bool { return !offline(n) }); len(skipped) > 0 {
		env.Warn("Note: skipping offline node(s): %s", strings.Join(namesOf(skipped), ", "))
	}
	nodes = slices.DeleteFunc(nodes, offline)
	master := func(n *config.Node) bool { return n.UUID == cfg.Cluster.MasterNode }
	if i := slices.IndexFunc(nodes, master); i >= 0 {
		nodes = append(slices.Delete(nodes, i, i+1), cfg.MasterNode())
	}
	return cfg, nodes, nil
}

func namesOf(nodes []*config.Node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}
