package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/group"
)

func add(c *cli.Command) {
	c.Usage("<group-name>", "Makes a node group, at first without nodes")
	var o group.Options
	var name string
	settings(c, &o)
	c.One("group", &name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op, err := o.Add(name)
		if err != nil {
			return err
		}
		return env.SubmitWithJobs(ctx, op)
	})
}

// settings declares the options that add and modify have in common.
func settings(c *cli.Command, o *group.Options) {
	cli.DryRun(c)
	c.Flag("alloc-policy", "Whether new instances are put here: preferred, last_resort or unallocable").Meta("POLICY").StringPtr(&o.AllocPolicy)
	c.Flag("node-parameters", "Node parameters that differ from the cluster's").Meta("NDPARAMS").OrderedParamsVar(&o.NDParams, &o.Order)
	c.Flag("disk-parameters", "Parameters of a disk template that differ from the cluster's").Short('D').Meta("DISKPARAMS").OrderedIdentsVar(&o.DiskParams, &o.Order)
	c.Flag("hypervisor-state", "Resources kept for a hypervisor").Meta("HV_STATE").IdentsVar(&o.HVState)
	c.Flag("disk-state", "Resources kept of the storage").Meta("DISK_STATE").IdentsVar(&o.DiskState)
	cli.Priority(c)
	cli.Submit(c)
	cli.Policy(c, &o.Policy)
}
