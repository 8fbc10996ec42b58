package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/osdef"
	"gantry/lib/query"
	"gantry/lib/unit"
)

func diagnose(c *cli.Command) {
	c.Usage("", "Shows every OS definition on every node, and what is wrong with it")
	cli.Priority(c)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		systems, err := ask(ctx, env)
		if err != nil {
			return err
		}
		status := 0
		for _, s := range systems {
			if !describe(env, s) {
				status = 1
			}
		}
		return fault.Status(status)
	})
}

// describe prints one OS and says whether it is in order everywhere.
func describe(env *cli.Env, s *query.OSRow) bool {
	var good, bad []string
	for uuid, found := range s.Nodes {
		if len(found) > 0 && found[0].Valid {
			good = append(good, uuid)
		} else {
			bad = append(bad, uuid)
		}
	}
	env.Println("%s", title(s, len(good), len(bad)))
	if len(s.Variants) > 0 {
		env.Println("  Variants: [%s]", strings.Join(s.Variants, ", "))
	}
	for _, uuids := range [][]string{good, bad} {
		unit.SortNames(uuids)
		for _, uuid := range uuids {
			onNode(env, uuid, s.Nodes[uuid])
		}
	}
	env.Println("")
	return len(bad) == 0
}

func title(s *query.OSRow, good, bad int) string {
	status := "partial valid"
	if bad == 0 {
		status = "valid"
	} else if good == 0 {
		status = "invalid"
	}
	text := fmt.Sprintf("OS: %s [global status: %s]", s.Name, status)
	if s.Hidden {
		text += " [hidden]"
	}
	if s.Blacklisted {
		text += " [blacklisted]"
	}
	return text
}

// onNode prints what a node has under the name: the definition in use, and those that it hides.
func onNode(env *cli.Env, uuid string, found []osdef.OS) {
	if len(found) == 0 {
		env.Println("  Node: %s, status: OS not found", uuid)
		return
	}
	env.Println("  Node: %s, status: %s", uuid, inUse(found[0]))
	for _, o := range found[1:] {
		env.Println("[hidden] path: %s, status: %s", o.Path, judged(o))
	}
}

func judged(o osdef.OS) string {
	if o.Valid {
		return "valid"
	}
	return "invalid - " + o.Reason
}

// The first versions of the interface that know variants and parameters.
const (
	withVariants   = 15
	withParameters = 20
)

func inUse(o osdef.OS) string {
	text := fmt.Sprintf("%s (path: %s)", judged(o), o.Path)
	newest := 0
	if len(o.APIVersions) == 0 {
		text += " [no API versions declared]"
	} else {
		newest = slices.Max(o.APIVersions)
		text += " [API versions: " + strings.Trim(unit.Repr(o.APIVersions), "[]") + "]"
	}
	if newest >= withVariants {
		text += listed("variants", o.Variants)
	}
	if newest >= withParameters {
		var names []string
		for _, p := range o.Parameters {
			names = append(names, p.Name)
		}
		text += listed("parameters", names)
	}
	if o.Trusted {
		return text + " [trusted]"
	}
	return text + " [untrusted]"
}

func listed(what string, names []string) string {
	if len(names) == 0 {
		return " [no " + what + "]"
	}
	return fmt.Sprintf(" [%s: %s]", what, strings.Join(names, ", "))
}
