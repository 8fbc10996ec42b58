package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func export(c *cli.Command) {
	c.Usage("-n <node-name> [opts...] <instance-name>", "Writes an instance's disks and description to a node")
	op := instance.NewExport()
	c.Flag("force", "Accepted for compatibility").Short('f').Bool()
	c.Flag("node", "Node to write to").Short('n').Meta("<node>").Complete("node").StringVar(&op.TargetNode)
	c.Flag("transport-compression", "Program that compresses on the way").StringVar(&op.Compress)
	c.Flag("noshutdown", "Do not stop the instance").FalseVar(&op.Shutdown)
	c.Flag("shutdown-timeout", "Seconds that it has to power off").IntVar(&op.ShutdownTimeout)
	c.Flag("remove-instance", "Remove the instance afterwards").BoolVar(&op.RemoveInstance)
	c.Flag("ignore-remove-failures", "Remove it from the configuration even if something is left on its nodes").BoolVar(&op.IgnoreRemoveFailures)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("zero-free-space", "Overwrite free space before, so that it compresses well").BoolVar(&op.ZeroFreeSpace)
	c.Flag("zeroing-timeout-fixed", "Seconds for that, whatever the size").IntPtr(&op.ZeroingFixed)
	c.Flag("zeroing-timeout-per-mib", "Seconds for that, for each MiB").FloatPtr(&op.ZeroingPerMiB)
	c.Flag("long-sleep", "Let it stay off until its disks are copied, where there are no snapshots").BoolVar(&op.LongSleep)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		return env.Submit(ctx, op)
	})
}
