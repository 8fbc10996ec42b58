package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/filedisk"
)

// maxSkew is how far a node's clock may be off.
const maxSkew = 150 * time.Second

// node looks at one node of the group.
func (g *group) node(n *config.Node) {
	if n.Offline {
		g.verbose("Skipping offline node %s", n.Name)
		return
	}
	g.verbose("Verifying node %s (%s)", n.Name, g.role(n))
	a := g.answers[n.UUID]
	if a.failed != nil {
		g.errorf("ENODERPC", n.Name, "while contacting node: %s", reason(a.failed))
		return
	}
	if a.garbled != nil {
		g.errorf("ENODERPC", n.Name, "connection to node returned invalid data: %s", reason(a.garbled))
		return
	}
	g.versions(n, a)
	g.hypervisors(n, a)
	g.setup(n, a)
	g.clock(n, a)
	g.connections(n, a)
	g.sshd(n, a)
	g.scripts(n, a)
	g.storage(n, a)
	if !n.VMCapable {
		return
	}
	g.volumeGroup(n, a)
	g.physicalVolumes(n, a)
	g.mirrors(n, a)
	g.volumesListed(n, a)
	g.systems(n, a)
	g.bridges(n, a)
	g.strangers(n, a)
	g.exclusions(n)
}

func semicolons(list []string) string { return strings.Join(list, "; ") }

func (g *group) verbose(format string, args ...any) {
	if g.Verbose {
		g.heading(format, args...)
	}
}

func (g *group) role(n *config.Node) string {
	switch {
	case n.UUID == g.cfg.Cluster.MasterNode:
		return "master"
	case n.MasterCandidate:
		return "master candidate"
	case n.Drained:
		return "drained"
	}
	return "regular"
}

// versions compares the node's programs with the master's. Only nodes that may become master need any.
func (g *group) versions(n *config.Node, a *answer) {
	master := g.answers[g.cfg.Cluster.MasterNode]
	if master == nil || master.version.release == "" || a.version == master.version || a.version.release == "" && !candidate(g.cfg, n) {
		return
	}
	ours, theirs := master.version.release, a.version.release
	switch {
	case theirs == "":
		theirs = "none"
	case theirs == ours:
		ours, theirs = ours+" build "+master.version.build, theirs+" build "+a.version.build
	}
	g.warnf("ENODEVERSION", n.Name, "software version mismatch: master %s, node %s", ours, theirs)
}

// hypervisors looks for the programs they need, then for what the parameters name. The fake hypervisor needs nothing.
func (g *group) hypervisors(n *config.Node, a *answer) {
	if !n.VMCapable {
		return
	}
	if emulator := g.factsWanted().KVM; emulator != "" {
		var problems []string
		if slices.Contains(a.facts.Missing, emulator) {
			problems = append(problems, fmt.Sprintf("The KVM binary ('%s') does not exist", emulator))
		}
		if slices.Contains(a.facts.Missing, "socat") {
			problems = append(problems, "The socat binary ('/usr/bin/socat') does not exist")
		}
		g.errorIf(problems != nil, "ENODEHV", n.Name, "hypervisor kvm verify failure: '%s'", semicolons(problems))
	}
	for _, p := range a.parameters {
		g.errorf("ENODEHV", n.Name, "hypervisor %s parameter verify failure (source %s): %s", p.hypervisor, p.source, p.text)
	}
}

// setup looks for what every node must have.
func (g *group) setup(n *config.Node, a *answer) {
	var problems []string
	for _, missing := range a.facts.Missing {
		switch missing {
		case "/sys/class":
			problems = append(problems, "The sysfs filesytem doesn't seem to be mounted under /sys, missing required directories /sys/block and /sys/class/net")
		case "/proc/sys":
			problems = append(problems, "The procfs filesystem doesn't seem to be mounted under /proc, missing required directory /proc/sys and the file /proc/sysrq-trigger")
		case "ip", "flock", "timeout":
			problems = append(problems, "The program "+missing+" is missing")
		case "perl": // what a master candidate does with its copy of the configuration is written in it
			if n.MasterCapable {
				problems = append(problems, "The program perl is missing")
			}
		}
	}
	g.errorIf(problems != nil, "ENODESETUP", n.Name, "node setup error: %s", semicolons(problems))
}

// clock compares with the time that passed here while the node was asked.
func (g *group) clock(n *config.Node, a *answer) {
	var off time.Duration
	switch t := a.facts.Time; {
	case t.Before(a.start.Add(-maxSkew)):
		off = a.start.Sub(t)
	case t.After(a.end.Add(maxSkew)):
		off = t.Sub(a.end)
	}
	g.errorIf(off != 0, "ENODETIME", n.Name, "Node time diverges by at least %.1fs from master node time", off.Seconds())
}

// scripts looks at programs of the site that must be there.
func (g *group) scripts(n *config.Node, a *answer) {
	var broken []string
	for _, script := range g.userScripts() {
		if a.lacking[wanted{"x", script}] != "" {
			broken = append(broken, script)
		}
	}
	g.errorIf(broken != nil, "ENODEUSERSCRIPTS", n.Name, "user scripts not present or not executable: %s", comma(broken))
	if !n.MasterCandidate && !n.MasterCapable {
		return
	}
	for _, path := range g.oobPrograms() {
		switch a.lacking[wanted{"x", path}] {
		case "absent":
			g.errorf("ENODEOOBPATH", n.Name, "error stating out of band helper: [Errno 2] No such file or directory: '%s'", path)
		case "kind":
			g.errorf("ENODEOOBPATH", n.Name, "out of band helper %s is not a file", path)
		case "mode":
			g.errorf("ENODEOOBPATH", n.Name, "out of band helper %s is not executable", path)
		}
	}
}

// storage looks at the directories for disks.
func (g *group) storage(n *config.Node, a *answer) {
	c := &g.cfg.Cluster
	if n.UUID == c.MasterNode && (slices.Contains(c.EnabledDiskTemplates, config.DTFile) || slices.Contains(c.EnabledDiskTemplates, config.DTSharedFile)) {
		forbidden := filedisk.Forbidden(a.allowed)
		g.errorIf(forbidden != nil, "ENODEFILESTORAGEPATHS", n.Name, "Found forbidden file storage paths: %s", comma(forbidden))
	}
	codes := map[string]string{config.DTFile: "ENODEFILESTORAGEPATHUNUSABLE", config.DTSharedFile: "ENODESHAREDFILESTORAGEPATHUNUSABLE",
		config.DTGluster: "ENODEGLUSTERSTORAGEPATHUNUSABLE"}
	for _, template := range fileTemplates(c) {
		dir := storageDir(c, template)
		found := a.facts.Dirs[dir]
		if err := filedisk.Usable(dir, a.allowed, found.Exists, found.Writable); err != nil {
			g.errorf(codes[template], n.Name, "The configured %s storage path is unusable: %v", template, err)
		}
	}
}

// bridges must be there that are the default of the cluster, or that an instance of the group has.
func (g *group) bridges(n *config.Node, a *answer) {
	var missing []string
	for _, bridge := range g.bridgesWanted() {
		if !a.facts.Interfaces[bridge].Bridge {
			missing = append(missing, bridge)
		}
	}
	g.errorIf(missing != nil, "ENODENET", n.Name, "missing bridges: %s", comma(missing))
}

func (g *group) bridgesWanted() []string {
	wanted := map[string]bool{}
	add := func(p config.Params) {
		if p.String("mode") == config.NICBridged {
			wanted[p.String("link")] = true
		}
	}
	add(g.cfg.NICDefaults())
	for _, inst := range g.instances {
		for i := range inst.NICs {
			add(g.cfg.FilledNIC(&inst.NICs[i]))
		}
	}
	return sorted(wanted)
}

// strangers are instances that run where they should not, or that nobody knows.
func (g *group) strangers(n *config.Node, a *answer) {
	for _, name := range a.running {
		switch inst := g.cfg.InstanceByName(name); {
		case inst == nil:
			g.errorf("ENODEORPHANINSTANCE", n.Name, "node is running unknown instance %s", name)
		case inst.PrimaryNode != n.UUID:
			g.errorf("EINSTANCEWRONGNODE", name, "instance should not run on node %s", n.Name)
		}
	}
}
