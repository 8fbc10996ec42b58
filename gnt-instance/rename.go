package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/instance"
)

func rename(c *cli.Command) {
	c.Usage("<old-name> <new-name>", "Gives an instance another name")
	op := instance.Rename{NameCheck: true, IPCheck: true}
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	c.Flag("no-ip-check", "Do not look whether somebody has the address of the new name").FalseVar(&op.IPCheck)
	c.Flag("ip-check", "Look whether somebody has it, as is done anyhow").Own().BoolVar(&op.IPCheck)
	c.Flag("no-name-check", "Do not look the new name up").FalseVar(&op.NameCheck)
	c.Flag("name-check", "Look it up, as is done anyhow").Own().BoolVar(&op.NameCheck)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.Exactly(&op.Name, &op.NewName)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if !*force && !op.NameCheck &&
			!env.Confirm("As you disabled the check of the DNS entry, please verify that '%s' is a FQDN. Continue?", op.NewName) {
			return cli.Declined
		}
		var name string
		if err := env.SubmitFor(ctx, op, &name); err != nil {
			return err
		}
		if name != "" {
			env.Println("Instance '%s' renamed to '%s'", op.Name, name)
		}
		return nil
	})
}
