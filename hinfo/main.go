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
	h.Run(h.run)
}

// hinfo is one run of the command.
type hinfo struct {
	*htools.Options
}

func (h *hinfo) run(ctx context.Context) error {
	if err := h.Load(ctx); err != nil {
		return err
	}
	c := h.Cluster
	h.ShowTags()
	if h.Level() > 2 {
		h.ShowPolicy()
	}
	if err := h.SetNodes(); err != nil {
		return err
	}
	h.showLoaded()
	h.showGroups()
	if err := h.TableInstances("Instances", c.Nodes, c.Instances); err != nil {
		return err
	}
	h.TableNodes("Cluster", c.Nodes)
	fmt.Fprintf(h.Env.Out, "Cluster coefficients:\n%s", report.Score(balance.Metrics(c.Nodes), "  "))
	h.Env.Println("Cluster score: %s", number.Fixed(balance.Score(c.Nodes), 8))
	return nil
}

func (h *hinfo) showLoaded() {
	c := h.Cluster
	if len(c.Instances) == 0 && h.Level() > 1 {
		h.Env.Println("Cluster is empty.")
	}
	h.Env.Println("Loaded %s, %s, %s", count(len(c.Nodes), "node"), count(len(c.Instances), "instance"), count(len(c.Groups), "node group"))
	if suffix := c.Suffix(); suffix != "" && h.Level() > 2 {
		h.Env.Println("Note: Stripping common suffix of '%s' from names", suffix)
	}
	split := c.SplitInstances()
	switch {
	case len(split) > 0:
		h.Env.Println("Found instances belonging to multiple node groups:")
		for _, i := range split {
			h.Env.Warn("  %s", i.Name)
		}
	case h.Level() > 1:
		h.Env.Println("No split instances found")
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (h *hinfo) showGroups() {
	happy := true
	var rows []report.GroupRow
	for _, p := range h.Cluster.Parts() {
		badNodes, badInstances := balance.BadNodes(p.Nodes)
		happy = happy && len(badNodes) == 0
		rows = append(rows, report.GroupRow{
			Name: p.Group.Name, Nodes: len(p.Nodes.Present()), Instances: len(p.Instances.Present()),
			BadNodes: len(badNodes), BadInstances: badInstances, Score: balance.Score(p.Nodes),
		})
	}
	if h.Level() > 1 {
		fmt.Fprintf(h.Env.Out, "Node group information:\n%s", report.Groups(rows, "  "))
	}
	state := "happy"
	if !happy {
		state = "unhappy"
	}
	h.Env.Println("Cluster is N+1 %s", state)
}
