package main

import (
	"context"
	"fmt"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/unit"
)

func tryAllocator(c *cli.Command) {
	c.Usage("{<opts>...} <instance-name>", "Shows what an allocator would be given, or what it answers")
	op := instance.TryAllocator{Direction: "in", Mode: instance.AskRelocate, VCPUs: 1, SpindleUse: 1, Count: 2, EvacMode: "all", Tags: []string{}, TargetGroups: []string{}}
	memory, vcpus, spindles := 128, 1, 1
	disks, nics, tags := "4096,4096", "00:11:22:33:44:55", ""
	c.Flag("dir", "Show what it is given (in) or what it answers (out)").Meta("DIRECTION").ChoiceVar(&op.Direction, "in", "out")
	c.Flag("iallocator", "The allocator to ask").Short('I').Meta("<NAME>").Complete("iallocator").NameVar(&op.IAllocator, "iallocator")
	c.Flag("mode", "What it is asked").Short('m').ChoiceVar(&op.Mode, instance.AskAllocate, instance.AskSecondary, instance.AskChangeGroup,
		instance.AskMulti, instance.AskEvacuate, instance.AskRelocate)
	c.Flag("memory", "Memory of a new instance").SizeVar(&memory)
	c.Flag("disks", "Sizes of the disks of a new instance, separated by commas").StringVar(&disks)
	c.Flag("disk-template", "Disk template of a new instance").Short('t').Meta("TEMPL").ChoiceVar(&op.DiskTemplate, config.DiskTemplates...)
	c.Flag("nics", "Interfaces of a new instance, separated by commas, each as MAC/IP/BRIDGE").StringVar(&nics)
	c.Flag("os-type", "Operating system of a new instance").Short('o').Meta("<os>").Complete("os").StringVar(&op.OS)
	c.Flag("vcpus", "Processors of a new instance").Short('p').IntVar(&vcpus)
	c.Flag("tags", "Tags of a new instance, separated by commas").StringVar(&tags)
	c.Flag("evac-mode", "Which nodes instances are to leave").ChoiceVar(&op.EvacMode, "all", "primary-only", "secondary-only")
	c.Flag("target-groups", "A group that instances may go to; may be repeated").StringsVar(&op.TargetGroups)
	c.Flag("spindle-use", "Spindles that a new instance uses").IntVar(&spindles)
	c.Flag("count", "How many instances to place").IntVar(&op.Count)
	cli.DryRun(c)
	cli.Priority(c)
	c.Some("instance", &op.Instances)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.Name, op.Memory, op.VCPUs, op.SpindleUse = op.Instances[0], int64(memory), int64(vcpus), int64(spindles)
		for text := range strings.SplitSeq(disks, ",") {
			mib, err := unit.ParseSize(text)
			if err != nil {
				return fault.Say(fmt.Sprintf("Invalid disks parameter '%s': %v", disks, err))
			}
			op.Disks = append(op.Disks, instance.AllocatorDisk{Size: int64(mib), Mode: "rw"})
		}
		for text := range strings.SplitSeq(nics, ",") {
			op.NICs = append(op.NICs, nicOf(text))
		}
		if tags != "" {
			op.Tags = strings.Split(tags, ",")
		}
		var text any // none of a dry run
		if err := env.SubmitFor(ctx, op, &text); err != nil {
			return err
		}
		env.Println("%s", unit.Str(text))
		return nil
	})
}

// nicOf reads MAC/IP/BRIDGE; what is missing or empty is nil.
func nicOf(text string) map[string]*string {
	parts := strings.Split(text, "/")
	nic := map[string]*string{"mac": nil, "ip": nil, "bridge": nil}
	for i, name := range []string{"mac", "ip", "bridge"} {
		if i < len(parts) && parts[i] != "" {
			nic[name] = &parts[i]
		}
	}
	return nic
}
