// Command gnt-storage shows which providers of external storage the nodes have.
package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/extstorage"
	"gantry/lib/query"
)

var commands = cli.Commands{
	"diagnose": diagnose,
	"info":     info,
}

func main() { cli.Main(commands) }

func ask(ctx context.Context, env *cli.Env) ([]*query.ProviderRow, error) {
	cfg, err := env.Config()
	if err != nil {
		return nil, err
	}
	nodes, err := env.Nodes()
	if err != nil {
		return nil, err
	}
	return query.AskProviders(ctx, nodes, cfg), nil
}

func diagnose(c *cli.Command) {
	c.Usage("", "Shows every provider of external storage on every node, and what is wrong with it")
	cli.Priority(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		providers, err := ask(ctx, env)
		for _, p := range providers {
			describe(env, p)
		}
		return err
	})
}

// describe prints one provider: the nodes that have it in order, the others, and the groups.
func describe(env *cli.Env, p *query.ProviderRow) {
	env.Println("Provider: %s\n---", p.Name)
	for _, good := range []bool{true, false} {
		for _, uuid := range p.UUIDs() {
			if list := p.Nodes[uuid]; (len(list) > 0 && list[0].Valid) == good {
				onNode(env, uuid, list)
			}
		}
	}
	env.Println("  --")
	for _, g := range p.Groups {
		env.Println("  For nodegroup: %s --> %s", g.Name, judged(g.Valid, ""))
	}
	env.Println("")
}

func onNode(env *cli.Env, uuid string, list []extstorage.Provider) {
	if len(list) == 0 {
		env.Println("  Node: %s, status: ExtStorage provider not found", uuid)
		return
	}
	text := judged(list[0].Valid, list[0].Reason) + " (path: " + list[0].Path + ")"
	if len(list[0].Parameters) > 0 {
		var names []string
		for _, p := range list[0].Parameters {
			names = append(names, p.Name)
		}
		text += " [parameters: " + strings.Join(names, ", ") + "]"
	} else {
		text += " [no parameters]"
	}
	env.Println("  Node: %s, status: %s", uuid, text)
	for _, hidden := range list[1:] {
		env.Println("    [hidden] path: %s, status: %s", hidden.Path, judged(hidden.Valid, hidden.Reason))
	}
}

func judged(valid bool, reason string) string {
	switch {
	case valid:
		return "valid"
	case reason == "":
		return "invalid"
	}
	return "invalid - " + reason
}

func info(c *cli.Command) {
	c.Usage("", "Shows providers of external storage with the groups that can use them and their parameters")
	cli.Priority(c)
	var names []string
	c.Any("provider", &names)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		providers, err := ask(ctx, env)
		if err != nil {
			return err
		}
		wanted := map[string]bool{}
		for _, name := range names {
			wanted[name] = true
		}
		for _, p := range providers {
			if len(names) == 0 || wanted[p.Name] {
				delete(wanted, p.Name)
				show(env, p)
			}
		}
		for _, name := range names {
			if wanted[name] {
				env.Println("%s: Not Found\n", name)
			}
		}
		return nil
	})
}

func show(env *cli.Env, p *query.ProviderRow) {
	env.Println("%s:\n  - Valid for nodegroups:", p.Name)
	for _, g := range p.Groups {
		if g.Valid {
			env.Println("      %s", g.Name)
		}
	}
	env.Println("  - Supported parameters:")
	for _, param := range p.Parameters() {
		env.Println("      %s: %s", param.Name, param.Help)
	}
	env.Println("")
}
