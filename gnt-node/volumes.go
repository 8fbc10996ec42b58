package main

import (
	"context"
	"strconv"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/query"
)

var volumeSheet = listing.Sheet[query.VolumeRow]{
	{Name: "node", Title: "Node", Text: func(r query.VolumeRow) string { return r.Node.Name }},
	{Name: "phys", Title: "PhysDev", Text: func(r query.VolumeRow) string { return r.Volume.Device }},
	{Name: "vg", Title: "VG", Text: func(r query.VolumeRow) string { return r.Volume.VG }},
	{Name: "name", Title: "Name", Text: func(r query.VolumeRow) string { return r.Volume.Name }},
	{Name: "size", Title: "Size", Size: func(r query.VolumeRow) int64 { return int64(r.Volume.MiB) }},
	{Name: "instance", Title: "Instance", Text: func(r query.VolumeRow) string { return r.Instance }},
}

func volumes(c *cli.Command) {
	c.Usage("[<node-name>...]", "Lists the logical volumes of nodes")
	l := listing.Table(c)
	l.WithUnits(c)
	l.Fielded(c, volumeSheet.Names()...)
	cli.Priority(c)
	var names []string
	c.Any("node", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, nodes, err := asked(env, names)
		if err != nil {
			return err
		}
		sheet, err := volumeSheet.Choose(l)
		if err != nil {
			return err
		}
		pool, err := env.Nodes()
		if err != nil {
			return err
		}
		rows, warnings := query.AskVolumes(ctx, pool, cfg, nodes)
		env.Warnings(warnings)
		return sheet.Print(env, l, rows)
	})
}

// asked are the nodes that are named, or all.
func asked(env *cli.Env, names []string) (*config.Config, []*config.Node, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, nil, err
	}
	nodes, err := query.NodesNamed(cfg, names)
	return cfg, nodes, err
}

var minorSheet = listing.Sheet[*query.MinorRow]{
	{Name: "node", Title: "Node", Text: func(r *query.MinorRow) string { return r.Node.Name }},
	{Name: "minor", Title: "Minor", Right: true, Text: func(r *query.MinorRow) string { return strconv.Itoa(r.Minor) }},
	{Name: "instance", Title: "Instance", Text: func(r *query.MinorRow) string { return r.Instance }},
	{Name: "disk", Title: "Disk", Text: func(r *query.MinorRow) string { return r.Disk }},
	{Name: "role", Title: "Role", Text: func(r *query.MinorRow) string { return r.Role }},
	{Name: "peer", Title: "PeerNode", Text: func(r *query.MinorRow) string { return r.Peer.Name }},
}

func listDRBD(c *cli.Command) {
	c.Usage("<node>", "Lists the DRBD disks of a node")
	l := listing.Table(c)
	var name string
	c.One("node", &name)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, nodes, err := asked(env, []string{name})
		if fault.KindOf(err) == fault.NotFound {
			return fault.Say("Query gave non-ok status '1': OpPrereqError \"Node name " + name + " not found\" ECodeNoEnt")
		}
		if err != nil {
			return err
		}
		return minorSheet.Print(env, l, query.Minors(cfg, nodes[0]))
	})
}
