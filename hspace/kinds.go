package main

import (
	"strings"

	"gantry/lib/balance"
)

// runKinds fills the cluster anew for each kind of storage, with standard instances that have their disks there.
func (h *hspace) runKinds(template balance.Template) error {
	if len(h.Cluster.Kinds) == 0 || !template.Local() {
		return nil
	}
	var names []string
	var counts []int
	for _, k := range h.Cluster.LocalKinds() {
		i := h.standardSpec().Instance(template, h.spindles())
		i.On(k)
		f, err := h.fill(func() (*balance.Filling, error) { return h.filler.Fixed(i) })
		if err != nil {
			return err
		}
		names, counts = append(names, h.Cluster.Kinds[k]), append(counts, len(f.Placed))
	}
	h.out.kinds(names, counts)
	return nil
}

// kinds prints how many standard instances fit on each kind of storage. The reference knows nothing of them.
func (o output) kinds(names []string, counts []int) {
	o.key("STORAGE_KINDS", strings.Join(names, " "))
	o.text("Normal (fixed-size) allocation results by kind of storage:")
	for k, name := range names {
		o.number("ALLOC_INSTANCES_"+keyed(name), counts[k])
		o.text("  - %3d instances with their disks on %s", counts[k], name)
	}
}

// keyed makes a part of a shell variable's name.
func keyed(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}
