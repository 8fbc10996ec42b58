package verify

import (
	"regexp"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/lvm"
)

// minGroupMiB is how large the cluster's volume group should be.
const minGroupMiB = 20480

// volumeProbes ask for volume groups and volumes where the cluster has any.
func (g *group) volumeProbes() []probe {
	c := &g.cfg.Cluster
	if c.VolumeGroupName == "" {
		return nil
	}
	probes := []probe{{cmd: lvm.VGProbe(), read: func(a *answer, out []byte) (err error) {
		a.groups, err = lvm.ParseVGs(out)
		return err
	}, failed: func(*answer) {}}}
	if !slices.Contains(c.EnabledDiskTemplates, config.DTPlain) && !slices.Contains(c.EnabledDiskTemplates, config.DTDRBD) {
		return probes
	}
	return append(probes, probe{cmd: lvm.SizeProbe(), read: (*answer).readVolumes, failed: func(a *answer) { a.noVolumes = true }})
}

func (a *answer) readVolumes(out []byte) error {
	sizes, err := lvm.ParseSizes(out)
	a.volumes = map[string]bool{}
	for _, s := range sizes {
		a.volumes[s.Volume.String()] = true
	}
	return err
}

// volumeGroup looks at the cluster's volume group on a node.
func (g *group) volumeGroup(n *config.Node, a *answer) {
	name := g.cfg.Cluster.VolumeGroupName
	if name == "" {
		return
	}
	i := slices.IndexFunc(a.groups, func(vg lvm.VG) bool { return vg.Name == name })
	switch {
	case len(a.groups) == 0:
		g.errorf("ENODELVM", n.Name, "unable to check volume groups")
	case i < 0:
		g.errorf("ENODELVM", n.Name, "volume group '%s' missing", name)
	case a.groups[i].Size < minGroupMiB:
		g.errorf("ENODELVM", n.Name, "volume group '%s' too small (%d MiB required, %d MiB found)", name, minGroupMiB, int(a.groups[i].Size))
	}
}

// volumesListed says what is not known of a node's volumes.
func (g *group) volumesListed(n *config.Node, a *answer) {
	name := g.cfg.Cluster.VolumeGroupName
	if name == "" {
		return
	}
	if a.noVolumes {
		g.errorf("ENODELVM", n.Name, "LVM problem on node: the volumes cannot be listed")
	}
	there := slices.ContainsFunc(a.groups, func(vg lvm.VG) bool { return vg.Name == name })
	g.errorIf(!there, "ENODELVM", n.Name, "node didn't return data for the volume group '%s' - it is either missing or broken", name)
}

// missingVolumes must be there whether the instance runs or not.
func (g *group) missingVolumes(inst *config.Instance) {
	volumes := g.cfg.InstanceVolumes(inst)
	for _, uuid := range g.cfg.InstanceNodes(inst) {
		n, a := g.cfg.Node(uuid), g.answers[uuid]
		if n == nil || n.Offline || a == nil || a.volumes == nil {
			continue
		}
		for _, volume := range volumes[uuid] {
			g.errorIf(!a.volumes[volume], "EINSTANCEMISSINGDISK", inst.Name, "volume %s missing on node %s", volume, n.Name)
		}
	}
}

// orphanVolumes are in the cluster's volume group, nobody's, and not set aside.
func (g *group) orphanVolumes(n *config.Node) {
	a := g.answers[n.UUID]
	if n.Offline || a.volumes == nil {
		return
	}
	expected := map[string]bool{}
	for _, inst := range g.onNode(n) {
		for _, volume := range g.cfg.InstanceVolumes(inst)[n.UUID] {
			expected[volume] = true
		}
	}
	for _, d := range g.cfg.DetachedDisks() {
		for _, volume := range d.Volumes() {
			expected[volume] = expected[volume] || slices.Contains(d.NodesOf(), n.UUID)
		}
	}
	for _, volume := range sorted(a.volumes) {
		mine := strings.HasPrefix(volume, g.cfg.Cluster.VolumeGroupName+"/")
		g.warnIf(mine && !expected[volume] && !g.reserved(volume), "ENODEORPHANLV", n.Name, "volume %s is unknown", volume)
	}
}

// reserved says that the administrator has set a volume aside, by a pattern for VG/LV.
func (g *group) reserved(volume string) bool {
	return slices.ContainsFunc(g.cfg.Cluster.ReservedLVs, func(pattern string) bool {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		return err == nil && re.MatchString(volume)
	})
}
