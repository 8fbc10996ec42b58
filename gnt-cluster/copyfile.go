package main

import (
	"context"
	"os"
	"path/filepath"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

func copyfile(c *cli.Command) {
	c.Usage("[-n <node-name>...] <filename>", "Copies a file of the master to nodes")
	var names []string
	var group *string
	var path string
	c.Flag("node", "Node to copy it to; may be repeated").Short('n').Meta("<node>").StringsVar(&names)
	c.Flag("use-replication-network", "Copy over the replication network").Bool()
	c.Flag("node-group", "Copy it to the nodes of this group").Short('g').Meta("<nodegroup>").StringPtr(&group)
	c.One("file", &path)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		path, err := filepath.Abs(path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return fault.Refuse(fault.WrongInput, "No such filename '%s'", path)
		}
		data, unreadable := os.ReadFile(path) // a directory
		cfg, nodes, err := chosen(env, names, group)
		if err != nil {
			return err
		}
		if err := env.Fenced(ctx); err != nil {
			return err
		}
		pool, err := env.Nodes()
		if err != nil {
			return err
		}
		var others []string
		for _, n := range nodes {
			if n.UUID != cfg.Cluster.MasterNode {
				others = append(others, n.Name)
			}
		}
		for _, r := range remote.Each(ctx, others, 0, func(ctx context.Context, node string) (struct{}, error) {
			if unreadable != nil {
				return struct{}{}, unreadable
			}
			return struct{}{}, pool.Put(ctx, node, path, data, info.Mode().Perm())
		}) {
			if r.Err != nil {
				env.Warn("Copy of file %s to node %s:%d failed\n%v", path, r.Node, cfg.SSHPort(cfg.NodeByName(r.Node)), r.Err)
			}
		}
		return nil
	})
}
