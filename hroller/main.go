// Command hroller finds sets of nodes that can be rebooted at the same time.
package main

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hroller{Options: htools.New(c)}
	h.Luxi()
	h.RAPI()
	h.TextData()
	h.IAllocSource()
	h.OfflineNodes()
	c.Flag("offline-maintenance", "Schedule offline maintenance, i.e., pretend that all instance are offline.").BoolVar(&h.offlineMaintenance)
	h.Verbosity()
	h.Quiet()
	h.HeaderLine()
	h.List("node-tags", "TAG,...", "string", "Restrict to nodes with the given tags", &h.tags)
	h.SaveCluster()
	h.TargetGroup()
	c.Flag("print-moves", "print the moves of the instances").BoolVar(&h.printMoves)
	c.Flag("full-evacuation", "fully evacuate the nodes to be rebooted").BoolVar(&h.evacuate)
	c.Flag("skip-non-redundant", "Skip nodes that host a non-redundant instance").BoolVar(&h.skipNonRedundant)
	c.Flag("ignore-non-redundant", "Pretend that there are no non-redundant instances in the cluster").BoolVar(&h.ignoreNonRedundant)
	c.Flag("force", "force the execution of this program, even if warnings would otherwise prevent it").Short('f').BoolVar(&h.force)
	c.Flag("one-step-only", "Only do the first step").BoolVar(&h.firstOnly)
	h.StaticKVMMemory()
	h.Run(h.run)
}

// hroller is one run of the command.
type hroller struct {
	*htools.Options
	offlineMaintenance bool
	tags               []string
	printMoves         bool
	evacuate           bool
	skipNonRedundant   bool
	ignoreNonRedundant bool
	force              bool
	firstOnly          bool
}

func (h *hroller) run(ctx context.Context) error {
	if err := h.Load(ctx); err != nil {
		return err
	}
	c := h.Cluster
	if err := h.checkMaster(); err != nil {
		return err
	}
	loaded := c.Clone() // what is saved knows nothing of the command line, but a wrong name in it comes first
	if err := h.SetNodes(); err != nil {
		return err
	}
	if err := h.SaveState("original", "before hroller run", loaded, loaded.Whole()); err != nil {
		return err
	}
	selected, err := h.selectNodes()
	if err != nil {
		return err
	}
	graph := balance.NewGraph(selected, c.Nodes, c.Instances, !h.offlineMaintenance)
	if graph == nil {
		return htools.Fail("Cannot create node graph")
	}
	if h.Level() > 2 {
		h.Env.Println("Node Graph: %s", graph.Show(c.Nodes[0].FirstIndex))
	}
	colorings := graph.Colorings()
	roller := balance.Roller{Nodes: c.Nodes, Instances: c.Instances}
	groups, err := h.rebootGroups(roller, balance.Smallest(colorings).Classes)
	if err != nil {
		return htools.Fail("%v", err)
	}
	if h.Level() > 1 {
		h.Env.Println("%s", balance.Statistics(colorings))
	}
	h.show(roller, h.order(groups, selected))
	return nil
}

func (h *hroller) checkMaster() error {
	var masters []string
	for _, n := range h.Cluster.Nodes {
		if n.Master {
			masters = append(masters, n.Name)
		}
	}
	switch {
	case len(masters) > 1:
		return htools.Fail("Found more than one master node: %s", number.QuoteList(masters))
	case len(masters) == 1:
		return nil
	case h.force:
		h.Env.Warn("Warning: No master node found (maybe not supported by backend).")
		return nil
	}
	return htools.Fail("No master node found (maybe not supported by backend).")
}

// selectNodes returns the nodes to reboot.
func (h *hroller) selectNodes() (balance.NodeList, error) {
	var group *balance.Group
	if h.Group != nil {
		var err error
		if group, err = balance.FindGroup(h.Cluster.Groups, *h.Group); err != nil {
			return nil, htools.Fail("Cannot find target group.")
		}
	}
	selected := make(balance.NodeList, len(h.Cluster.Nodes))
	for k, n := range h.Cluster.Nodes {
		if !n.Offline && h.hasTag(n) && (group == nil || n.Group == group.Index) && !(h.skipNonRedundant && h.nonRedundant(n)) {
			selected[k] = n
		}
	}
	return selected, nil
}

func (h *hroller) hasTag(n *balance.Node) bool {
	return h.tags == nil || slices.ContainsFunc(n.Tags, func(tag string) bool { return slices.Contains(h.tags, tag) })
}

func (h *hroller) nonRedundant(n *balance.Node) bool {
	return slices.ContainsFunc(n.Primaries(), func(k int) bool { return !h.Cluster.Instances[k].Mirrored() })
}

func (h *hroller) rebootGroups(r balance.Roller, classes [][]int) ([]balance.RebootGroup, error) {
	groups := r.Groups(classes)
	var err error
	if !h.ignoreNonRedundant {
		if groups, err = r.SplitNonRedundant(groups); err != nil {
			return nil, err
		}
	}
	if h.evacuate {
		return r.Evacuate(groups)
	}
	return groups, nil
}

// order keeps the selected nodes and sorts groups by size; the group with the master comes last and the master last in it.
func (h *hroller) order(groups []balance.RebootGroup, selected balance.NodeList) []balance.RebootGroup {
	isMaster := func(n int) bool { return h.Cluster.Nodes[n].Master }
	for k := range groups {
		g := &groups[k]
		g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n int) bool { return selected[n] == nil })
	}
	slices.SortStableFunc(groups, func(a, b balance.RebootGroup) int { return len(b.Nodes) - len(a.Nodes) })
	mastersLast(groups, func(g balance.RebootGroup) bool { return slices.ContainsFunc(g.Nodes, isMaster) })
	for _, g := range groups {
		mastersLast(g.Nodes, isMaster)
	}
	return groups
}

func mastersLast[T any](list []T, master func(T) bool) {
	slices.SortStableFunc(list, func(a, b T) int {
		switch {
		case master(a) == master(b):
			return 0
		case master(a):
			return 1
		}
		return -1
	})
}

func (h *hroller) show(r balance.Roller, groups []balance.RebootGroup) {
	title := "'Node Reboot Groups'"
	if h.firstOnly {
		title = "'First Reboot Group'"
		groups = groups[:min(1, len(groups))]
	}
	if !h.NoHeaders {
		h.Env.Println("%s", title)
	}
	for _, g := range groups {
		h.showGroup(r, g)
	}
}

func (h *hroller) showGroup(r balance.Roller, g balance.RebootGroup) {
	var names []string
	for _, n := range g.Nodes {
		names = append(names, h.Cluster.Nodes[n].Name)
	}
	if !h.firstOnly {
		names = []string{strings.Join(names, ",")}
	}
	for _, line := range names { // there may be none in the first group
		h.Env.Println("%s", line)
	}
	if !h.printMoves {
		return
	}
	for _, m := range r.Relocations(g) {
		line := "  " + m.Instance.Name + " " + m.Primary.Name
		if m.Secondary != nil {
			line += " " + m.Secondary.Name
		}
		h.Env.Println("%s", line)
	}
}
