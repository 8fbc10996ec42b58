package cli

import (
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/query"
)

// OnlineNodes are the nodes with these names that are in the group, all of the cluster when neither was given. Offline ones are left
// out, and said to be.
func (env *Env) OnlineNodes(names []string, group *string) (*config.Config, []*config.Node, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, nil, err
	}
	nodes, err := chosenNodes(cfg, names, group)
	if err != nil {
		return nil, nil, err
	}
	offline := func(n *config.Node) bool { return n.Offline }
	if skipped := slices.DeleteFunc(slices.Clone(nodes), func(n *config.Node) bool { return !offline(n) }); len(skipped) > 0 {
		env.Warn("Note: skipping offline node(s): %s", strings.Join(NodeNames(skipped), ", "))
	}
	nodes = slices.DeleteFunc(nodes, offline)
	return cfg, nodes, nil
}

// chosenNodes are those that have one of the names, if there are any, and are in the group, if it is not nil: a group that is not
// there has none.
func chosenNodes(cfg *config.Config, names []string, group *string) (nodes []*config.Node, err error) {
	for _, name := range names {
		n := cfg.MatchNode(name)
		if n == nil {
			return nil, fault.Refuse(fault.NotFound, "Node name %s not found", name)
		}
		nodes = append(nodes, n)
	}
	if len(names) == 0 {
		for _, r := range query.NodeRows(cfg) {
			nodes = append(nodes, r.Node)
		}
	}
	return slices.DeleteFunc(nodes, func(n *config.Node) bool {
		g := cfg.Group(n.Group)
		return group != nil && (g == nil || g.Name != *group && g.UUID != *group)
	}), nil
}

// NodeNames are the names of nodes.
func NodeNames(nodes []*config.Node) []string {
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names
}
