package verify

import (
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/disk"
)

// diskAnswers says which nodes could not be asked for their disks. The disks were looked for with all the rest.
func (g *group) diskAnswers() {
	for _, n := range g.nodes {
		if n.Offline || g.answers[n.UUID].readable() {
			continue
		}
		for _, inst := range g.onNode(n) {
			if len(inst.Disks) > 0 {
				g.errorf("ENODERPC", n.Name, "while getting disk information: %s", g.silence(n))
				break
			}
		}
	}
}

// silence is why nothing is known of a node, "" if it answered.
func (g *group) silence(n *config.Node) string {
	switch a := g.answers[n.UUID]; {
	case a == nil || a.readable():
		return ""
	case a.failed != nil:
		return reason(a.failed)
	default:
		return reason(a.garbled)
	}
}

// instance looks at one instance. Its nodes may be in other groups; those were not asked.
func (g *group) instance(inst *config.Instance) {
	g.verbose("Verifying instance %s", inst.Name)
	primary := g.cfg.Node(inst.PrimaryNode)
	violations := g.cfg.InstancePolicy(g.grp).Violations(g.cfg.Sizing(inst))
	g.warnIf(violations != nil, "EINSTANCEPOLICY", inst.Name, "%s", comma(violations))
	g.missingVolumes(inst)
	g.state(inst, primary)
	g.disks(inst)
	if g.silence(primary) != "" {
		g.errorf("ENODERPC", primary.Name, "instance %s, connection to primary node failed", inst.Name)
	}
	g.layout(inst)
	g.neighbours(inst)
}

// state compares what should be with what is.
func (g *group) state(inst *config.Instance, primary *config.Node) {
	if inst.AdminState != config.AdminUp {
		return
	}
	if primary.Offline {
		g.errorf("EINSTANCEBADNODE", inst.Name, "instance is marked as running and lives on offline node %s", primary.Name)
		return
	}
	runs := slices.Contains(g.answers[primary.UUID].running, inst.Name)
	g.errorIf(!runs, "EINSTANCEDOWN", inst.Name, "instance not running on its primary node %s", primary.Name)
}

// disks must be where the instance has them, if they are in use.
func (g *group) disks(inst *config.Instance) {
	if !inst.DisksActive {
		return
	}
	for _, uuid := range g.cfg.InstanceNodes(inst) {
		n := g.cfg.Node(uuid)
		if n == nil || n.Offline || g.answers[uuid] == nil {
			continue
		}
		for i, d := range g.cfg.InstanceDisks(inst) {
			if problem := g.diskProblem(n, d); problem != "" {
				g.errorf("EINSTANCEFAULTYDISK", inst.Name, "couldn't retrieve status for disk/%d on %s: %s", i, n.Name, problem)
				continue
			}
			g.degraded(inst, n, i, d)
		}
	}
}

func (g *group) diskProblem(n *config.Node, d *config.Disk) string {
	if text := g.silence(n); text != "" {
		return text
	}
	if !there(g.answers[n.UUID], n, d) {
		return fmt.Sprintf("Can't find device %s", disk.Describe(d))
	}
	return ""
}

// there says whether a node has the device of a disk, as far as it was asked.
func there(a *answer, n *config.Node, d *config.Disk) bool {
	if vg, lv, ok := d.LV(); ok {
		return a.volumes == nil || a.volumes[vg+"/"+lv]
	}
	if id, ok := d.DRBD(); ok {
		_, used := a.mirrors.minors[id.Minor(n.UUID)]
		return used || a.mirrors.minors == nil
	}
	w, ok := place(d)
	return !ok || a.lacking[w] == ""
}

// layout looks at the nodes an instance should have.
func (g *group) layout(inst *config.Instance) {
	secondaries := g.cfg.SecondaryNodes(inst)
	g.warnIf(len(secondaries) > 1, "EINSTANCELAYOUT", inst.Name, "instance has multiple secondary nodes: %s", comma(secondaries))
	g.exclusiveStorage(inst)
	if len(secondaries) == 0 {
		return
	}
	var groups []*config.NodeGroup
	members := map[string][]*config.Node{}
	for _, uuid := range g.cfg.InstanceNodes(inst) { // the primary first
		n := g.cfg.Node(uuid)
		if n == nil {
			continue
		}
		if grp := g.cfg.Group(n.Group); grp != nil && members[grp.UUID] == nil {
			groups = append(groups, grp)
		}
		members[n.Group] = append(members[n.Group], n)
	}
	var texts []string
	for _, grp := range groups {
		texts = append(texts, fmt.Sprintf("%s (group %s)", named(members[grp.UUID]), grp.Name))
	}
	g.warnIf(len(groups) > 1, "EINSTANCESPLITGROUPS", inst.Name, "instance has primary and secondary nodes in different groups: %s", comma(texts))
}

// exclusiveStorage allows plain disks only, and wants to know their spindles.
func (g *group) exclusiveStorage(inst *config.Instance) {
	var nodes []*config.Node
	for _, uuid := range g.cfg.InstanceNodes(inst) {
		if n := g.cfg.Node(uuid); n != nil && g.cfg.FilledND(n).Bool("exclusive_storage") {
			nodes = append(nodes, n)
		}
	}
	if nodes == nil {
		return
	}
	var unsupported []string
	for i, d := range g.cfg.InstanceDisks(inst) {
		if d.DevType != config.DTPlain {
			unsupported = append(unsupported, d.DevType)
		}
		g.errorIf(d.Spindles == nil, "EINSTANCEMISSINGCFGPARAMETER", inst.Name,
			"number of spindles not configured for disk %d while exclusive storage is enabled, try running gnt-cluster repair-disk-sizes", i)
	}
	g.errorIf(unsupported != nil, "EINSTANCEUNSUITABLENODE", inst.Name,
		"instance uses disk types %s, which are not supported on nodes that have exclusive storage set: %s", comma(unsupported), named(nodes))
}

// neighbours are the nodes besides the primary, and those that should have no instances.
func (g *group) neighbours(inst *config.Instance) {
	var offline []*config.Node
	for _, uuid := range g.cfg.SecondaryNodes(inst) {
		n := g.cfg.Node(uuid)
		switch {
		case n == nil:
		case n.Offline:
			offline = append(offline, n)
		case g.answers[uuid] != nil && g.silence(n) != "":
			g.errorf("ENODERPC", n.Name, "instance %s, connection to secondary node failed", inst.Name)
		}
	}
	g.errorIf(offline != nil, "EINSTANCEBADNODE", inst.Name, "instance has offline secondary node(s) %s", named(offline))
	for _, uuid := range g.cfg.InstanceNodes(inst) {
		n := g.cfg.Node(uuid)
		if n == nil {
			g.errorf("EINSTANCEBADNODE", inst.Name, "instance lives on ghost node %s", uuid)
			continue
		}
		g.errorIf(!n.VMCapable, "EINSTANCEBADNODE", inst.Name, "instance lives on non-vm_capable node %s", n.Name)
	}
}
