package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func growDisk(c *cli.Command) {
	c.Usage("<instance-name> <disk> <size>", "Makes a disk larger by a size, or up to one")
	op := instance.GrowDisk{WaitForSync: true}
	c.Flag("absolute", "The size is that of the disk when it has grown").BoolVar(&op.Absolute)
	c.Flag("no-wait-for-sync", "Do not wait until the new part is mirrored").FalseVar(&op.WaitForSync)
	c.Flag("ignore-ipolicy", "Do not hold it against the policy of its group").BoolVar(&op.IgnoreIPolicy)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	var disk, size string
	c.Words(3, 3, func(args []string) { op.Name, disk, size = args[0], args[1], args[2] })

	c.Run(func(ctx context.Context, env *cli.Env) (err error) {
		if op.Disk, err = unit.ParseInt64(disk); err != nil {
			return fault.Refuse(fault.WrongInput, "Invalid disk index: invalid literal for int() with base 10: %s", unit.Repr(disk))
		}
		amount, err := unit.ParseSize64(size)
		if err != nil {
			return fault.Refuse(fault.WrongInput, "Can't parse the given amount '%s'", size)
		}
		op.Amount = int64(amount)
		return env.Submit(ctx, op)
	})
}
