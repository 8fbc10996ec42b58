package listing

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/query"
	"gantry/lib/remote"
)

// Listed is what the list commands of a program need to know of what they list.
type Listed[T any] struct {
	Noun     string // "instance"
	Summary  string // what the help page says; empty: that it lists them
	Resource func() *query.Resource[T]
	Rows     func(*config.Config) []T
	Ask      func(remote.Runner) func(context.Context, []T) error // asks the nodes; nil where there is nothing to ask
	Fields   []string                                             // shown without -o
	Special  map[string]func(any) string                          // how the cells of some columns are written
	Named    string                                               // what stands for a name in the usage; "" means <NOUN-name>
	Field    string                                               // and for a field; "" means fields
	NoUnits  bool                                                 // no --units, as gnt-group has it
	Plain    bool                                                 // neither --units nor --filter, as gnt-network has it
}

// List declares "list".
func (l Listed[T]) List(c *cli.Command) {
	if l.Summary == "" {
		l.Summary = "Lists the " + l.Noun + "s"
	}
	if l.Named == "" {
		l.Named = "<" + l.Noun + "-name>"
	}
	c.Usage("["+l.Named+"...]", l.Summary)
	options := Table(c)
	if !l.Plain {
		c.Environment()
	}
	if !l.Plain && !l.NoUnits {
		options.WithUnits(c)
	}
	options.Fielded(c, l.Fields...)
	options.WithVerbose(c)
	if !l.Plain {
		options.WithFilter(c)
	}
	var names []string
	c.Any(l.Noun, &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		resource := l.Resource()
		request, err := options.Request(names, resource.NameField, false)
		if err != nil {
			return err
		}
		cfg, err := env.Config()
		if err != nil {
			return err
		}
		var ask func(context.Context, []T) error
		if l.Ask != nil {
			ask = func(ctx context.Context, rows []T) error {
				nodes, err := env.Nodes()
				if err != nil {
					return err
				}
				return l.Ask(nodes)(ctx, rows)
			}
		}
		result, err := resource.Run(ctx, request, l.Rows(cfg), ask)
		if err != nil {
			return err
		}
		return options.Print(env, result, l.Special)
	})
}

// ListFields declares "list-fields".
func (l Listed[T]) ListFields(c *cli.Command) {
	if l.Field == "" {
		l.Field = "fields"
	}
	c.Usage("["+l.Field+"...]", "Describes the fields that list can show")
	options := Table(c)
	var names []string
	c.Any("field", &names)

	c.Run(func(_ context.Context, env *cli.Env) error {
		columns, unknown := l.Resource().Columns(names)
		return options.PrintFields(env, columns, unknown)
	})
}
