// Command hinfo shows what a cluster looks like to the htools.
package main

import (
	"context"
	"fmt"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/balance/report"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hinfo{Options: htools.New(c)}
	h.PrintNodes()
	h.PrintInstances()
	h.TextData()
	h.RAPI()
	h.Luxi()
	h.IAllocSource()
	h.Verbosity()
	h.NoStorageKinds()
	h.Quiet()
	h.OfflineNodes()
	h.IgnoreUtil()
	h.QueryMonD()
	h.MonDData()
	h.StaticKVMMemory()
	c.Run(func(ctx context.Context, env *cli.Env) error {
		h.env = env
		return h.run(ctx)
	})
}

// hinfo is one run of the command.
type hinfo struct {
	*htools.Options
	env     *cli.Env
	cluster *balance.Cluster
}

func (h *hinfo) run(ctx context.Context) error {
	c, err := h.Load(ctx, h.env)
	if err != nil {
		return err
	}
	h.cluster = c
	htools.ShowTags(h.env, c)
	if h.Level() > 2 {
		htools.ShowPolicy(h.env, c)
	}
	if err := h.SetNodes(c); err != nil {
		return err
	}
	h.showLoaded()
	h.showGroups()
	if err := h.TableInstances(h.env, "Instances", c.Nodes, c.Instances); err != nil {
		return err
	}
	h.TableNodes(h.env, "Cluster", c.Nodes)
	fmt.Fprintf(h.env.Out, "Cluster coefficients:\n%s", report.Score(balance.Metrics(c.Nodes), "  "))
	h.env.Println("Cluster score: %s", number.Fixed(balance.Score(c.Nodes), 8))
	return nil
}

func (h *hinfo) showLoaded() {
	c := h.cluster
	plural := "s"
	if len(c.Groups) == 1 {
		plural = ""
	}
	h.env.Println("Loaded %d nodes, %d instances, %d node group%s", len(c.Nodes), len(c.Instances), len(c.Groups), plural)
	if suffix := c.Suffix(); suffix != "" && h.Level() > 2 {
		h.env.Println("Note: Stripping common suffix of '%s' from names", suffix)
	}
	split := c.SplitInstances()
	switch {
	case len(split) > 0:
		h.env.Println("Found instances belonging to multiple node groups:")
		for _, i := range split {
			h.env.Warn("  %s", i.Name)
		}
	case h.Level() > 1:
		h.env.Println("No split instances found")
	}
}

func (h *hinfo) showGroups() {
	happy := true
	var rows []report.GroupRow
	for _, p := range h.cluster.Parts() {
		badNodes, badInstances := balance.BadNodes(p.Nodes, p.Instances)
		happy = happy && len(badNodes) == 0
		rows = append(rows, report.GroupRow{
			Name: p.Group.Name, Nodes: len(p.Nodes.Present()), Instances: len(p.Instances.Present()),
			BadNodes: len(badNodes), BadInstances: len(badInstances), Score: balance.Score(p.Nodes),
		})
	}
	if h.Level() > 1 {
		fmt.Fprintf(h.env.Out, "Node group information:\n%s", report.Groups(rows, "  "))
	}
	state := "happy"
	if !happy {
		state = "unhappy"
	}
	h.env.Println("Cluster is N+1 %s", state)
}
