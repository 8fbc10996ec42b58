package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
	"gantry/lib/table"
	"gantry/lib/unit"
)

func info(c *cli.Command) {
	c.Usage("", "Shows what OS definitions offer: versions, variants, parameters")
	cli.Priority(c)
	var names []string
	c.Any("os", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		systems, err := ask(ctx, env)
		if err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		left := slices.Clone(names)
		for _, s := range systems {
			if at := slices.Index(left, s.Name); at >= 0 {
				left = slices.Delete(left, at, at+1)
			} else if len(names) > 0 {
				continue
			}
			show(env, s)
		}
		for _, name := range left {
			base, _, _ := strings.Cut(name, "+")
			there := slices.ContainsFunc(systems, func(s *query.OSRow) bool { return s.Name == base })
			if err := settings(env, &cfg.Cluster, name, there); err != nil {
				return err
			}
		}
		return nil
	})
}

// show prints one OS definition.
func show(env *cli.Env, s *query.OSRow) {
	env.Println("%s:", s.Name)
	env.Println("  - valid: %s", unit.Str(s.Valid))
	env.Println("  - hidden: %s", unit.Str(s.Hidden))
	env.Println("  - blacklisted: %s", unit.Str(s.Blacklisted))
	if s.Valid {
		env.Println("  - API versions:")
		for _, v := range s.APIVersions {
			env.Println("    - %d", v)
		}
		env.Println("  - variants:")
		for _, v := range s.Variants {
			env.Println("    - %s", v)
		}
		env.Println("  - parameters:")
		for _, p := range s.Parameters {
			env.Println("    - %s: %s", p.Name, p.Help)
		}
		env.Println("  - trusted: %s", unit.Str(s.Trusted))
	}
	env.Println("")
}

// settings prints what the cluster sets for a name that is no definition by itself, such as one with a variant; nothing where the
// definition is not there.
func settings(env *cli.Env, c *config.Cluster, name string, there bool) error {
	defer env.Println("")
	hv, os := c.OSHVP[name], c.OSParams[name]
	if hv == nil && os == nil || !there {
		env.Println("%s: ", name)
		return nil
	}
	hypervisors := table.Pairs{}
	for _, h := range slices.Sorted(maps.Keys(hv)) {
		hypervisors = append(hypervisors, table.Pair{Key: h, Value: sorted(hv[h])})
	}
	return table.Info(env.Out, table.Pairs{{Key: name, Value: table.Pairs{
		{Key: "OS-specific hypervisor parameters", Value: hypervisors},
		{Key: "OS parameters", Value: sorted(os)},
	}}})
}

func sorted(p config.Params) table.Pairs {
	pairs := table.Pairs{}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		pairs = append(pairs, table.Pair{Key: name, Value: p[name]})
	}
	return pairs
}
