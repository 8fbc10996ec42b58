package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// natural joins names in natural order.
func natural(names []string) string {
	names = slices.Clone(names)
	unit.SortNames(names)
	return comma(names)
}

// askOthers makes the files of a group comparable to those of the rest of the cluster: the master's, and those of one node more.
func (g *group) askOthers(ctx context.Context) []*config.Node {
	if len(g.nodes) == len(g.cfg.Nodes) {
		return nil
	}
	g.heading("Gathering information about the master node")
	var others []*config.Node
	master := g.cfg.MasterNode()
	if master != nil && master.Group != g.grp.UUID {
		others = append(others, master)
	}
	if i := slices.IndexFunc(g.cfg.Nodes, func(n *config.Node) bool {
		return n.Group != g.grp.UUID && n.VMCapable && !n.Offline && n != master
	}); i >= 0 {
		others = append(others, g.cfg.Nodes[i])
	}
	g.askSums(ctx, others)
	return others
}

// askSums asks for the checksums alone, and for the known_hosts behind one of them.
func (g *group) askSums(ctx context.Context, nodes []*config.Node) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	byName := map[string]*config.Node{}
	var names []string
	for _, n := range nodes {
		byName[n.Name], names = n, append(names, n.Name)
	}
	cmds := []remote.Cmd{sums(g.paths()), identity(&g.cfg.Cluster)}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) ([]remote.Result, error) {
		return nodefacts.Gather(ctx, g.env.Nodes, node, cmds...)
	}) {
		a := g.answers[byName[reply.Node].UUID]
		if a == nil {
			a = &answer{partial: true}
			g.answers[byName[reply.Node].UUID] = a
		}
		if a.failed = reply.Err; a.failed == nil {
			a.ssh = sshIdentity{}
			a.failed = errors.Join(readSums(a, reply.Value[0].Stdout), readIdentity(a, reply.Value[1].Stdout))
		}
	}
}

// consistency compares the files of all nodes that were asked. A transaction may just be handing out new ones: what differs is
// looked at again before it is reported.
func (g *group) consistency(ctx context.Context, others []*config.Node) {
	nodes := append(slices.Clone(g.nodes), others...)
	var with []*config.Node
	for _, n := range nodes {
		if n.Offline {
			continue
		}
		if a := g.answers[n.UUID]; a != nil && a.failed == nil && len(a.sums) > 0 {
			with = append(with, n)
		} else {
			g.errorf("ENODEFILECHECK", n.Name, "Node did not return file checksum data")
		}
	}
	for range 2 {
		if !g.unsettled(with) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(settling):
		}
		g.askSums(ctx, with)
		with = slices.DeleteFunc(with, func(n *config.Node) bool { return g.answers[n.UUID].failed != nil })
	}
	for _, f := range g.files() {
		g.compare(f, with)
	}
	g.survey(ctx)
}

// settling is how long the files of a transaction may be on their way.
const settling = 300 * time.Millisecond

// unsettled says whether files that transactions write differ.
func (g *group) unsettled(nodes []*config.Node) bool {
	prefix := g.inDataDir("ssconf_")
	for _, f := range g.files() {
		if strings.HasPrefix(f.path, prefix) && len(g.variants(f.path, nodes)) != 1 {
			return true
		}
	}
	return false
}

// variants are the nodes that have a file, by its checksum; those without it are under "".
func (g *group) variants(path string, nodes []*config.Node) map[string][]*config.Node {
	byHash := map[string][]*config.Node{}
	for _, n := range nodes {
		sum := g.answers[n.UUID].sums[path]
		byHash[sum] = append(byHash[sum], n)
	}
	return byHash
}

// compare looks at one file on all nodes.
func (g *group) compare(f file, nodes []*config.Node) {
	variants := g.variants(f.path, nodes)
	var expected, missing, unexpected []*config.Node
	for _, n := range nodes {
		should, has := f.where(g.cfg, n), g.answers[n.UUID].sums[f.path] != ""
		switch {
		case should && !has:
			missing = append(missing, n)
		case !should && has:
			unexpected = append(unexpected, n)
		}
		if should {
			expected = append(expected, n)
		}
	}
	delete(variants, "")
	if f.optional {
		g.errorIf(len(missing) > 0 && len(missing) < len(expected), "ECLUSTERFILECHECK", "",
			"File %s is optional, but it must exist on all or no nodes (not found on %s)", f.path, named(missing))
	} else {
		g.errorIf(missing != nil, "ECLUSTERFILECHECK", "", "File %s is missing from node(s) %s", f.path, named(missing))
		g.errorIf(unexpected != nil, "ECLUSTERFILECHECK", "", "File %s should not exist on node(s) %s", f.path, named(unexpected))
	}
	if f.versions {
		return
	}
	if f.path == g.inDataDir("known_hosts") && g.sameTrust(nodes) {
		return
	}
	var texts []string
	for i, sum := range sorted(variants) {
		texts = append(texts, fmt.Sprintf("variant %d on %s", i+1, named(variants[sum])))
	}
	g.errorIf(len(texts) > 1, "ECLUSTERFILECHECK", "", "File %s found with %d different checksums (%s)", f.path, len(texts), strings.Join(texts, "; "))
}

// sameTrust says that the cluster's known_hosts of the nodes differ only about hosts that the system's own files vouch for: the
// master takes over what those say (host keys that configuration management hands out), the other nodes with the next redist-conf.
func (g *group) sameTrust(nodes []*config.Node) bool {
	master := g.answers[g.cfg.Cluster.MasterNode]
	if master == nil || !master.readable() {
		return false
	}
	vouched := func(line string) bool {
		k, ok := parseKnown(line)
		return ok && slices.ContainsFunc(append(k.hosts, "*"), func(host string) bool { return slices.Contains(master.ssh.system, host) })
	}
	for _, n := range nodes {
		theirs := g.answers[n.UUID].ssh.cluster
		for _, line := range slices.Concat(theirs, master.ssh.cluster) {
			if slices.Contains(theirs, line) != slices.Contains(master.ssh.cluster, line) && !vouched(line) {
				return false
			}
		}
	}
	return true
}

// survey asks the other candidates for their copies of the configuration. It is done once, with the master's group.
func (g *group) survey(ctx context.Context) {
	master := g.cfg.MasterNode()
	if g.env.Store == nil || master == nil || master.Group != g.grp.UUID {
		return
	}
	path := g.inDataDir("config.toml")
	survey, err := g.env.Store.Survey(ctx, g.env.Nodes, store.Decide)
	if err != nil {
		g.errorf("ECLUSTERCFG", "", "%v", err)
	}
	var behind []string
	for _, name := range survey.Behind {
		if a := g.answerOf(name); a == nil || a.sums[path] != "" { // else it was said that there is none
			behind = append(behind, name)
		}
	}
	g.errorIf(behind != nil, "ECLUSTERFILECHECK", "", "File %s is older than the master's on node(s) %s", path, natural(behind))
	for _, name := range sorted(survey.Silent) {
		if a := g.answerOf(name); a == nil || a.failed == nil { // else it was said that it does not answer
			g.errorf("ENODEFILECHECK", name, "File %s: %s", path, reason(survey.Silent[name]))
		}
	}
}

func (g *group) answerOf(name string) *answer {
	if n := g.cfg.NodeByName(name); n != nil {
		return g.answers[n.UUID]
	}
	return nil
}
