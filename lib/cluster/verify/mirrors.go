package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
)

const (
	helperFile = "/sys/module/drbd/parameters/usermode_helper"
	statusFile = "/proc/drbd"
)

// mirrorAnswer is what a node says of DRBD.
type mirrorAnswer struct {
	version  drbd.Version // "" when the module is not loaded
	minors   map[int]drbd.Status
	helper   string
	noHelper bool // there is no file that names it
}

func (g *group) mirrored() bool {
	return slices.Contains(g.cfg.Cluster.EnabledDiskTemplates, config.DTDRBD)
}

// mirrorProbes ask for DRBD where the cluster uses it.
func (g *group) mirrorProbes() []probe {
	if !g.mirrored() {
		return nil
	}
	return []probe{
		{cmd: drbd.StatusProbe(), read: func(a *answer, out []byte) (err error) {
			a.mirrors.version, a.mirrors.minors, err = drbd.ParseStatus(out)
			return err
		}},
		{cmd: drbd.HelperProbe(), read: func(a *answer, out []byte) error {
			a.mirrors.helper = strings.TrimSpace(string(out))
			return nil
		}, failed: func(a *answer) { a.mirrors.noHelper = true }},
	}
}

// mirrors holds the minors of a node against those the configuration has given away.
func (g *group) mirrors(n *config.Node, a *answer) {
	if !g.mirrored() {
		return
	}
	g.usermodeHelper(n, a)
	if a.mirrors.version == "" {
		g.errorf("ENODEDRBD", n.Name, "cannot parse drbd status file: The file %s cannot be opened, please check if the module is loaded "+
			"([Errno 2] No such file or directory: '%s')", statusFile, statusFile)
		return
	}
	known := g.minorsOf(n)
	for _, minor := range slices.Sorted(maps.Keys(known)) {
		_, used := a.mirrors.minors[minor]
		o := known[minor]
		g.errorIf(!used && o.active, "ENODEDRBD", n.Name, "drbd minor %d of disk %s %s is not active", minor, o.disk, o.attached)
	}
	for _, minor := range slices.Sorted(maps.Keys(a.mirrors.minors)) {
		_, mine := known[minor]
		g.errorIf(!mine, "ENODEDRBD", n.Name, "unallocated drbd minor %d is in use", minor)
	}
}

func (g *group) usermodeHelper(n *config.Node, a *answer) {
	want := g.cfg.Cluster.DRBDUsermodeHelper
	if want == "" {
		return
	}
	if a.mirrors.noHelper {
		g.errorf("ENODEDRBDHELPER", n.Name, "drbd usermode helper check unsuccessful: The file %s cannot be opened, check if the module is loaded "+
			"([Errno 2] No such file or directory: '%s')", helperFile, helperFile)
		return
	}
	g.errorIf(a.mirrors.helper != want, "ENODEDRBDHELPER", n.Name, "wrong drbd usermode helper: %s", a.mirrors.helper)
}

// allocated is what a minor was given to.
type allocated struct {
	disk, attached string
	active         bool
}

// minorsOf are the minors that disks have on a node, or that running jobs have reserved for one.
func (g *group) minorsOf(n *config.Node) map[int]allocated {
	minors := map[int]allocated{}
	for _, r := range g.cfg.Reservations {
		if r.Node == n.UUID && r.Minor != nil {
			minors[*r.Minor] = allocated{}
		}
	}
	add := func(d *config.Disk, o allocated) {
		if id, ok := d.DRBD(); ok && (id.NodeA == n.UUID || id.NodeB == n.UUID) {
			o.disk = d.UUID
			minors[id.Minor(n.UUID)] = o
		}
	}
	for _, d := range g.cfg.Disks {
		add(d, allocated{attached: "(detached)"})
	}
	for _, inst := range g.cfg.Instances {
		for _, d := range g.cfg.InstanceDisks(inst) {
			add(d, allocated{attached: fmt.Sprintf("(attached in instance '%s')", inst.Name), active: inst.DisksActive})
		}
	}
	return minors
}

// mirrorVersions must be the same on all nodes.
func (g *group) mirrorVersions() {
	versions := map[drbd.Version]bool{}
	var nodes []*config.Node
	for _, n := range g.nodes {
		if a := g.answers[n.UUID]; a != nil && a.readable() && a.mirrors.version != "" {
			versions[a.mirrors.version] = true
			nodes = append(nodes, n)
		}
	}
	for _, n := range nodes {
		g.warnIf(len(versions) > 1, "ENODEDRBDHELPER", n.Name, "DRBD version mismatch: %s", g.answers[n.UUID].mirrors.version)
	}
}

// localStates are the grades of a local disk in Ganeti's words.
var localStates = map[string]string{drbd.Okay: "ok", drbd.Syncing: "syncing", drbd.Unknown: "unknown", drbd.Faulty: "faulty"}

// degraded reports a mirrored disk that is not complete on both nodes. As long as the local data is good that is a warning.
func (g *group) degraded(inst *config.Instance, n *config.Node, index int, d *config.Disk) {
	id, ok := d.DRBD()
	if !ok {
		return
	}
	s, asked := g.answers[n.UUID].mirrors.minors[id.Minor(n.UUID)]
	if !asked || !s.Degraded() {
		return
	}
	report := g.errorf
	if local := s.LocalStatus(); local == drbd.Okay || local == drbd.Syncing {
		report = g.warnf
	}
	report("EINSTANCEFAULTYDISK", inst.Name, "disk/%d on %s is degraded; local disk state is '%s'", index, n.Name, localStates[s.LocalStatus()])
}
