package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
)

func searchTags(c *cli.Command) {
	c.Usage("", "Finds tags by a regular expression, wherever they are")
	var pattern string
	cli.Priority(c)
	c.One("pattern", &pattern)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		found, err := cluster.SearchTags(cfg, pattern)
		if err != nil {
			return err
		}
		for _, f := range found {
			env.Println("%s %s", f.Path, f.Tag)
		}
		if len(found) == 0 {
			return fault.Status(1)
		}
		return nil
	})
}
