package main

import (
	"context"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func replaceDisks(c *cli.Command) {
	c.Usage("[-s|-p|-a|-n NODE|-I NAME] <instance-name>", "Gives mirrored disks new volumes, or another secondary node")
	var op instance.ReplaceDisks
	var disks *string
	primary := c.Flag("on-primary", "New volumes on the primary node").Short('p').Bool()
	secondary := c.Flag("on-secondary", "New volumes on the secondary node").Short('s').Bool()
	auto := c.Flag("auto", "New volumes for disks that are broken, on whichever node they are").Short('a').Bool()
	c.Flag("new-secondary", "The node that is the secondary from now on").Short('n').Meta("NODE").Complete("node").NameVar(&op.RemoteNode, "remote_node")
	c.Flag("iallocator", "Program that chooses that node").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("disks", "Only these, by their numbers with commas between").Meta("DISKS").StringPtr(&disks)
	c.Flag("early-release", "Remove the old volumes before the new ones have all data").BoolVar(&op.EarlyRelease)
	c.Flag("ignore-ipolicy", "Do not hold it against the policy of the new node's group").BoolVar(&op.IgnoreIPolicy)
	cli.DryRun(c)
	cli.Priority(c)
	cli.Submit(c)
	c.One("instance", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) (err error) {
		if op.Disks, err = diskNumbers(disks); err != nil {
			return err
		}
		modes := map[string]bool{instance.ReplacePrimary: *primary, instance.ReplaceSecondary: *secondary, instance.ReplaceAuto: *auto,
			instance.ReplaceNode: op.RemoteNode != "" || op.IAllocator != ""}
		chosen := 0
		for mode, is := range modes {
			if is {
				op.Mode = mode
				chosen++
			}
		}
		switch {
		case chosen != 1 || op.RemoteNode != "" && op.IAllocator != "":
			return fault.Refuse(fault.WrongInput, "One and only one of the -p, -s, -a, -n and -I options must be passed")
		case op.Mode == instance.ReplaceAuto && len(op.Disks) > 0:
			return fault.Refuse(fault.WrongInput, "Cannot specify disks when using automatic mode")
		}
		return env.Submit(ctx, op)
	})
}

// diskNumbers reads "0,2".
func diskNumbers(text *string) ([]int, error) {
	numbers := []int{}
	if text == nil {
		return numbers, nil
	}
	for word := range strings.SplitSeq(*text, ",") {
		n, err := unit.ParseInt64(word)
		if err != nil {
			return nil, fault.Refuse(fault.WrongInput, "Invalid disk index passed: invalid literal for int() with base 10: %s", unit.Repr(word))
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}
