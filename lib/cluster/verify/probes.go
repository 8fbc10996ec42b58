package verify

import (
	_ "embed"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fake"
	"gantry/lib/filedisk"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/osdef"
	"gantry/lib/remote"
)

var (
	//go:embed sums.sh
	sumsScript string
	//go:embed look.sh
	lookScript string
	//go:embed reach.sh
	reachScript string
	//go:embed identity.sh
	identityScript string
	//go:embed version.sh
	versionScript string
	//go:embed login.sh
	loginScript string
)

// reachLimit is how many seconds a connection from node to node may take to come about.
const reachLimit = 3

// probe is one part of the question to a node, and how its answer is read; failed, if there is one, is called instead of read
// when the command fails.
type probe struct {
	cmd    remote.Cmd
	read   func(a *answer, out []byte) error
	failed func(a *answer)
}

// question is all that a node is asked, in one round trip.
func (g *group) question(n *config.Node) []probe {
	probes := []probe{
		{cmd: nodefacts.Probe(g.factsWanted()), read: func(a *answer, out []byte) (err error) {
			a.facts, err = nodefacts.Parse(out)
			return err
		}},
		{cmd: sums(g.paths()), read: readSums},
		{cmd: remote.Script(versionScript), read: readVersion},
		{cmd: identity(&g.cfg.Cluster), read: readIdentity},
		{cmd: remote.Command("cat", "--", filedisk.PathsFile), read: readAllowed},
	}
	if looks := g.looks(n); looks != nil {
		probes = append(probes, probe{cmd: look(looks), read: func(a *answer, out []byte) error { return a.readLooks(looks, out) }})
	}
	if candidate(g.cfg, n) {
		where := g.destinations(n)
		probes = append(probes, probe{cmd: reach(where), read: func(a *answer, out []byte) error { return a.readReached(where, out) }})
	}
	if !n.VMCapable {
		return probes
	}
	probes = append(probes, probe{cmd: osdef.Probe(), read: func(a *answer, out []byte) (err error) {
		a.oses, err = osdef.Parse(out)
		return err
	}})
	return slices.Concat(probes, g.guestProbes(n), g.parameterProbes(), g.volumeProbes(), g.physicalProbes(n), g.mirrorProbes())
}

// factsWanted is what nodefacts is to look at besides what it always tells.
func (g *group) factsWanted() nodefacts.Options {
	c := &g.cfg.Cluster
	var o nodefacts.Options
	if slices.Contains(c.EnabledHypervisors, config.HVKVM) {
		o.KVM = g.cfg.HVDefaults(config.HVKVM, "").String("kvm_path")
	}
	for _, template := range fileTemplates(c) {
		o.Dirs = append(o.Dirs, storageDir(c, template))
	}
	return o
}

// fileTemplates are the enabled templates whose disks are files in a directory of the cluster's.
func fileTemplates(c *config.Cluster) []string {
	var found []string
	for _, t := range []string{config.DTFile, config.DTSharedFile, config.DTGluster} {
		if slices.Contains(c.EnabledDiskTemplates, t) && storageDir(c, t) != "" {
			found = append(found, t)
		}
	}
	return found
}

func storageDir(c *config.Cluster, template string) string {
	return map[string]string{config.DTFile: c.FileStorageDir, config.DTSharedFile: c.SharedFileStorageDir, config.DTGluster: c.GlusterStorageDir}[template]
}

func sums(paths []string) remote.Cmd { return remote.Script(sumsScript, paths...) }

// identity asks about the keys in the places where the commands look for them.
func identity(c *config.Cluster) remote.Cmd {
	keys := remote.DefaultIdentity
	if c.SSHIdentity != "" {
		keys = []string{c.SSHIdentity}
	}
	return remote.Script(identityScript, append([]string{filepath.Join(config.DataDir, "known_hosts")}, keys...)...)
}

// wanted is something that has to be at a path of a node; kind is that of look.sh.
type wanted struct{ kind, path string }

func look(list []wanted) remote.Cmd {
	var args []string
	for _, w := range list {
		args = append(args, w.kind, w.path)
	}
	return remote.Script(lookScript, args...)
}

// looks are the scripts, directories and disks that must be on a node.
func (g *group) looks(n *config.Node) []wanted {
	var list []wanted
	for _, script := range g.userScripts() {
		list = append(list, wanted{"x", script})
	}
	for _, path := range g.oobPrograms() {
		list = append(list, wanted{"x", path})
	}
	for _, inst := range g.onNode(n) {
		for _, d := range g.cfg.InstanceDisks(inst) {
			if w, ok := place(d); ok {
				list = append(list, w)
			}
		}
	}
	return list
}

// place is where a disk can be seen on its nodes; not all kinds of disks can be looked for this way.
func place(d *config.Disk) (wanted, bool) {
	switch {
	case d == nil || d.Path() == "" || d.DevType == config.DTGluster:
		return wanted{}, false
	case d.DevType == config.DTBlock:
		return wanted{"b", d.Path()}, true
	}
	return wanted{"f", d.Path()}, true
}

func (g *group) userScripts() []string {
	if g.cfg.Cluster.UseExternalMIPScript {
		return []string{externalIPScript}
	}
	return nil
}

const externalIPScript = "/etc/ganeti/scripts/master-ip-setup"

// oobPrograms are the programs that switch nodes on and off, each once.
func (g *group) oobPrograms() []string {
	var list []string
	for _, n := range g.cfg.Nodes {
		if p := g.cfg.FilledND(n).String("oob_program"); p != "" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// candidate says whether a node could be the next master.
func candidate(cfg *config.Config, n *config.Node) bool {
	return n.MasterCandidate || n.UUID == cfg.Cluster.MasterNode
}

// destination is an address that a candidate must reach.
type destination struct {
	name string // for the answer: that of a node with "primary", "secondary" behind it, or "master IP"
	host string
	port int
}

func reach(list []destination) remote.Cmd {
	args := []string{strconv.Itoa(reachLimit)}
	for _, d := range list {
		args = append(args, d.name, d.host, strconv.Itoa(d.port))
	}
	return remote.Script(reachScript, args...)
}

// destinations are the nodes of the group and one of each other group, on their primary and secondary addresses. On the latter
// a port of DRBD is tried that nothing has: being refused is an answer.
func (g *group) destinations(from *config.Node) []destination {
	var list []destination
	for _, n := range g.partners(from) {
		list = append(list, destination{n.Name + " primary", n.PrimaryIP, g.cfg.SSHPort(n)})
		if n.SecondaryIP != n.PrimaryIP && from.SecondaryIP != from.PrimaryIP {
			list = append(list, destination{n.Name + " secondary", n.SecondaryIP, config.LastPort})
		}
	}
	if master := g.cfg.MasterNode(); master != nil && from != master {
		list = append(list, destination{"master IP", g.cfg.Cluster.MasterIP, g.cfg.SSHPort(master)})
	}
	return list
}

// partners are the other nodes that a candidate must be able to log in to: all of its group that are online, and one of each
// other group, in turn.
func (g *group) partners(from *config.Node) []*config.Node {
	var list []*config.Node
	turn := max(slices.Index(g.nodes, from), 0)
	for _, other := range g.cfg.NodeGroups {
		online := slices.DeleteFunc(slices.Clone(g.cfg.GroupNodes(other.UUID)), func(n *config.Node) bool { return n.Offline })
		switch {
		case other.UUID == g.grp.UUID:
			list = append(list, slices.DeleteFunc(online, func(n *config.Node) bool { return n == from })...)
		case len(online) > 0:
			list = append(list, online[turn%len(online)])
		}
	}
	return list
}

// guestProbes ask for what runs, of all hypervisors; qemu itself is asked about the guests that are to run there.
func (g *group) guestProbes(n *config.Node) []probe {
	var probes []probe
	var due []string
	primary, _ := g.cfg.NodeInstances(n.UUID)
	for _, inst := range primary {
		if inst.AdminState == config.AdminUp {
			due = append(due, inst.Name)
		}
	}
	for _, hv := range g.cfg.Cluster.EnabledHypervisors {
		switch hv {
		case config.HVKVM:
			probes = append(probes, probe{cmd: kvm.StatusProbe(due...), read: (*answer).readKVM})
		case config.HVFake:
			probes = append(probes, probe{cmd: fake.StateProbe(), read: (*answer).readFake})
		}
	}
	return probes
}

// parameterProbes check hypervisor parameters against the node's files, users and qemu. Equal questions are put once.
func (g *group) parameterProbes() []probe {
	sources := map[string][]parameterSet{}
	var order []string
	cmds := map[string]remote.Cmd{}
	for _, set := range parameterSets(g.cfg) {
		if !kvm.AsksNode(set.hypervisor, set.params) {
			continue
		}
		c := kvm.CheckProbe(set.hypervisor, set.params)
		line := c.Line()
		if sources[line] == nil {
			order = append(order, line)
			cmds[line] = c
		}
		sources[line] = append(sources[line], set)
	}
	var probes []probe
	for _, line := range order {
		probes = append(probes, probe{cmd: cmds[line], read: func(a *answer, out []byte) error {
			for _, set := range sources[line] {
				if err := kvm.JudgeProbe(set.hypervisor, set.params, out); err != nil {
					a.parameters = append(a.parameters, wrongParameters{set.source, set.hypervisor, err.Error()})
				}
			}
			return nil
		}})
	}
	return probes
}

// paths are the files that nodes are to have the same, or that only some may have.
func (g *group) paths() []string {
	var list []string
	for _, f := range g.files() {
		list = append(list, f.path)
	}
	return list
}

// file is one of them.
type file struct {
	path     string
	optional bool // may be missing, if it is on all nodes
	versions bool // its content may differ for a moment, since copies have an order; the store knows better
	where    func(cfg *config.Config, n *config.Node) bool
}

func (g *group) files() []file {
	c := &g.cfg.Cluster
	everywhere := func(*config.Config, *config.Node) bool { return true }
	vm := func(_ *config.Config, n *config.Node) bool { return n.VMCapable }
	list := []file{
		{path: g.inDataDir("known_hosts"), where: everywhere},
		{path: g.inDataDir("config.toml"), versions: true, where: candidate},
	}
	for _, name := range []string{ancillary.SpiceFile, ancillary.SpiceCAFile} {
		list = append(list, file{path: g.inDataDir(name), optional: true, where: everywhere})
	}
	for _, name := range sorted(store.SSConf(g.cfg)) {
		list = append(list, file{path: g.inDataDir(name), where: everywhere})
	}
	if c.ModifyEtcHosts {
		list = append(list, file{path: "/etc/hosts", where: everywhere})
	}
	if c.UseExternalMIPScript {
		list = append(list, file{path: externalIPScript, where: everywhere})
	}
	for _, path := range ancillary.Files {
		list = append(list, file{path: path, optional: true, where: everywhere})
	}
	if len(fileTemplates(c)) > 0 {
		list = append(list, file{path: filedisk.PathsFile, optional: true, where: everywhere})
	}
	if slices.Contains(c.EnabledHypervisors, config.HVKVM) {
		list = append(list, file{path: "/etc/ganeti/kvm-vif-bridge", optional: true, where: vm})
	}
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return list
}

func (g *group) inDataDir(name string) string { return filepath.Join(config.DataDir, name) }
