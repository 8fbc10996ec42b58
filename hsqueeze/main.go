// Command hsqueeze finds nodes that can be switched off, or have to be switched on.
package main

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/job"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hsqueeze{Options: htools.New(c), minimal: 2, target: 2}
	h.Luxi()
	h.TextData()
	h.Execute()
	h.Real("minimal-resources", "FACTOR", "minimal resources", "minimal resources to be present on each in multiples of the "+
		"standard allocation for not onlining standby nodes", &h.minimal)
	h.Real("target-resources", "FACTOR", "target resources", "target resources to be left on each node after squeezing in "+
		"multiples of the standard allocation", &h.target)
	h.SaveCluster()
	h.NoStorageKinds()
	h.PrintCommands()
	h.Verbosity()
	h.HeaderLine()
	h.StaticKVMMemory()
	h.Run(h.run)
}

// hsqueeze is one run of the command.
type hsqueeze struct {
	*htools.Options
	minimal, target float64
}

func (h *hsqueeze) run(ctx context.Context) error {
	if err := h.Load(ctx); err != nil {
		return err
	}
	c := h.Cluster
	if err := h.SaveState("original", "before hsqueeze run", c, c.Whole()); err != nil {
		return err
	}
	s := balance.Squeezer{
		Options: h.Balance, Nodes: c.Nodes, Instances: c.Instances,
		Minimal: c.Policy.Std.Scaled(h.minimal), Target: c.Policy.Std.Scaled(h.target),
	}
	if h.Level() > 1 {
		h.Env.Println("Offline candidates: %s", strings.Join(names(s.OfflineCandidates()), ","))
		h.Env.Println("Online candidates: %s", strings.Join(names(s.StandbyNodes()), ","))
	}
	sets, err := h.decide(s)
	switch {
	case err != nil || !h.Exec || len(sets) == 0:
		return err
	case !h.Live:
		return htools.Fail("hsqueeze: Execution of commands possible only on LUXI")
	}
	return h.Make(ctx, slices.DeleteFunc(sets, func(set []job.Request) bool { return len(set) == 0 }))
}

// decide says what is to be done, and gives the sets of jobs that do it.
func (h *hsqueeze) decide(s balance.Squeezer) ([][]job.Request, error) {
	if !s.HasRoom() {
		result, err := s.Expand()
		if err != nil {
			return nil, htools.Fail("%v", err)
		}
		return h.expansion(result), h.expand(result)
	}
	result, err := s.Shrink()
	if err != nil {
		return nil, htools.Fail("%v", err)
	}
	if len(result.Changed) == 0 {
		return nil, h.nothing(result)
	}
	return h.condensation(result), h.shrink(result)
}

func names(nodes []*balance.Node) []string {
	var list []string
	for _, n := range nodes {
		list = append(list, n.Name)
	}
	return list
}

// list prints a title and the nodes.
func (h *hsqueeze) list(title string, nodes []*balance.Node) {
	if !h.NoHeaders {
		h.Env.Println("'%s'", title)
	}
	for _, name := range names(nodes) {
		h.Env.Println("%s", name)
	}
}

func (h *hsqueeze) nothing(r *balance.Squeezed) error {
	h.list("No action", nil)
	return h.finish(r, "after hsqueeze doing nothing", "echo Nothing to do")
}

func (h *hsqueeze) expand(r *balance.Squeezed) error {
	h.list("Nodes to online", r.Changed)
	if !r.Enough && h.Level() > 1 {
		h.Env.Println("Onlining all nodes will not yield enough capacity")
	}
	script := "echo Power Commands\n"
	for _, n := range r.Changed {
		script += "  gnt-node power -f on " + n.Alias + "\n"
	}
	return h.finish(r, "after hsqueeze expansion", script+h.moves(r))
}

func (h *hsqueeze) shrink(r *balance.Squeezed) error {
	h.list("Nodes to offline", r.Changed)
	script := h.moves(r) + "\necho Tagging Commands\n"
	for _, n := range r.Changed {
		script += "  gnt-node add-tags " + n.Alias + " " + balance.TagStandbyAuto + "\n"
	}
	script += "\necho Power Commands\n"
	for _, n := range r.Changed {
		script += "  gnt-node power -f off " + n.Alias + "\n"
	}
	return h.finish(r, "after hsqueeze run", script)
}

// sets are the moves of the instances, as sets that can be made together.
func (h *hsqueeze) sets(r *balance.Squeezed) [][]balance.Commands {
	var jobs []balance.Commands
	for _, m := range r.Moves {
		jobs = append(jobs, balance.Commands{Placed: m, Lines: m.Commands(h.Cluster.Nodes, m.Instance.Name)})
	}
	return balance.JobSets(jobs)
}

// moves returns the commands of a script that move the instances.
func (h *hsqueeze) moves(r *balance.Squeezed) string {
	var b strings.Builder
	for _, line := range balance.Script(h.sets(r)) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (h *hsqueeze) finish(r *balance.Squeezed, when, script string) error {
	part := balance.Part{Nodes: r.Nodes, Instances: r.Instances}
	if err := h.SaveState("squeezed", when, h.Cluster, part); err != nil {
		return err
	}
	return h.ShowScript("Commands to run:", script)
}
