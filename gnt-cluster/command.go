package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/remote"
)

func command(c *cli.Command) {
	c.Usage("[-n <node-name>...] <command>", "Runs a command on nodes, one after the other")
	var names, words []string
	var group *string
	c.Flag("node", "Node to run it on; may be repeated").Short('n').Meta("<node>").StringsVar(&names)
	c.Flag("node-group", "Run it on the nodes of this group").Short('g').Meta("<nodegroup>").StringPtr(&group)
	showNames := c.Flag("show-machine-names", "Put the node's name before each line of output").Short('M').Bool()
	failures := c.Flag("failure-only", "Show only nodes where the command failed").Bool()
	c.Some("command", &words)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		_, nodes, err := chosen(env, names, group)
		if err != nil {
			return err
		}
		if err := env.Fenced(ctx); err != nil {
			return err
		}
		pool, err := env.Nodes()
		if err != nil {
			return err
		}
		for _, node := range cli.NodeNames(nodes) {
			result, err := pool.Run(ctx, node, asTyped(strings.Join(words, " ")))
			broken, failed := errors.AsType[*remote.Error](err)
			if err != nil && !failed {
				return err
			}
			if *failures && !failed {
				continue
			}
			show(env, node, result, broken, *showNames)
		}
		return nil
	})
}

// asTyped is what the user typed, for the node's own shell, as over ssh: with bash where there is one, in root's home, with root's
// usual umask, without limit.
func asTyped(line string) remote.Cmd {
	c := remote.Command("bash", "-c", "umask 022; "+line)
	c.Dir = "/root"
	c.Limit = remote.NoLimit
	c.Changes = "run a command of the operator"
	return c
}

func show(env *cli.Env, node string, result remote.Result, broken *remote.Error, names bool) {
	env.Println("------------------------------------------------")
	output := string(result.Stdout) + string(result.Stderr)
	if broken != nil && broken.Outcome != remote.Failed || broken != nil && broken.Status == 0 {
		output += broken.Error() + "\n"
	}
	if names {
		for line := range strings.Lines(output) {
			fmt.Fprintf(env.Out, "%s: %s\n", node, strings.TrimSuffix(line, "\n"))
		}
	} else {
		env.Println("node: %s", node)
		env.Println("%s", output) // as it came: an empty line follows it
	}
	status := result.Status
	if broken != nil && status == 0 {
		status = 255 // as ssh says it
	}
	env.Println("return code = %d", status)
}
