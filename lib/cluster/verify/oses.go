package verify

import (
	"fmt"
	"slices"
	"strconv"

	"gantry/lib/config"
	"gantry/lib/osdef"
	"gantry/lib/unit"
)

// systems holds a node's OS definitions against those of the first node that told its own.
func (g *group) systems(n *config.Node, a *answer) {
	if g.reference == nil {
		g.reference = n
	}
	base := byName(g.answers[g.reference.UUID].oses)
	own := byName(a.oses)
	for _, name := range order(a.oses) {
		first := own[name][0]
		g.errorIf(!first.Valid, "ENODEOS", n.Name, "Invalid OS %s (located at %s): %s", name, first.Path, first.Reason)
		if len(own[name]) > 1 {
			var paths []string
			for _, os := range own[name] {
				paths = append(paths, os.Path)
			}
			g.errorf("ENODEOS", n.Name, "OS '%s' has multiple entries (first one shadows the rest): %s", name, comma(paths))
		}
		if len(base[name]) == 0 {
			g.errorf("ENODEOS", n.Name, "Extra OS %s not present on reference node (%s)", name, g.reference.Name)
			continue
		}
		if base[name][0].Valid {
			g.sameSystem(n, first, base[name][0])
		}
	}
	var missing []string
	for _, name := range sorted(base) {
		if len(own[name]) == 0 {
			missing = append(missing, name)
		}
	}
	g.errorIf(missing != nil, "ENODEOS", n.Name, "OSes present on reference node %s but missing on this node: %s", g.reference.Name, comma(missing))
}

func (g *group) sameSystem(n *config.Node, os, base osdef.OS) {
	for _, part := range []struct {
		kind      string
		ours, ref []string
	}{
		{kind: "API version", ours: versionsOf(os), ref: versionsOf(base)},
		{kind: "variants list", ours: set(os.Variants), ref: set(base.Variants)},
		{kind: "parameters", ours: set(parametersOf(os)), ref: set(parametersOf(base))},
	} {
		g.errorIf(!slices.Equal(part.ours, part.ref), "ENODEOS", n.Name, "OS %s for %s differs from reference node %s: [%s] vs. [%s]",
			part.kind, os.Name, g.reference.Name, comma(part.ours), comma(part.ref))
	}
	g.errorIf(os.Trusted != base.Trusted, "ENODEOS", n.Name, "OS trusted for %s differs from reference node %s: %s vs. %s",
		os.Name, g.reference.Name, unit.Str(os.Trusted), unit.Str(base.Trusted))
}

// versionsOf are sorted as numbers, each once.
func versionsOf(os osdef.OS) []string {
	versions := slices.Clone(os.APIVersions)
	slices.Sort(versions)
	var list []string
	for _, v := range slices.Compact(versions) {
		list = append(list, strconv.Itoa(v))
	}
	return list
}

func parametersOf(os osdef.OS) []string {
	var list []string
	for _, p := range os.Parameters {
		list = append(list, fmt.Sprintf("%s: %s", p.Name, p.Help))
	}
	return list
}

// set sorts a list and leaves out what is in it twice.
func set(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// byName gathers definitions of the same name, in the order of the search path.
func byName(list []osdef.OS) map[string][]osdef.OS {
	found := map[string][]osdef.OS{}
	for _, os := range list {
		found[os.Name] = append(found[os.Name], os)
	}
	return found
}

// order are the names, each once.
func order(list []osdef.OS) []string {
	var names []string
	for _, os := range list {
		if !slices.Contains(names, os.Name) {
			names = append(names, os.Name)
		}
	}
	return names
}
