package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/cluster"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

func delay(c *cli.Command) {
	c.Usage("[<opts>...] <duration>", "Makes a job that does nothing for some seconds")
	op := cluster.Delay{OnMaster: true, OnNodes: []string{}}
	var duration string
	c.Flag("no-master", "Do not wait on the master").FalseVar(&op.OnMaster)
	c.Flag("", "Wait on this node too; may be repeated").Short('n').Meta("ON_NODES").StringsVar(&op.OnNodes)
	c.Flag("repeat", "How often").Short('r').QueuedIntVar(&op.Repeat)
	c.Flag("interruptible", "Let the waiting be interrupted").Short('i').BoolVar(&op.Interruptible)
	c.Flag("no-locks", "Lock no node meanwhile").Short('l').BoolVar(&op.NoLocks)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("duration", &duration)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		seconds, err := strconv.ParseFloat(strings.TrimSpace(duration), 64)
		if err != nil {
			return fault.Say(fmt.Sprintf("could not convert string to float: %s", unit.Repr(duration)))
		}
		op.Duration = seconds
		return env.Submit(ctx, op)
	})
}
