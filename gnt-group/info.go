package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("[<group>...]", "Shows node groups with their parameters and what they take from the cluster")
	var names []string
	c.Any("group", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		var all []any
		for _, g := range chosen(cfg, names) {
			all = append(all, describe(cfg, g))
		}
		return table.Info(env.Out, all)
	})
}

func showSpecs(c *cli.Command) {
	c.Usage("[--include-defaults] [<group>...]", "Prints the commands that would make groups with the same instance specifications")
	all := c.Flag("include-defaults", "With the specifications that come from the cluster").Bool()
	var names []string
	c.Any("group", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		for _, g := range chosen(cfg, names) {
			policy := g.IPolicy
			if *all {
				policy = cfg.InstancePolicy(g)
			}
			env.Println("gnt-group add%s %s", policy.Options(false), g.Name)
		}
		return nil
	})
}

// chosen gives the groups named, all when none is, in natural order. Ganeti passes over unknown names.
func chosen(cfg *config.Config, names []string) []*config.NodeGroup {
	var groups []*config.NodeGroup
	for _, r := range query.GroupRows(cfg) {
		if len(names) == 0 || slices.Contains(names, r.Group.Name) || slices.Contains(names, r.Group.UUID) {
			groups = append(groups, r.Group)
		}
	}
	return groups
}

func describe(cfg *config.Config, g *config.NodeGroup) table.Pairs {
	return table.Pairs{
		{Key: "Node group", Value: g.Name},
		{Key: "Node parameters", Value: parameters(g.NDParams, cfg.GroupND(g))},
		{Key: "Disk parameters", Value: disks(cfg, g)},
		{Key: "Instance policy", Value: policy(g.IPolicy, cfg.InstancePolicy(g))},
	}
}

// parameters shows values of the group's own as they are, all others as "default (1)".
func parameters(own, filled config.Params) table.Pairs {
	var out table.Pairs
	for _, name := range slices.Sorted(maps.Keys(filled)) {
		value, set := own[name]
		if set {
			out = append(out, table.Pair{Key: name, Value: text(value)})
			continue
		}
		out = append(out, table.Pair{Key: name, Value: byDefault(text(filled[name]))})
	}
	return out
}

// text leaves the fraction of a number out where there is none.
func text(v any) string {
	if f, ok := v.(float64); ok {
		return strings.TrimSuffix(unit.FormatFloat(f), ".0")
	}
	return unit.Str(v)
}

func byDefault(text string) string { return "default (" + text + ")" }

// disks shows of each template the group's own parameters, or all of the cluster's where it has none.
func disks(cfg *config.Config, g *config.NodeGroup) table.Pairs {
	var out table.Pairs
	for _, template := range config.DiskTemplates {
		own, set := g.DiskParams[template]
		cluster := cfg.FilledDisk(template, nil)
		var value any
		switch {
		case len(own) > 0:
			value = parameters(own, own)
		case set:
			value = "{}"
		case len(cluster) > 0:
			value = parameters(nil, cluster)
		default:
			value = byDefault("{}")
		}
		out = append(out, table.Pair{Key: template, Value: value})
	}
	return out
}

func policy(own, filled config.IPolicy) table.Pairs {
	templates := strings.Join(filled.DiskTemplates, ", ")
	if len(own.DiskTemplates) == 0 {
		templates = byDefault(templates)
	}
	return table.Pairs{
		{Key: "bounds specs", Value: bounds(filled.MinMax, len(own.MinMax) > 0)}, {Key: "allowed disk templates", Value: templates},
		{Key: "vcpu-ratio", Value: ratio(own.VCPURatio, filled.VCPURatio)}, {Key: "spindle-ratio", Value: ratio(own.SpindleRatio, filled.SpindleRatio)},
	}
}

func bounds(list []config.MinMax, own bool) []any {
	var out []any
	for i, m := range list {
		out = append(out, table.Pairs{
			{Key: fmt.Sprintf("max/%d", i), Value: spec(m.Max, own)},
			{Key: fmt.Sprintf("min/%d", i), Value: spec(m.Min, own)},
		})
	}
	return out
}

func spec(s config.ISpec, own bool) table.Pairs {
	var out table.Pairs
	for _, name := range config.Specs {
		value := fmt.Sprint(s[name])
		if !own {
			value = byDefault(value)
		}
		out = append(out, table.Pair{Key: name, Value: value})
	}
	return out
}

func ratio(own, filled *float64) string {
	if own != nil {
		return text(*own)
	}
	return byDefault(text(*filled))
}
