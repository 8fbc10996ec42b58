package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/remote"
)

//go:embed publish.sh
var publishScript string

// given is which ssconf files a node was given last.
type given struct {
	To     string `json:"to"` // the node's UUID and its role at that time
	Epoch  int64  `json:"epoch"`
	Serial int64  `json:"serial"`
}

func (g given) version() string { return fmt.Sprintf("%d %d", g.Epoch, g.Serial) }

// publication is one version's way to the nodes.
type publication struct {
	*Store
	nodes   remote.Runner
	config  *config.Config
	header  Header
	files   map[string]string
	digests map[string]string
	known   hints
}

// publish gives every node that is not offline the ssconf files that are others than those it has, in one round trip each. What
// fails is a warning: the next transaction tries again.
func (s *Store) publish(ctx context.Context, r remote.Runner, c *config.Config, h Header) (warnings []string) {
	p := &publication{Store: s, nodes: r, config: c, header: h, files: SSConf(c), known: s.readHints()}
	p.digests = map[string]string{}
	for name, text := range p.files {
		sum := sha256.Sum256([]byte(text))
		p.digests[name] = hex.EncodeToString(sum[:8])
	}
	var nodes []string
	for _, n := range c.Nodes {
		if !n.Offline && !p.has(n) {
			nodes = append(nodes, n.Name)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (status int, err error) {
		return p.give(ctx, c.NodeByName(node))
	})
	s.changeHints(func(h *hints) { p.note(h, replies) })
	for _, reply := range replies {
		if reply.Err != nil {
			warnings = append(warnings, fmt.Sprintf("Node %s has not got the new ssconf files: %v", reply.Node, reply.Err))
		}
	}
	return warnings
}

// recipient is what must not have changed since a node was given files: it is another machine, or plays another part.
func (p *publication) recipient(n *config.Node) string { return n.UUID + " " + role(p.config, n) }

// role says whether a node keeps a copy of the configuration.
func role(c *config.Config, n *config.Node) string {
	if n.MasterCandidate || n.UUID == c.Cluster.MasterNode {
		return "candidate"
	}
	return "plain"
}

// has says whether a node was given these files before.
func (p *publication) has(n *config.Node) bool {
	g := p.known.Given[n.Name]
	return g.To == p.recipient(n) && maps.Equal(p.known.SSConf[g.version()], p.digests)
}

// give sends a node what is new to it; if it has other files than this master knows, all.
func (p *publication) give(ctx context.Context, n *config.Node) (status int, err error) {
	g := p.known.Given[n.Name]
	if had := p.known.SSConf[g.version()]; g.To == p.recipient(n) && had != nil {
		fresh := maps.Clone(p.files)
		maps.DeleteFunc(fresh, func(name, _ string) bool { return had[name] == p.digests[name] })
		status, err = p.send(ctx, n, g.version(), fresh)
		if err != nil || status != statusOther {
			return status, err
		}
	}
	status, err = p.send(ctx, n, "", p.files)
	if err == nil && status == statusOther {
		err = errors.New("it has got other files in the meantime")
	}
	return status, err
}

func (p *publication) send(ctx context.Context, n *config.Node, base string, files map[string]string) (int, error) {
	c := remote.Script(publishScript, p.dir, role(p.config, n), strconv.FormatInt(p.header.Epoch, 10), strconv.FormatInt(p.header.Serial, 10), base)
	c.Stdin, c.Limit, c.OK = bundle(files), commitLimit, []int{statusNewer, statusOther}
	res, err := p.run(ctx, p.nodes, n.Name, c, p.isSlow(n.Name), len(c.Stdin))
	return res.Status, err
}

// note keeps who has what now. Of a node that failed, or that somebody else gave a newer version, nothing is known; what another
// job has noted of a newer version stays.
func (p *publication) note(h *hints, replies []remote.Reply[int]) {
	mine := given{Epoch: p.header.Epoch, Serial: p.header.Serial}
	maps.DeleteFunc(h.Given, func(node string, _ given) bool { return p.config.NodeByName(node) == nil })
	for _, reply := range replies {
		g, noted := h.Given[reply.Node]
		if noted && p.header.Before(Header{Epoch: g.Epoch, Serial: g.Serial}) {
			continue
		}
		delete(h.Given, reply.Node)
		if reply.Err == nil && reply.Value == 0 {
			mine.To = p.recipient(p.config.NodeByName(reply.Node))
			h.Given[reply.Node] = mine
			h.SSConf[mine.version()] = p.digests
		}
	}
	maps.DeleteFunc(h.SSConf, func(version string, _ map[string]string) bool {
		return !slices.ContainsFunc(slices.Collect(maps.Values(h.Given)), func(g given) bool { return g.version() == version })
	})
}

// bundle puts files one behind the other for publish.sh, always the same way: "=NAME", then each line with a blank before it, and
// a "." at the end, without which it was cut off.
func bundle(files map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "=%s\n", name)
		for line := range strings.Lines(files[name]) {
			b.WriteString(" " + line)
		}
	}
	b.WriteString(".\n")
	return b.Bytes()
}
