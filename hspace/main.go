// Command hspace tells how many instances a cluster can still take.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/balance/report"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
	"gantry/lib/fault"
)

func main() { cli.Tool(declare) }

func declare(c *cli.Command) {
	h := &hspace{Options: htools.New(c)}
	h.PrintNodes()
	h.TextData()
	h.declareTemplate(c)
	h.declareSpindleUse(c)
	h.SimulateSpec()
	h.RAPI()
	h.Luxi()
	h.IAllocSource()
	h.Verbosity()
	h.NoStorageKinds()
	h.Quiet()
	c.Flag("independent-groups", "Consider groups independently").BoolVar(&h.independent)
	c.Flag("accept-existing-errors", "Accept existing N+1 violations; just don't add new ones").BoolVar(&h.acceptExisting)
	h.OfflineNodes()
	h.NoCapacityChecks()
	h.MachineReadable()
	h.MaxCPURatio()
	h.MaxLength()
	h.MinDiskRatio()
	h.declareSpec(c, "standard-alloc", "STDSPEC", "standard", &h.standard)
	h.declareSpec(c, "tiered-alloc", "TSPEC", "tiered", &h.tiered)
	h.SaveCluster()
	h.StaticKVMMemory()
	h.Run(h.run)
}

// hspace is one run of the command.
type hspace struct {
	*htools.Options
	out                         output
	template                    *balance.Template
	spindleUse                  *int
	independent, acceptExisting bool
	standard, tiered            *balance.Spec // nil: as the cluster's policy says

	before  balance.Totals
	filler  *balance.Filler
	stopped bool // nothing may be allocated at all
}

func (h *hspace) declareTemplate(c *cli.Command) {
	f := c.Flag("disk-template", "select the desired disk template").Meta("TEMPLATE")
	var names []string
	for _, t := range balance.AllTemplates() {
		names = append(names, t.String())
	}
	f.Complete("choices=" + strings.Join(names, ",")).Func(func(s string) error {
		t, err := balance.ParseTemplate(s)
		h.template = &t
		return err
	})
}

func (h *hspace) declareSpindleUse(c *cli.Command) {
	f := c.Flag("spindle-use", "select how many virtual spindle instances use [default read from cluster]").Meta("SPINDLES")
	f.Complete("float").Func(func(s string) error {
		n, err := number.Int("parsing spindle-use", s)
		if err == nil && n < 0 {
			err = errors.New("Invalid value of the spindle-use (expected >= 0)")
		}
		h.spindleUse = &n
		return err
	})
}

func (h *hspace) declareSpec(c *cli.Command, name, meta, kind string, p **balance.Spec) {
	f := c.Flag(name, fmt.Sprintf("enable %s specs allocation, given as 'disk,ram,cpu'", kind)).Meta(meta).Complete("string")
	f.Func(func(s string) (err error) {
		*p, err = parseSpec(kind, s)
		return err
	})
}

// parseSpec reads disk, memory, CPUs and, if given, spindles.
func parseSpec(kind, s string) (*balance.Spec, error) {
	f := number.Split(s, ",")
	if len(f) != 3 && len(f) != 4 {
		return nil, fmt.Errorf("Invalid %s specification: '%s', expected disk,ram,cpu", kind, s)
	}
	what := kind + " specs "
	spec := &balance.Spec{DiskCount: 1, NICCount: 1, SpindleUse: 1}
	var err error
	if spec.Disk, err = number.Unit(f[0]); err != nil {
		return nil, fmt.Errorf("%sdisk: %w", what, err)
	}
	if spec.Mem, err = number.Unit(f[1]); err != nil {
		return nil, fmt.Errorf("%smemory: %w", what, err)
	}
	if spec.CPU, err = number.Int(what+"cpus", f[2]); err != nil {
		return nil, err
	}
	if len(f) == 4 {
		spec.SpindleUse, err = number.Int(what+"spindles", f[3])
	}
	return spec, err
}

func (h *hspace) run(ctx context.Context) error {
	if err := h.Open(ctx); err != nil {
		return err
	}
	c := h.Cluster
	if len(c.Policy.Templates) == 0 {
		return htools.Fail("null list of disk templates received from cluster")
	}
	template := c.Policy.Templates[0]
	if h.template != nil {
		template = *h.template
	}
	h.out = output{env: h.Env, machine: h.Machine}
	h.showInitial()
	if err := h.prepare(template); err != nil {
		return err
	}
	standard := h.beginStandard(template)
	if err := h.runTiered(template); err != nil {
		return err
	}
	if err := h.runStandard(template, standard); err != nil {
		return err
	}
	if err := h.runKinds(template); err != nil {
		return err
	}
	h.out.key("OK", "1")
	return nil
}

func (h *hspace) showInitial() {
	c := h.Cluster
	if suffix := c.Suffix(); suffix != "" && h.Level() > 1 {
		h.Env.Warn("Note: Stripping common suffix of '%s' from names", suffix)
	}
	h.TableNodes("Initial cluster", c.Nodes)
	if h.Level() > 2 {
		fmt.Fprintf(h.Env.Err, "Initial coefficients: overall %s\n%s", number.Fixed(balance.Score(c.Nodes), 8),
			report.Score(balance.Metrics(c.Nodes), "  "))
	}
	h.before = balance.SumUp(c.Nodes)
	h.out.exclusive = balance.AnyExclusive(c.Nodes)
	h.out.cluster(h.before, len(c.Nodes))
}

// prepare finds out which groups may take instances and on which nodes.
func (h *hspace) prepare(template balance.Template) error {
	c := h.Cluster
	h.filler = &balance.Filler{
		AllocOptions: balance.AllocOptions{Capacity: h.CapacityChecks, AcceptExisting: h.acceptExisting},
		Groups:       c.Groups, Limit: h.Balance.MaxMoves, Nodes: c.Nodes, Initial: c.Instances,
	}
	badNodes, _ := balance.BadNodes(c.Nodes)
	var badGroups []*balance.Group
	var err error
	if h.independent || h.Level() > 3 { // otherwise nobody asks, and it may have no answer
		if badGroups, err = c.UnsafeGroups(h.acceptExisting); err != nil {
			return htools.Fail("%v", err)
		}
	}
	h.warnBad(badNodes, badGroups)
	allocable := func(g *balance.Group) bool {
		hasBad := slices.ContainsFunc(badNodes, func(n *balance.Node) bool { return n.Group == g.Index })
		return g.Alloc != balance.Unallocable && (h.acceptExisting || !hasBad) && !(h.independent && slices.Contains(badGroups, g))
	}
	if h.independent {
		h.filler.IgnoreGroups(badGroups)
	}
	h.stopped = len(badNodes) > 0 && !h.acceptExisting && !(h.independent && slices.ContainsFunc(c.Groups, allocable))
	h.filler.Restrict(allocable, template.NodeCount())
	if h.Level() > 3 {
		h.Env.Warn("Allocatable nodes: %s", showPlaces(h.filler.Places(), c))
	}
	return nil
}

func (h *hspace) warnBad(nodes []*balance.Node, groups []*balance.Group) {
	if h.Level() <= 3 {
		return
	}
	if len(nodes) > 0 {
		var names []string
		for _, n := range nodes {
			names = append(names, n.Name)
		}
		h.Env.Warn("Bad nodes: %s", number.QuoteList(names))
	}
	if len(groups) > 0 {
		var names []string
		for _, g := range groups {
			names = append(names, g.Name)
		}
		h.Env.Warn("Bad groups: %s", number.QuoteList(names))
	}
}

func (h *hspace) runTiered(template balance.Template) error {
	var specs []balance.Spec
	for _, pair := range h.Cluster.Policy.MinMax {
		specs = append(specs, pair.Max)
	}
	if h.tiered != nil {
		specs = []balance.Spec{*h.tiered}
	}
	if len(specs) == 0 {
		return htools.Fail("Empty list of specs received from the cluster")
	}
	var sizes []*balance.Instance
	for _, s := range specs {
		sizes = append(sizes, s.Instance(template, h.spindles()))
	}
	f, err := h.fill(func() (*balance.Filling, error) { return h.filler.Tiered(sizes) })
	if err != nil {
		return err
	}
	h.out.spec(specs[0], template, true)
	if err := h.show(f, "Tiered", "tiered"); err != nil {
		return err
	}
	return h.out.tiered(f, h.before, balance.SumUp(f.Nodes))
}

// beginStandard lets a second core work on the standard allocation while the first does the tiered one.
func (h *hspace) beginStandard(template balance.Template) func() (*balance.Filling, error) {
	if h.stopped {
		return nil
	}
	i := h.standardSpec().Instance(template, h.spindles())
	return h.filler.Meanwhile(func(f *balance.Filler) (*balance.Filling, error) { return f.Fixed(i) })
}

func (h *hspace) runStandard(template balance.Template, filling func() (*balance.Filling, error)) error {
	f, err := h.fill(filling)
	if err != nil {
		return err
	}
	h.out.spec(h.standardSpec(), template, false)
	if err := h.show(f, "Standard", "standard"); err != nil {
		return err
	}
	before, after := len(h.Cluster.Instances), balance.SumUp(f.Nodes)
	if before+len(f.Placed) != after.Instances && h.Machine {
		return htools.Fail("internal inconsistency, allocated (%d) != counted (%d)\n", before+len(f.Placed), after.Instances)
	}
	h.out.standard(f, before, h.before, after)
	return nil
}

func (h *hspace) standardSpec() balance.Spec {
	if h.standard != nil {
		return *h.standard
	}
	return h.Cluster.Policy.Std
}

func (h *hspace) spindles() int {
	if h.spindleUse != nil {
		return *h.spindleUse
	}
	return h.Cluster.Policy.Std.SpindleUse
}

// fill runs an allocation, unless the state of the cluster forbids it.
func (h *hspace) fill(run func() (*balance.Filling, error)) (*balance.Filling, error) {
	if h.stopped {
		return &balance.Filling{
			Nodes: h.Cluster.Nodes, Instances: h.Cluster.Instances,
			Reasons: []balance.Reason{{Why: balance.FailN1, Count: 1}},
		}, nil
	}
	f, err := run()
	if errors.Is(err, balance.ErrDivision) {
		return nil, fault.Say("hspace: " + err.Error())
	}
	if err != nil {
		return nil, htools.Fail("failure during allocation: %v", err)
	}
	return f, nil
}

// show prints and saves where the instances went.
func (h *hspace) show(f *balance.Filling, title, name string) error {
	if h.Level() > 1 {
		fmt.Fprintf(h.Env.Err, "%s allocation map\n%s", title, report.Placed(f.Nodes, f.Placed, h.out.exclusive))
	}
	h.TableNodes(title+" allocation", f.Nodes)
	return h.SaveState(name, "after "+name+" allocation", h.Cluster,
		balance.Part{Nodes: f.Nodes, Instances: f.Instances})
}

// showPlaces prints the possible nodes as the reference shows its list.
func showPlaces(p *balance.Places, c *balance.Cluster) string {
	first := 0
	if len(c.Nodes) > 0 {
		first = c.Nodes[0].FirstIndex
	}
	if p.Pairs == nil {
		return "Left " + showIndices(p.Single, first)
	}
	pairs := make([]string, len(p.Pairs))
	for k, pair := range p.Pairs {
		pairs[k] = fmt.Sprintf("(%d,%s)", pair.Primary+first, showIndices(pair.Secondaries, first))
	}
	return "Right [" + strings.Join(pairs, ",") + "]"
}

func showIndices(list []int, first int) string {
	parts := make([]string, len(list))
	for k, n := range list {
		parts[k] = fmt.Sprint(n + first)
	}
	return "[" + strings.Join(parts, ",") + "]"
}
