// Command hcheck tells whether a cluster is healthy and whether balancing would help.
package main

import (
	"context"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hcheck{Options: htools.New(c), simulate: true}
	h.TextData()
	h.NoDiskMoves()
	h.DynUtil()
	h.IgnoreUtil()
	h.Evacuate()
	h.ExcludeInstances()
	h.ExclusionPrefixes()
	h.IAllocSource()
	h.NoInstanceMoves()
	h.Luxi()
	h.MachineReadable()
	h.MaxCPURatio()
	h.MaxLength()
	h.MinDiskRatio()
	h.MinGain()
	h.MinGainLimit()
	h.MinScore()
	h.IgnoreSoftErrors()
	c.Flag("no-simulation", "do not perform rebalancing simulation").FalseVar(&h.simulate)
	h.OfflineNodes()
	h.Quiet()
	h.RAPI()
	h.SelectInstances()
	h.NoCapacityChecks()
	h.Verbosity()
	h.NoStorageKinds()
	h.Run(h.run)
}

// hcheck is one run of the command.
type hcheck struct {
	*htools.Options
	simulate bool
}

func (h *hcheck) run(ctx context.Context) error {
	if err := h.Open(ctx); err != nil {
		return err
	}
	c := h.Cluster
	parts := c.Parts()
	out := &output{env: h.Env, machine: h.Machine, silent: h.Level() < 1, capacity: h.CapacityChecks}
	before := h.check(parts)
	sick, err := before.needsRebalance()
	if err != nil && h.simulate && !h.Machine {
		return htools.Fail("%v", err)
	}
	out.verdict(h.simulate, sick)
	out.groups(c.Groups)
	if err := out.phase(before, false, sick); err != nil {
		return htools.Fail("%v", err)
	}
	rebalanced := sick && h.simulate
	if rebalanced {
		if parts, err = h.rebalance(parts); err != nil {
			return htools.Fail("%v", err)
		}
	}
	if rebalanced || h.Machine {
		if err := out.phase(h.check(parts), true, sick); err != nil {
			return htools.Fail("%v", err)
		}
	}
	out.finish()
	if rebalanced {
		return fault.Say("")
	}
	return nil
}

// check collects the figures of all groups.
func (h *hcheck) check(parts []balance.Part) figures {
	list := make(figures, len(parts))
	for k, p := range parts {
		list[k] = measure(p, h.CapacityChecks)
	}
	return list
}

// rebalance does what hbal would do to each group.
func (h *hcheck) rebalance(parts []balance.Part) ([]balance.Part, error) {
	balanced := make([]balance.Part, len(parts))
	for k, p := range parts {
		table, _, err := balance.Solve(balance.NewTable(p.Nodes, p.Instances), h.Balance, nil)
		if err != nil {
			return nil, err
		}
		balanced[k] = balance.Part{Group: p.Group, Nodes: table.Nodes, Instances: table.Instances}
	}
	return balanced, nil
}
