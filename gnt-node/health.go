package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/node"
)

func health(c *cli.Command) {
	c.Usage("[<node-name>...]", "Asks the helper programs of nodes for the health of their hardware")
	op := node.OOB{Names: []string{}, Command: node.OOBHealth, Timeout: 60, PowerDelay: 2}
	t := statusTable(c)
	cli.Priority(c)
	c.Flag("oob-timeout", "How many seconds a helper may take").IntVar(&op.Timeout)
	c.Any("node", &op.Names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		results, err := oobResults(env.SubmitTogether(ctx, op))
		if err != nil {
			return err
		}
		return writeStatus(env, t, results, func(r node.OOBResult) (lines []string, err error) {
			items, err := r.Health()
			for _, item := range items {
				lines = append(lines, item[0]+"="+item[1])
			}
			return lines, err
		})
	})
}
