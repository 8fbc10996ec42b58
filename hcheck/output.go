package main

import (
	"strconv"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/cli"
	"gantry/lib/cli/htools"
)

// output prints the verdict and the figures, for people or as shell variables.
type output struct {
	env                       *cli.Env
	machine, silent, capacity bool
}

func (o *output) key(name, value string) {
	if o.machine {
		o.env.Println("HCHECK_%s=%s", name, htools.ShellValue(value))
	}
}

func (o *output) text(format string, args ...any) {
	if !o.machine && !o.silent {
		o.env.Println(format, args...)
	}
}

func (o *output) verdict(simulate, sick bool) {
	switch {
	case !simulate:
		o.text("Running in no-simulation mode.")
	case sick:
		o.text("Cluster needs rebalancing.")
	default:
		o.text("No need to rebalance cluster, no problems found.")
	}
}

func (o *output) groups(groups []*balance.Group) {
	for _, g := range groups {
		o.key("GROUP_UUID_"+strconv.Itoa(g.Index+g.FirstIndex), g.UUID)
	}
}

// phase prints the figures before or after balancing, up to one that has no value. The verdict is that from before in both.
func (o *output) phase(f figures, after, sick bool) error {
	prefix, when := "INIT_", "initially"
	if after {
		prefix, when = "FINAL_", "after rebalancing"
	}
	for _, g := range f {
		group := prefix + "GROUP_" + strconv.Itoa(g.group.Index+g.group.FirstIndex) + "_"
		o.text("\nStatistics for group %s %s", g.group.Name, when)
		if g.broken != nil {
			o.counts(group, labels, g.counts[:len(g.counts)-1])
			return g.broken
		}
		o.counts(group, o.labels(), g.counts)
		o.key(group+"SCORE", number.Fixed(g.score, 8))
		o.text("    Group score: %s", number.Fixed(g.score, 8))
	}
	o.text("\nCluster statistics %s", when)
	sums := f.sums()
	o.counts(prefix+"CLUSTER_", o.labels(), sums)
	last := label{"NEED_REBALANCE", "Cluster is not healthy"}
	if sums == nil {
		last = labels[0] // without groups the reference puts the verdict where the first sum would be
	}
	verdict, shown := "0", "False"
	if sick {
		verdict, shown = "1", "True"
	}
	o.key(prefix+"CLUSTER_"+last.key, verdict)
	o.text("    %s: %s", last.text, shown)
	return nil
}

func (o *output) labels() []label {
	if !o.capacity {
		return labels[:len(labels)-1]
	}
	return labels
}

func (o *output) counts(prefix string, names []label, values []int) {
	for k, n := range values {
		o.key(prefix+names[k].key, strconv.Itoa(n))
		o.text("    %s: %d", names[k].text, n)
	}
}

func (o *output) finish() { o.key("OK", "1") }
