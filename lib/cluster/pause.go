package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/remote"
)

// PauseWatcher tells the watchers of all nodes that are not offline to do nothing until then; the zero time lets them go on. It
// gives an error for each node that failed.
func PauseWatcher(ctx context.Context, nodes ancillary.Nodes, cfg *config.Config, dataDir string, until time.Time) []remote.Reply[struct{}] {
	var names []string
	for _, n := range cfg.Nodes {
		if !n.Offline {
			names = append(names, n.Name)
		}
	}
	path := filepath.Join(dataDir, "watcher.pause")
	return remote.Each(ctx, names, 0, func(ctx context.Context, node string) (struct{}, error) {
		if !until.IsZero() {
			return struct{}{}, nodes.Put(ctx, node, path, fmt.Appendf(nil, "%d\n", until.Unix()), 0o644)
		}
		c := remote.Command("rm", "-f", path)
		c.Changes = "let the watcher go on"
		_, err := nodes.Run(ctx, node, c)
		return struct{}{}, err
	})
}
