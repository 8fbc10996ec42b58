package watcher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gantry/lib/query"
)

// The status of instances is kept for scripts as lines of name and word: a file for each group beside the configuration, and
// one of all groups where the node's programs look.

func (w *Watcher) path(group, kind string) string {
	return filepath.Join(w.DataDir, "watcher."+group+"."+kind)
}

func writeStatus(path string, rows []*query.InstanceRow) error {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(r.Instance.Name + " " + r.Status() + "\n")
	}
	return replace(path, []byte(b.String()), 0o600)
}

// sumUp puts the files of all groups together.
func (w *Watcher) sumUp() error {
	var all []byte
	for _, g := range w.cfg.NodeGroups {
		text, err := os.ReadFile(w.path(g.UUID, "instance-status"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		all = append(all, text...)
	}
	return replace(filepath.Join(w.RunDir, "instance-status"), all, 0o644)
}
