package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/node"
)

func restrictedCommand(c *cli.Command) {
	c.Usage("<command> <node-name>...", "Runs a program of the administrator's directory of restricted commands on nodes")
	var op node.Restricted
	c.Flag("sync", "Lock the nodes meanwhile").BoolVar(&op.Locking)
	cli.Priority(c)
	cli.Submit(c)
	named := c.Flag("show-machine-names", "Put the node's name before each line").Short('M').Bool()
	var group *string
	c.Flag("node-group", "On the nodes of this group only").Short('g').Meta("<nodegroup>").StringPtr(&group)
	var words []string
	c.Some("restricted", &words)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if len(words) == 1 && (group == nil || *group == "") {
			return fault.Refuse(fault.WrongInput, "Node group or node names must be given")
		}
		_, nodes, err := env.OnlineNodes(words[1:], group)
		if err != nil {
			return err
		}
		op.Command, op.Nodes = words[0], cli.NodeNames(nodes)
		var results []node.RestrictedResult
		if err := env.SubmitFor(ctx, op, &results); err != nil {
			return err
		}
		failed := false
		for i, r := range results {
			failed = !show(env, op.Nodes[i], r, *named) || failed
		}
		if failed {
			return fault.Status(1)
		}
		return nil
	})
}

// show prints what one node said, and tells whether the command ended well there.
func show(env *cli.Env, name string, r node.RestrictedResult, named bool) bool {
	text, ok := r.Text()
	env.Println("------------------------------------------------")
	switch {
	case ok && named:
		for line := range strings.Lines(text) {
			env.Println("%s: %s", name, strings.TrimSuffix(line, "\n"))
		}
	case ok:
		env.Println("Node: %s", name)
		env.Println("%s", text)
	default:
		env.Println("%s", text)
	}
	return ok
}
