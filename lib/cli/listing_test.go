package cli_test

import (
	"context"
	"strings"
	"testing"

	"gantry/lib/cli"
	"gantry/lib/cli/listing"
	"gantry/lib/query"
)

type thing struct {
	name string
	mem  int64
}

var things = &query.Resource[thing]{Noun: "Thing", NameField: "name", Fields: []query.Field[thing]{
	{Name: "name", Title: "Thing", Kind: query.Text, Doc: "Name", Get: func(t thing) query.Cell { return query.Cell{Value: t.name} }},
	{Name: "mem", Title: "Memory", Kind: query.Unit, Doc: "Memory", Get: func(t thing) query.Cell {
		if t.mem == 0 {
			return query.Cell{Status: query.Unavailable}
		}
		return query.Cell{Value: t.mem}
	}},
}}

func TestListing(t *testing.T) {
	commands := cli.Commands{
		"list": func(c *cli.Command) {
			var args []string
			l := listing.New(c, "name", "mem")
			l.WithUnits(c)
			l.WithFilter(c)
			c.Any("thing", &args)
			c.Run(func(ctx context.Context, env *cli.Env) error {
				request, err := l.Request(args, "name", false)
				if err != nil {
					return err
				}
				result, err := things.Run(ctx, request, []thing{{"a", 512}, {"bb", 2048}, {"c", 0}}, nil)
				if err != nil {
					return err
				}
				return l.Print(env, result, nil)
			})
		},
		"list-fields": func(c *cli.Command) {
			var args []string
			l := listing.Table(c)
			c.Any("field", &args)
			c.Run(func(_ context.Context, env *cli.Env) error {
				columns, unknown := things.Columns(args)
				return l.PrintFields(env, columns, unknown)
			})
		},
	}
	for words, tt := range map[string]struct {
		status int
		out    string
		err    string
	}{
		"list":                           {0, "Thing Memory\na       512M\nbb      2.0G\nc          -\n", ""},
		"list --units m bb":              {0, "Thing Memory\nbb      2048\n", ""},
		"list --separator=: --no-h":      {0, "a:512\nbb:2048\nc:-\n", ""},
		"list --separator= --no-h a":     {0, "a512M\n", ""},
		"list -v -o mem c":               {0, "   Memory\n(unavail)\n", ""},
		"list -o +name a":                {0, "Thing Memory Thing\na       512M a\n", ""},
		"list -o name,nosuch,x --no-h a": {14, "a ?? ??\n", "Warning: Queried for unknown fields nosuch, x\n"},
		"list -F name=='bb'":             {0, "Thing Memory\nbb      2.0G\n", ""},
		"list nosuch":                    {1, "", "Failure: prerequisites not met for this operation:\nerror type: unknown_entity, error details:\nThing name nosuch not found\n"},
		"list-fields --separator=,":      {0, "Name,Type,Title,Description\nmem,Storage size,Memory,Memory\nname,Text,Thing,Name\n", ""},
		"list-fields x":                  {14, "Name Type    Title Description\nx    Unknown x     Unknown field 'x'\n", "Warning: Queried for unknown fields x\n"},
	} {
		t.Run(words, func(t *testing.T) {
			status, out, errs := cli.Try(t, commands, strings.Fields(words)...)
			if status != tt.status || out != tt.out || errs != tt.err {
				t.Errorf("status %d\n%s%s\nwant %d\n%s%s", status, out, errs, tt.status, tt.out, tt.err)
			}
		})
	}
}
