package cli

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func noTerminal() (io.ReadWriteCloser, error) { return nil, syscall.ENXIO }

// beMaster makes the machine of env the master of a cluster.
func beMaster(t *testing.T, env *Env) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(env.paths.data, "ssconf_master_node"), []byte("node1.example.com\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
