package balance

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/balance/number"
)

// Merge is how raw data becomes a cluster: what the command line says about it.
type Merge struct {
	Util              []InstanceUtil
	IgnoreUtil        bool
	ExclusionPrefixes []string // tag prefixes that keep instances apart, without the colon
	Select, Exclude   []string // instances that may be moved (empty: all) and that may not
	KVMNodeMem        int      // MiB a KVM node is taken to use itself; 0 keeps the reported value
	NoKinds           bool     // disk space is looked at as a whole, whatever kinds of storage there are
}

// InstanceUtil is the measured utilisation of one instance.
type InstanceUtil struct {
	Name string
	Util Util
}

// Cluster tags that configure the tools.
const (
	tagExclusion       = "htools:iextags:"
	tagDesiredLocation = "htools:desiredlocation:"
	tagNodeLocation    = "htools:nlocation:"
	tagMigration       = "htools:migration:"
	tagAllowMigration  = "htools:allowmigration:"
)

// Apply connects nodes and instances of freshly read data. It returns warnings about data that does not add up.
func (m Merge) Apply(c *Cluster) (warnings []string, err error) {
	m.setUtil(c)
	if err := m.setMovable(c); err != nil {
		return nil, err
	}
	if err := m.setKinds(c); err != nil {
		return nil, err
	}
	c.setTags(m.ExclusionPrefixes)
	c.setAliases()
	c.placeAll()
	c.clampRoom()
	c.setPolicies()
	for _, i := range c.SplitInstances() {
		i.Movable = false
	}
	return m.account(c), nil
}

func (m Merge) setUtil(c *Cluster) {
	if m.IgnoreUtil {
		for _, i := range c.Instances {
			i.Util = Util{}
		}
		return
	}
	for _, u := range m.Util {
		if i, err := c.FindInstance(u.Name); err == nil {
			i.Util = u.Util
		}
	}
}

func (m Merge) setMovable(c *Cluster) error {
	selected, unknown := resolve(c.instanceNames(), m.Select)
	excluded, more := resolve(c.instanceNames(), m.Exclude)
	if unknown = append(unknown, more...); len(unknown) > 0 {
		return fmt.Errorf("Unknown instance(s): %s", number.QuoteList(unknown))
	}
	for _, i := range c.Instances {
		if excluded[i.Name] || (len(selected) > 0 && !selected[i.Name]) {
			i.Movable = false
		}
	}
	return nil
}

func resolve(names, wanted []string) (known map[string]bool, unknown []string) {
	known = map[string]bool{}
	for _, w := range wanted {
		if name, ok := LookupName(names, w); ok {
			known[name] = true
		} else {
			unknown = append(unknown, w)
		}
	}
	return known, unknown
}

// remainders returns what follows the prefix in the tags that have it; an empty remainder does not count.
func remainders(tags []string, prefix string) []string {
	var rest []string
	for _, tag := range tags {
		if r, ok := strings.CutPrefix(tag, prefix); ok && r != "" {
			rest = append(rest, r)
		}
	}
	return rest
}

// withPrefix keeps the tags that start with one of the prefixes.
func withPrefix(tags, prefixes []string) []string {
	var kept []string
	for _, tag := range tags {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(tag, p) }) {
			kept = append(kept, tag)
		}
	}
	return kept
}

func sortedSet(list []string) []string {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func withColon(list []string) []string {
	colons := make([]string, len(list))
	for k, s := range list {
		colons[k] = s + ":"
	}
	return colons
}

// setTags finds the tags that matter, on instances and nodes.
func (c *Cluster) setTags(prefixes []string) {
	for _, i := range c.Instances {
		c.tagged(i, prefixes)
	}
	location := withColon(remainders(c.Tags, tagNodeLocation))
	migration := withColon(remainders(c.Tags, tagMigration))
	allowed := allowedMigrations(c.Tags)
	for _, n := range c.Nodes {
		n.locTags = sortedSet(withPrefix(n.Tags, location))
		n.migTags = sortedSet(withPrefix(n.Tags, migration))
		n.recvTags = receiveTags(n.migTags, allowed)
	}
	for _, i := range c.Instances {
		i.LocationScore = c.locationScore(i)
	}
}

// Tagged finds the tags that matter on an instance that is not on the cluster yet.
func (c *Cluster) Tagged(i *Instance) { c.tagged(i, nil) }

func (c *Cluster) tagged(i *Instance, prefixes []string) {
	exclusion := append(withColon(prefixes), remainders(c.Tags, tagExclusion)...)
	i.ExclTags = withPrefix(i.Tags, exclusion)
	i.Desired = sortedSet(withPrefix(i.Tags, remainders(c.Tags, tagDesiredLocation)))
}

func (c *Cluster) locationScore(i *Instance) int {
	if i.Secondary == None {
		return 0
	}
	return commonTags(c.Nodes[i.Primary], c.Nodes[i.Secondary])
}

// allowedMigrations reads the cluster tags that allow moves between differing nodes: pairs of from and to.
func allowedMigrations(tags []string) [][2]string {
	var pairs [][2]string
	for _, rest := range remainders(tags, tagAllowMigration) {
		if ends := strings.Split(rest, "::"); len(ends) == 2 {
			pairs = append(pairs, [2]string{ends[0], ends[1]})
		}
	}
	return pairs
}

func receiveTags(own []string, allowed [][2]string) []string {
	receive := slices.Clone(own)
	for _, pair := range allowed {
		if slices.Contains(own, pair[1]) {
			receive = append(receive, pair[0])
		}
	}
	return receive
}

// Suffix returns the domain that all names of nodes and instances end in, with its dot.
func (c *Cluster) Suffix() string {
	names := append(c.NodeNames(), c.instanceNames()...)
	if len(names) == 0 {
		return ""
	}
	for k := range names[0] {
		suffix := names[0][k:]
		if suffix[0] == '.' && endAll(names, suffix) {
			return suffix
		}
	}
	return ""
}

func endAll(names []string, suffix string) bool {
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return true
}

func (c *Cluster) setAliases() {
	suffix := c.Suffix()
	for _, n := range c.Nodes {
		n.Alias = strings.TrimSuffix(n.Name, suffix)
	}
	for _, i := range c.Instances {
		i.Alias = strings.TrimSuffix(i.Name, suffix)
	}
}

// placeAll puts the instances on the lists of their nodes. The free memory and disk of a node count them already. One whose two
// nodes are the same only counts as a secondary, as in the reference.
func (c *Cluster) placeAll() {
	for _, i := range c.Instances {
		if i.Primary != i.Secondary {
			c.Nodes[i.Primary].loadPrimary(i)
		}
		if i.Secondary != None {
			c.Nodes[i.Secondary].loadSecondary(i)
		}
	}
}

func (n *Node) loadPrimary(i *Instance) {
	if !i.Forthcoming {
		n.usedCPU += i.onlineCPUs()
		n.load = n.load.plus(i.Util)
		n.instSpindles = spindlesUsed(n, i, 1, n.instSpindles)
		n.locationScore += i.LocationScore + n.unmet(i)
		n.nPri++
		if i.usesMemory() {
			n.instMem += i.Mem
		}
	} else {
		n.addRoom(i, 1)
		n.addDiskF(i, 1)
		n.freeSpindlesF = spindlesLeft(n, i, 1, n.freeSpindlesF)
	}
	n.listPrimary(n, i)
	n.usedCPUF += i.onlineCPUs()
	n.loadF = n.loadF.plus(i.Util)
	if !i.usesMemory() {
		n.freeMemF -= i.Mem
	}
	n.instSpindlesF = spindlesUsed(n, i, 1, n.instSpindlesF)
}

func (n *Node) loadSecondary(i *Instance) {
	if !i.Forthcoming {
		n.sec = prepended(n.sec, i.Index)
		n.load.Disk += i.Util.Disk
		n.instSpindles = spindlesUsed(n, i, 1, n.instSpindles)
		n.peers = n.peers.with(i.Primary, n.peers.find(i.Primary)+i.secondaryMem())
		n.reserved = n.peers.max()
		n.nSec++
	} else {
		n.addRoom(i, 1)
		n.addDiskF(i, 1)
		n.freeSpindlesF = spindlesLeft(n, i, 1, n.freeSpindlesF)
	}
	n.secF = prepended(n.secF, i.Index)
	n.loadF.Disk += i.Util.Disk
	n.instSpindlesF = spindlesUsed(n, i, 1, n.instSpindlesF)
}

func (c *Cluster) setPolicies() {
	for _, n := range c.Nodes {
		n.setPolicy(c.Groups[n.Group].Policy)
	}
}

// account compares what is used with what is known to use it. The flag for N+1 failures starts from the reported free
// memory, with a strict comparison; every later change uses the computed one.
func (m Merge) account(c *Cluster) []string {
	var warnings []string
	for k := len(c.Nodes) - 1; k >= 0; k-- {
		n := c.Nodes[k]
		if n.KVM && m.KVMNodeMem > 0 {
			n.NodeMem = m.KVMNodeMem
		}
		n.missing = n.recorded(&n.state) - n.FreeMem
		n.failN1 = n.FreeMem < n.reserved
		disk := n.missingDisk(c.Instances)
		if n.missing > 512 || disk > 1024 {
			warnings = append(warnings, fmt.Sprintf("node %s is missing %d MB ram and %d GB disk", n.Name, n.missing, disk>>10))
		}
	}
	return warnings
}
