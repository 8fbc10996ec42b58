package main

import (
	"context"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/node"
	"gantry/lib/query"
)

var storageSheet = listing.Sheet[*query.StorageRow]{
	{Name: "node", Title: "Node", Text: func(r *query.StorageRow) string { return r.Node.Name }},
	{Name: "type", Title: "Type", Text: func(r *query.StorageRow) string { return r.Type }},
	{Name: "name", Title: "Name", Text: func(r *query.StorageRow) string { return r.Name }},
	{Name: "size", Title: "Size", Size: func(r *query.StorageRow) int64 { return r.Size }},
	{Name: "used", Title: "Used", Size: func(r *query.StorageRow) int64 { return r.Used }},
	{Name: "free", Title: "Free", Size: func(r *query.StorageRow) int64 { return r.Free }},
	{Name: "allocatable", Title: "Allocatable", Text: func(r *query.StorageRow) string { return map[bool]string{true: "Y", false: "N"}[r.Allocatable] }},
}

func listStorage(c *cli.Command) {
	c.Usage("[<node-name>...]", "Lists where the disks of nodes lie, with sizes")
	l := listing.Table(c)
	l.WithUnits(c)
	l.Fielded(c, storageSheet.Names()...)
	var storage string
	c.Flag("storage-type", "Which type of storage").Short('t').Meta("STORAGE_TYPE").ChoiceVar(&storage, config.ReportedStorage...)
	cli.Priority(c)
	var names []string
	c.Any("node", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		cfg, nodes, err := asked(env, names)
		if err != nil {
			return err
		}
		sheet, err := storageSheet.Choose(l)
		if err != nil {
			return err
		}
		if storage != "" {
			err = cfg.Cluster.CheckStorageType(storage)
		} else {
			storage, err = cfg.Cluster.UsualStorage()
		}
		if err != nil {
			return err
		}
		pool, err := env.Nodes()
		if err != nil {
			return err
		}
		rows, warnings := query.AskStorage(ctx, pool, cfg, nodes, storage)
		env.Warnings(warnings)
		return sheet.Print(env, l, rows)
	})
}

func modifyStorage(c *cli.Command) {
	c.Usage("<node-name> <storage-type> <volume-name>", "Changes a place for disks on a node")
	var op node.ModifyStorage
	var allocatable *bool
	c.Flag("allocatable", "Whether new disks may take space there").Meta("yes|no").YesNoPtr(&allocatable)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.Exactly(&op.Name, &op.Type, &op.Unit)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := knownStorage(op.Type); err != nil {
			return err
		}
		if allocatable == nil {
			env.Warn("No changes to perform, exiting.")
			return nil
		}
		op.Changes = map[string]any{node.Allocatable: *allocatable}
		return env.Submit(ctx, op)
	})
}

func repairStorage(c *cli.Command) {
	c.Usage("<node-name> <storage-type> <volume-name>", "Takes devices out of a volume group that are gone for good")
	var op node.RepairStorage
	c.Flag("ignore-consistency", "Do it even if other nodes have faulty copies of the node's disks").BoolVar(&op.IgnoreConsistency)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.Exactly(&op.Name, &op.Type, &op.Unit)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := knownStorage(op.Type); err != nil {
			return err
		}
		return env.Submit(ctx, op)
	})
}

func knownStorage(storage string) error {
	if slices.Contains(config.ReportedStorage, storage) {
		return nil
	}
	return fault.Refuse(fault.WrongInput, "Unknown storage type: %s", storage)
}
