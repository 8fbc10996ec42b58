package main

import (
	"context"

	"gantry/lib/cli"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/node"
	"gantry/lib/unit"
)

func modify(c *cli.Command) {
	c.Usage("<node-name>", "Changes a node's role, abilities or parameters")
	var op node.Modify
	var nd unit.Params
	var hv, disk []unit.Ident
	c.Flag("force", "Do not ask for confirmation, and set an ssh_port where nobody answers").Short('f').BoolVar(&op.Force)
	cli.Submit(c)
	c.Flag("master-candidate", "Whether it holds a copy of the configuration").Short('C').Meta("yes|no").YesNoPtr(&op.MasterCandidate)
	c.Flag("drained", "Whether it takes no new instances").Short('D').Meta("yes|no").YesNoPtr(&op.Drained)
	c.Flag("offline", "Whether it is off; saying so is your word that nothing runs there").Short('O').Meta("yes|no").YesNoPtr(&op.Offline)
	c.Flag("master-capable", "Whether it may become a master candidate").Meta("yes|no").YesNoPtr(&op.MasterCapable)
	c.Flag("vm-capable", "Whether it may hold instances").Meta("yes|no").YesNoPtr(&op.VMCapable)
	c.Flag("secondary-ip", "Address of the machine on the replication network").Short('s').Meta("ADDRESS").NameVar(&op.SecondaryIP, "secondary_ip")
	c.Flag("auto-promote", "Make other nodes master candidates if too few are left").BoolVar(&op.AutoPromote)
	cli.DryRun(c)
	cli.Priority(c)
	c.Flag("node-parameters", "Node parameters").Meta("NDPARAMS").ParamsVar(&nd)
	c.Flag("node-powered", "Whether it is thought to be powered on").Meta("yes|no").YesNoPtr(&op.Powered)
	c.Flag("hypervisor-state", "Resources kept for the hypervisors").Meta("HV_STATE").IdentsVar(&hv)
	c.Flag("disk-state", "Resources kept of the storage").Meta("DISK_STATE").IdentsVar(&disk)
	c.One("node", &op.Name)

	c.Run(func(ctx context.Context, env *cli.Env) error {
		op.NDParams = nd
		var err error
		if op.HVState, err = config.HVStates(hv); err != nil {
			return err
		}
		if op.DiskState, err = config.DiskStates(disk); err != nil {
			return err
		}
		if !given(op) && hv == nil && disk == nil {
			return fault.Say("Please give at least one of the parameters.")
		}
		if op.Offline != nil && !*op.Offline && !op.Force {
			if !env.Confirm("Setting node %s to online state without using --readd leaves old files on it in place. Continue?", op.Name) {
				return cli.Declined
			}
		}
		var changes [][2]any
		if err := env.SubmitFor(ctx, op, &changes); err != nil {
			return err
		}
		if len(changes) > 0 {
			env.Println("Modified node %s", op.Name)
		}
		for _, change := range changes {
			env.Println(" - %-5s -> %s", change[0], unit.Str(change[1]))
		}
		return nil
	})
}

// given says whether there is anything to do. As in Ganeti --node-powered alone is not: it goes with another change.
func given(op node.Modify) bool {
	return op.MasterCandidate != nil || op.Drained != nil || op.Offline != nil || op.MasterCapable != nil || op.VMCapable != nil ||
		op.SecondaryIP != "" || op.NDParams != nil
}
