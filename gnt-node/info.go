package main

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("[<node>...]", "Shows nodes with their parameters")
	var names []string
	c.Any("node", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		var named []*config.Node
		for _, name := range names {
			named = append(named, cfg.MatchNode(name)) // Ganeti passes over unknown names
		}
		var nodes []*config.Node
		for _, r := range query.NodeRows(cfg) {
			if len(names) == 0 || slices.Contains(named, r.Node) {
				nodes = append(nodes, r.Node)
			}
		}
		var all []any
		for _, n := range nodes {
			all = append(all, describe(cfg, n))
		}
		return table.Info(env.Out, all)
	})
}

func describe(cfg *config.Config, n *config.Node) table.Pairs {
	out := table.Pairs{
		{Key: "Node name", Value: n.Name}, {Key: "primary ip", Value: n.PrimaryIP}, {Key: "secondary ip", Value: n.SecondaryIP},
		{Key: "master candidate", Value: n.MasterCandidate}, {Key: "drained", Value: n.Drained}, {Key: "offline", Value: n.Offline},
	}
	if cfg.FilledND(n).String("oob_program") != "" {
		out = append(out, table.Pair{Key: "powered", Value: n.Powered})
	}
	out = append(out, table.Pair{Key: "master_capable", Value: n.MasterCapable}, table.Pair{Key: "vm_capable", Value: n.VMCapable})
	if n.VMCapable {
		primary, secondary := cfg.NodeInstances(n.UUID)
		out = append(out, table.Pair{Key: "primary for instances", Value: instances(primary)}, table.Pair{Key: "secondary for instances", Value: instances(secondary)})
	}
	return append(out, table.Pair{Key: "node parameters", Value: parameters(n.NDParams, cfg.FilledND(n))})
}

func instances(list []*config.Instance) []any {
	out := []any{}
	for _, name := range names(list) {
		out = append(out, name)
	}
	return out
}

// names are the names of instances in the order of lists.
func names(list []*config.Instance) []string {
	names := make([]string, len(list))
	for i, inst := range list {
		names[i] = inst.Name
	}
	unit.SortNames(names)
	return names
}

// parameters shows values of the node's own as they are, all others as "default (1)".
func parameters(own, filled config.Params) table.Pairs {
	var out table.Pairs
	for _, p := range config.NDParams {
		text := unit.Str(filled[p.Name])
		if f, ok := filled[p.Name].(float64); ok {
			text = strings.TrimSuffix(unit.FormatFloat(f), ".0")
		}
		if _, set := own[p.Name]; !set {
			text = "default (" + text + ")"
		}
		out = append(out, table.Pair{Key: p.Name, Value: text})
	}
	return out
}
