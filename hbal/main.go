// Command hbal finds moves that balance the nodes of a group.
package main

import (
	"context"
	"fmt"
	"slices"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/balance/report"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	o := htools.New(c)
	o.PrintNodes()
	o.PrintNodesUnlisted()
	o.PrintInstances()
	o.PrintCommands()
	o.TextData()
	o.Evacuate()
	o.RestrictedMigration()
	o.RAPI()
	o.Luxi()
	o.IAllocSource()
	o.Execute()
	o.FirstJobs()
	o.JobReason()
	o.TargetGroup()
	o.MaxLength()
	o.Verbosity()
	o.NoStorageKinds()
	o.Quiet()
	o.OfflineNodes()
	o.StaticKVMMemory()
	o.MinScore()
	o.MaxCPURatio()
	o.MinDiskRatio()
	o.MinGain()
	o.MinGainLimit()
	o.NoDiskMoves()
	o.SelectInstances()
	o.NoInstanceMoves()
	o.IgnoreSoftErrors()
	o.DynUtil()
	o.IgnoreUtil()
	o.QueryMonD()
	o.MonDData()
	o.MonDExitMissing()
	o.MonDXen()
	o.ExclusionPrefixes()
	o.ExcludeInstances()
	o.SaveCluster()
	o.JobPriority()
	o.Run(func(ctx context.Context) error {
		h := &hbal{Options: o, verbose: o.Level()}
		return h.run(ctx)
	})
}

// hbal is one run of the command.
type hbal struct {
	*htools.Options
	verbose int
	part    balance.Part // the group to balance
}

func (h *hbal) run(ctx context.Context) error {
	if err := h.Load(ctx); err != nil {
		return err
	}
	c := h.Cluster
	if h.verbose > 1 {
		h.ShowTags()
		h.ShowPolicy()
	}
	loaded := c.Clone() // what is saved first knows nothing of the command line
	if err := h.SetNodes(); err != nil {
		return err
	}
	if len(c.Instances) == 0 {
		h.Env.Println("Cluster is empty, exiting.")
		return nil
	}
	h.showLoaded()
	if err := h.SaveState("original", "before balancing", loaded, loaded.Whole()); err != nil {
		return err
	}
	var err error
	if h.part, err = h.selectGroup(); err != nil {
		return err
	}
	h.showGroup()
	if err := h.TableInstances("Initial", h.part.Nodes, h.part.Instances); err != nil {
		return err
	}
	h.TableNodes("Initial cluster", h.part.Nodes)
	return h.balance(ctx)
}

func (h *hbal) showLoaded() {
	c := h.Cluster
	h.Env.Println("Loaded %d nodes, %d instances", len(c.Nodes), len(c.Instances))
	if split := c.SplitInstances(); len(split) > 0 && h.verbose > 1 {
		h.Env.Warn("Found instances belonging to multiple node groups:")
		for _, i := range split {
			h.Env.Warn("  %s", i.Name)
		}
		h.Env.Warn("These instances will not be moved.")
	}
	if suffix := c.Suffix(); suffix != "" && h.verbose > 1 {
		h.Env.Println("Note: Stripping common suffix of '%s' from names", suffix)
	}
}

// selectGroup returns the group to work on: the one asked for, or the only one.
func (h *hbal) selectGroup() (balance.Part, error) {
	parts := h.Cluster.Parts()
	if h.Group != nil {
		g, err := balance.FindGroup(h.Cluster.Groups, *h.Group)
		if err != nil {
			return balance.Part{}, h.abort(fmt.Sprintf("Node group %s not found. Node group list is:", *h.Group), h.Cluster.Groups)
		}
		return h.Cluster.Part(g), nil
	}
	if len(parts) > 1 {
		var groups []*balance.Group
		for _, p := range parts {
			groups = append(groups, p.Group)
		}
		return balance.Part{}, h.abort("Found multiple node groups:", groups)
	}
	return parts[0], nil
}

func (h *hbal) abort(why string, groups []*balance.Group) error {
	h.Env.Warn("%s", why)
	for _, g := range groups {
		h.Env.Warn("  %s", g.Name)
	}
	return htools.Fail("Aborting.")
}

// showGroup prints what the group is like before anything is done.
func (h *hbal) showGroup() {
	nodes, instances := h.part.Nodes, h.part.Instances
	h.Env.Println("Group size %d nodes, %d instances", len(nodes.Present()), len(instances.Present()))
	h.Env.Println("Selected node group: %s", h.part.Group.Name)
	bad, affected := balance.BadNodes(nodes)
	if h.verbose > 0 {
		h.Env.Println("Initial check done: %d bad nodes, %d bad instances.", len(bad), affected)
	}
	if h.verbose > 4 {
		h.Env.Println("%s", report.Health(nodes, bad))
	}
	if len(bad) > 0 {
		h.Env.Println("Cluster is not N+1 happy, continuing but no guarantee that the cluster will end N+1 happy.")
	}
	h.showViolations(bad)
}

// showViolations warns of nodes that break their policy; bad ones have been counted already.
func (h *hbal) showViolations(bad []*balance.Node) {
	count := 0
	for _, n := range h.part.Nodes.Present() {
		if !slices.Contains(bad, n) && n.PolicyViolation() != balance.OK {
			count++
		}
	}
	if count == 0 {
		return
	}
	h.Env.Println("The cluster contains %d policy-violating nodes.", count)
	if h.Balance.IgnoreSoftErrors {
		h.Env.Println("Continuing, ignoring soft errors.")
	} else {
		h.Env.Println("Continuing, but the set of moves might be too restricted; consider using the --ignore-soft-errors option.")
	}
}

func (h *hbal) balance(ctx context.Context) error {
	start := balance.NewTable(h.part.Nodes, h.part.Instances)
	optimum := balance.Optimum(h.part.Nodes)
	if h.verbose > 2 {
		h.Env.Println("Initial coefficients: overall %s\n%s", number.Fixed(start.Score, 8), h.metrics(h.part.Nodes))
	} else {
		h.Env.Println("Initial score: %s", number.Fixed(start.Score, 8))
	}
	if start.Score-optimum < h.Balance.MinScore {
		h.Env.Println("Cluster is already well balanced (initial score %s,\noptimum score due to N+1 reservations %s,\n"+
			"minimum score %s).\nNothing to do, exiting",
			number.General(start.Score), number.General(optimum), number.General(h.Balance.MinScore))
		return nil
	}
	h.Env.Println("Trying to minimize the CV...")
	final, moves, err := h.search(start)
	if err != nil {
		return htools.Fail("%v", err)
	}
	h.showSolution(start, final, moves)
	return h.finish(ctx, final, moves)
}

func (h *hbal) metrics(nodes balance.NodeList) string {
	table := report.Score(balance.Metrics(nodes), "  ")
	return table[:len(table)-1]
}

// search looks for moves and prints each as it is found.
func (h *hbal) search(start *balance.Table) (*balance.Table, []balance.Commands, error) {
	line := report.NewSolution(h.part.Nodes, h.part.Instances)
	var moves []balance.Commands
	final, _, err := balance.Solve(start, h.Balance, func(p balance.Placed) {
		h.Env.Println("%s", line.Move(len(moves)+1, p))
		moves = append(moves, balance.Commands{Placed: p, Lines: p.Commands(h.part.Nodes, p.Instance.Alias)})
	})
	return final, moves, err
}

func (h *hbal) showSolution(start, final *balance.Table, moves []balance.Commands) {
	switch {
	case len(moves) == 0:
		h.Env.Println("No solution found")
	case h.verbose > 2:
		h.Env.Println("Final coefficients:   overall %s\n%s", number.Fixed(final.Score, 8), h.metrics(final.Nodes))
	default:
		h.Env.Println("Cluster score improved from %s to %s", number.Fixed(start.Score, 8), number.Fixed(final.Score, 8))
	}
	if h.verbose > 0 {
		h.Env.Println("Solution length=%d", len(moves))
	}
}

// finish prints or saves what the user wants of the result.
func (h *hbal) finish(ctx context.Context, final *balance.Table, moves []balance.Commands) error {
	sets := balance.JobSets(moves)
	if err := h.ShowCommands(sets); err != nil {
		return err
	}
	after := balance.Part{Group: h.part.Group, Nodes: final.Nodes, Instances: final.Instances}
	if err := h.SaveState("balanced", "after balancing", h.Cluster, after); err != nil {
		return err
	}
	if err := h.TableInstances("Final", final.Nodes, final.Instances); err != nil {
		return err
	}
	h.TableNodes("Final cluster", final.Nodes)
	if h.verbose > 3 {
		h.showTotals("Original:", h.part.Nodes)
		h.showTotals("Final:   ", final.Nodes)
	}
	switch {
	case !h.Exec || len(sets) == 0:
		return nil
	case !h.Live:
		return htools.Fail("hbal: Execution of commands possible only on LUXI")
	case h.FirstJobGroup:
		sets = sets[:min(1, len(sets))]
	}
	return h.execute(ctx, final, sets)
}

func (h *hbal) showTotals(title string, nodes balance.NodeList) {
	mem, disk := 0, 0
	for _, n := range nodes.Present() {
		mem += n.Unallocated()
		disk += n.FreeDisk()
	}
	h.Env.Println("%s mem=%d disk=%d", title, mem, disk)
}
