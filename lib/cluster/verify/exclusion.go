package verify

import (
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fake"
	"gantry/lib/unit"
)

// exclusionTag begins those tags of the cluster that name tags which no two instances of a node may share.
const exclusionTag = "htools:iextags:"

// exclusions finds instances of a node that are to be kept apart.
func (g *group) exclusions(n *config.Node) {
	var prefixes []string
	for _, tag := range g.cfg.Cluster.Tags {
		if prefix, ok := strings.CutPrefix(tag, exclusionTag); ok {
			prefixes = append(prefixes, prefix)
		}
	}
	seen, twice := map[string]bool{}, map[string]bool{}
	primary, _ := g.cfg.NodeInstances(n.UUID)
	for _, inst := range primary {
		for _, tag := range inst.Tags {
			if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(tag, p) }) {
				twice[tag] = twice[tag] || seen[tag]
				seen[tag] = true
			}
		}
	}
	tags := slices.DeleteFunc(sorted(twice), func(tag string) bool { return !twice[tag] })
	g.warnIf(len(tags) > 0, "EEXTAGS", n.Name, "Tags where there is more than one instance: %s", unit.Repr(tags))
}

// failoverMemory looks whether a node could take over the instances it is secondary for, should one of their primaries fail.
// Those that are down count too: somebody may want to start them just then.
func (g *group) failoverMemory(n *config.Node) {
	if n.Offline {
		return
	}
	free := int64(0)
	if a := g.answers[n.UUID]; a.readable() {
		free = g.freeMemory(a)
	}
	_, secondary := g.cfg.NodeInstances(n.UUID)
	needed := map[string]int64{}
	var primaries []*config.Node
	for _, inst := range secondary {
		p := g.cfg.Node(inst.PrimaryNode)
		if p == nil || p.Group != g.grp.UUID { // Ganeti looks at the instances of the group only
			continue
		}
		if !slices.Contains(primaries, p) {
			primaries = append(primaries, p)
		}
		if be := g.cfg.FilledBE(inst); be.Bool("auto_balance") {
			needed[p.UUID] += be.Int("minmem")
		}
	}
	for _, p := range primaries {
		g.errorIf(free < needed[p.UUID], "ENODEN1", n.Name,
			"not enough memory to accomodate instance failovers should node %s fail (%dMiB needed, %dMiB available)", p.Name, needed[p.UUID], free)
	}
}

// freeMemory is what the node's default hypervisor could give to instances.
func (g *group) freeMemory(a *answer) int64 {
	if hv := g.cfg.Cluster.EnabledHypervisors; len(hv) > 0 && hv[0] == config.HVFake {
		return fake.FreeMemory(a.facts.MemoryFree, a.fakes)
	}
	return a.facts.MemoryFree
}
