package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func recreateDisks(c *cli.Command) {
	c.Usage("<instance-name>", "Makes lost disks of a stopped instance anew, empty")
	var op instance.RecreateDisks
	var disks []unit.Ident
	var nodes string
	c.Flag("disk", "Only this one, by its number, with what is to be another way: size, mode, spindles").Meta("DISKS").IdentsVar(&disks)
	c.Flag("node", "Where all of them are to be").Short('n').Meta("<pnode>[:<snode>]").Complete("node").StringVar(&nodes)
	c.Flag("iallocator", "Program that chooses the nodes").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.Disks, op.Nodes = []instance.RecreateDisk{}, []string{}
		for _, d := range disks {
			n, err := unit.ParseInt64(d.Name)
			if err != nil {
				return fault.Refuse(fault.WrongInput, "Invalid disk index: invalid literal for int() with base 10: %s", unit.Repr(d.Name))
			}
			if size, given := d.Params["size"]; given {
				if d.Params["size"], err = unit.ParseSize64(unit.Str(size)); err != nil {
					return err
				}
			}
			op.Disks = append(op.Disks, instance.RecreateDisk{Index: n, Params: d.Params})
		}
		if nodes != "" {
			if op.IAllocator != "" {
				return fault.Refuse(fault.WrongInput, "At most one of either --nodes or --iallocator can be passed")
			}
			for name := range strings.SplitSeq(nodes, ":") {
				if name != "" {
					op.Nodes = append(op.Nodes, name)
				}
			}
		}
		return env.Submit(ctx, op)
	})
}
