package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cli/creation"
)

func imports(c *cli.Command) {
	c.Usage("[...] -t disk-type -n node[:secondary-node] <instance-name>", "Makes an instance out of an export")
	w := creation.New(c, true)
	op := &w.Op
	op.Mode, op.Start = "import", false
	c.Flag("identify-defaults", "Let it follow the cluster in what is the same now").BoolVar(&op.IdentifyDefaults)
	c.Flag("src-dir", "Directory of the export, or its name below the directory of exports").Meta("<dir>").NameVar(&op.SrcPath, "src_path")
	c.Flag("src-node", "Node of the export").Meta("<node>").Complete("node").NameVar(&op.SrcNode, "src_node")
	c.Flag("compress", "Program that compresses on the way").StringVar(&op.Compress)
	c.Flag("ignore-ipolicy", "Make it even if the policy of its group forbids it").BoolVar(&op.IgnoreIPolicy)
	c.Flag("helper-startup-timeout", "Seconds for a helper machine to start").IntVar(&op.HelperStartup)
	c.Flag("helper-shutdown-timeout", "Seconds for a helper machine to stop").IntVar(&op.HelperShutdown)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := w.Complete(); err != nil {
			return err
		}
		return env.Submit(ctx, *op)
	})
}
