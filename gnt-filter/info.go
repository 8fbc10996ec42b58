package main

import (
	"context"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/query"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("[<filter-uuid>...]", "Shows rules in full")
	var names []string
	c.Any("filter", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		for _, r := range query.FilterRows(cfg) {
			if len(names) > 0 && !slices.Contains(names, r.UUID) {
				continue
			}
			env.Println("UUID: %s\n  Watermark: %d\n  Priority: %d\n  Predicates: %s\n  Action: %s\n  Reason trail: %s", r.UUID, r.Watermark, r.Priority,
				unit.Str(query.FromJSON(r.Predicates)), unit.Str(query.FromJSON(r.Action)), unit.Str(query.FromJSON(r.ReasonTrail)))
		}
		return nil
	})
}
