package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/node"
	"gantry/lib/table"
)

// unclear stands in tables where a helper is missing or failed.
var unclear = map[node.OOBStatus]string{node.OOBUnavailable: "(unavail)", node.OOBNoData: "(nodata)"}

func power(c *cli.Command) {
	c.Usage("on|off|cycle|status [<node-name>...]", "Has the helper programs of nodes switch their power, or say whether it is on")
	op := node.OOB{Names: []string{}, Timeout: 60, PowerDelay: 2}
	cli.Submit(c)
	promote := c.Flag("auto-promote", "Make other nodes master candidates if too few are left").Bool()
	cli.Priority(c)
	c.Flag("ignore-status", "Switch off nodes that are not marked offline, and leave that mark alone").BoolVar(&op.IgnoreStatus)
	force := c.Flag("force", "Do not ask for confirmation").Short('f').Bool()
	t := statusTable(c)
	c.Flag("oob-timeout", "How many seconds a helper may take").IntVar(&op.Timeout)
	c.Flag("power-delay", "Seconds to wait between two nodes that are switched on").FloatVar(&op.PowerDelay)
	var words []string
	c.Some("node", &words)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		what := words[0]
		op.Names, op.Command = words[1:], "power-"+what
		if !slices.Contains([]string{"on", "off", "cycle", "status"}, what) {
			return fault.Say(fmt.Sprintf("power subcommand %s not supported.", what))
		}
		if what == "off" || what == "cycle" {
			if len(op.Names) == 0 {
				return fault.Say("Please provide at least one node for this command")
			}
			if !*force && !env.ConfirmAll("power "+what, "nodes", op.Names) {
				return cli.Declined
			}
		}
		var ops []job.Operation
		if what == "off" && !op.IgnoreStatus {
			for _, name := range op.Names {
				ops = append(ops, node.Modify{Name: name, Offline: new(true), AutoPromote: *promote})
			}
		}
		results, err := oobResults(env.SubmitTogether(ctx, append(ops, op)...))
		if err != nil {
			return err
		}
		return writeStatus(env, t, results, func(r node.OOBResult) ([]string, error) {
			if what != "status" {
				return []string{"invoked"}, nil
			}
			on, err := r.Powered()
			return []string{map[bool]string{true: "powered", false: "unpowered"}[on]}, err
		})
	})
}

// statusTable declares the options of the tables of nodes and their state.
func statusTable(c *cli.Command) *table.Table {
	t := &table.Table{Columns: []table.Column{{Title: "Node"}, {Title: "Status"}}, PadTitle: true}
	c.Flag("no-headers", "Leave out the titles").BoolVar(&t.NoHeaders)
	c.Flag("separator", "Put this between the columns").StringPtr(&t.Separator)
	return t
}

// oobResults reads the last result of a job.
func oobResults(all []json.RawMessage, err error) (results []node.OOBResult, _ error) {
	if err != nil {
		return nil, err
	}
	return results, json.Unmarshal(all[len(all)-1], &results)
}

// writeStatus prints a line or more for each node. The status is 1 when a helper is missing or failed.
func writeStatus(env *cli.Env, t *table.Table, results []node.OOBResult, lines func(node.OOBResult) ([]string, error)) error {
	bad := false
	for _, r := range results {
		shown := []string{unclear[r.Status]}
		if r.Status == node.OOBNormal {
			var err error
			if shown, err = lines(r); err != nil {
				return err
			}
		} else {
			bad = true
		}
		for i, line := range shown {
			t.Rows = append(t.Rows, []string{map[bool]string{true: r.Node}[i == 0], line})
		}
	}
	if err := t.Write(env.Out); err != nil || !bad {
		return err
	}
	return fault.Status(1)
}
