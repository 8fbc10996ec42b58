package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
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

// publish gives every node that is not offline the ssconf files, in one round trip each, unless it has them already. What fails
// is a warning: the next transaction tries again.
func (s *Store) publish(ctx context.Context, r remote.Runner, c *config.Config, h Header) (warnings []string) {
	files := bundle(SSConf(c))
	known := s.readHints().Published
	want := map[string]string{}
	var nodes []string
	for _, n := range c.Nodes {
		want[n.Name] = publishedDigest(c, n, files)
		if !n.Offline && known[n.Name] != want[n.Name] {
			nodes = append(nodes, n.Name)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	replies := remote.Each(ctx, nodes, 0, func(ctx context.Context, node string) (struct{}, error) {
		cmd := remote.Script(publishScript, s.dir, role(c, c.NodeByName(node)), strconv.FormatInt(h.Epoch, 10), strconv.FormatInt(h.Serial, 10))
		cmd.Stdin, cmd.Limit, cmd.OK = files, commitLimit, []int{statusNewer}
		_, err := s.run(ctx, r, node, cmd)
		return struct{}{}, err
	})
	s.changeHints(func(h *hints) {
		maps.DeleteFunc(h.Published, func(node, _ string) bool { return want[node] == "" })
		for _, reply := range replies {
			if reply.Err == nil {
				h.Published[reply.Node] = want[reply.Node]
			}
		}
	})
	for _, reply := range replies {
		if reply.Err != nil {
			warnings = append(warnings, fmt.Sprintf("Node %s has not got the new ssconf files: %v", reply.Node, reply.Err))
		}
	}
	return warnings
}

// role says whether a node keeps a copy of the configuration.
func role(c *config.Config, n *config.Node) string {
	if n.MasterCandidate || n.UUID == c.Cluster.MasterNode {
		return "candidate"
	}
	return "plain"
}

func publishedDigest(c *config.Config, n *config.Node, files []byte) string {
	sum := sha256.Sum256(append([]byte(n.UUID+role(c, n)), files...))
	return hex.EncodeToString(sum[:])
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
