package verify

import (
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/lvm"
)

// physicalProbes ask for physical volumes, and for what lies on them where one disk is to have a whole one.
func (g *group) physicalProbes(n *config.Node) []probe {
	if g.cfg.Cluster.VolumeGroupName == "" {
		return nil
	}
	probes := []probe{{cmd: lvm.PVProbe(), read: func(a *answer, out []byte) (err error) {
		a.physical, err = lvm.ParsePVs(out)
		return err
	}, failed: func(a *answer) { a.noPhysical = true }}}
	if !g.exclusive(n) {
		return probes
	}
	return append(probes, probe{cmd: lvm.SegmentProbe(), read: func(a *answer, out []byte) (err error) {
		a.segments, err = lvm.ParseSegments(out)
		return err
	}, failed: func(a *answer) { a.noVolumes = true }})
}

func (g *group) exclusive(n *config.Node) bool { return g.cfg.FilledND(n).Bool("exclusive_storage") }

// physicalVolumes looks at the physical volumes of a node.
func (g *group) physicalVolumes(n *config.Node, a *answer) {
	if g.cfg.Cluster.VolumeGroupName == "" {
		return
	}
	// a node that cannot list its volume groups either is told of for those
	g.errorIf(a.noPhysical && len(a.groups) > 0, "ENODELVM", n.Name, "Can't get PV list from node")
	for _, pv := range g.physicalOf(a) {
		g.errorIf(strings.Contains(pv.Name, ":"), "ENODELVM", n.Name, "Invalid character ':' in PV '%s' of VG '%s'", pv.Name, pv.VG)
	}
	if !g.exclusive(n) {
		return
	}
	for _, pv := range g.physicalOf(a) {
		if volumes := volumesOn(a.segments, pv.Name); len(volumes) > 1 && !related(volumes) {
			g.errorf("ENODELVM", n.Name, "PV %s is shared among unrelated LVs (%s)", pv.Name, comma(volumes))
		}
	}
}

// physicalOf are the physical volumes of the cluster's volume group.
func (g *group) physicalOf(a *answer) []lvm.PV {
	return slices.DeleteFunc(slices.Clone(a.physical), func(pv lvm.PV) bool { return pv.VG != g.cfg.Cluster.VolumeGroupName })
}

func volumesOn(segments []lvm.Segment, device string) []string {
	var names []string
	for _, s := range segments {
		if s.Device == device && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	return names
}

// related says that volumes are the data and the metadata of one disk.
func related(volumes []string) bool {
	disk := func(name string) string { return strings.TrimSuffix(strings.TrimSuffix(name, "_meta"), "_data") }
	return len(volumes) == 2 && disk(volumes[0]) == disk(volumes[1])
}

// physicalSizes must be about the same in a group where one disk gets whole physical volumes.
func (g *group) physicalSizes() {
	type extreme struct {
		mib  float64
		node *config.Node
	}
	var least, most *extreme
	for _, n := range g.nodes {
		a := g.answers[n.UUID]
		if a == nil || !a.readable() || !g.exclusive(n) {
			continue
		}
		for _, pv := range g.physicalOf(a) {
			if least == nil || pv.Size < least.mib {
				least = &extreme{pv.Size, n}
			}
			if most == nil || pv.Size > most.mib {
				most = &extreme{pv.Size, n}
			}
		}
	}
	if least == nil || !lvm.SizesDiffer(least.mib, most.mib) {
		return
	}
	g.errorf("EGROUPDIFFERENTPVSIZE", g.grp.Name, "PV sizes differ too much in the group; smallest (%d MB) is on %s, biggest (%d MB) is on %s",
		int64(least.mib), least.node.Name, int64(most.mib), most.node.Name)
}
