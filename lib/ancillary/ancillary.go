// Package ancillary hands out the files besides the configuration that nodes need to be the same everywhere: who vouches for
// host keys, root's keys of the master candidates, names in /etc/hosts.
package ancillary

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/remote"
)

// Nodes is how the files get there; a *remote.Pool does it.
type Nodes interface {
	remote.Runner
	Put(ctx context.Context, node, file string, data []byte, mode os.FileMode) error
}

// Files are handed out where this node has them. Those of the data directory come first.
var Files = []string{
	"/etc/ganeti/vnc-cluster-password", "/etc/ganeti/spice-password", // secrets of graphical consoles
	"/etc/ganeti/rapi/users", "/etc/ganeti/ext_storage_secrets",
}

// PushAll puts the cluster's known_hosts, the certificate of the SPICE consoles, the Files and, where the cluster looks after it, /etc/hosts on all nodes that are not
// offline, and gives an error for each node that failed.
func PushAll(ctx context.Context, nodes Nodes, cfg *config.Config, dataDir string) []remote.Reply[struct{}] {
	var names []string
	for _, n := range cfg.Nodes {
		if !n.Offline && n.UUID != cfg.Cluster.MasterNode {
			names = append(names, n.Name)
		}
	}
	var paths []string
	for _, name := range []string{"known_hosts", SpiceFile, SpiceCAFile} {
		paths = append(paths, filepath.Join(dataDir, name))
	}
	paths = append(paths, Files...)
	if cfg.Cluster.ModifyEtcHosts {
		paths = append(paths, "/etc/hosts")
	}
	return Push(ctx, nodes, paths, names)
}

// Push puts files of this node on others.
func Push(ctx context.Context, nodes Nodes, paths, names []string) []remote.Reply[struct{}] {
	return remote.Each(ctx, names, 0, func(ctx context.Context, node string) (struct{}, error) {
		for _, path := range paths {
			if err := push(ctx, nodes, node, path); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
}

func push(ctx context.Context, nodes Nodes, node, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return nodes.Put(ctx, node, path, data, info.Mode().Perm())
}

//go:embed authorize.sh
var authorizeScript string

// Authorize adds public keys (authorized_keys lines) of root to a node. Those that are there already stay once.
func Authorize(keys []string) remote.Cmd {
	c := remote.Script(authorizeScript)
	c.Stdin = []byte(strings.Join(keys, "\n") + "\n")
	c.Changes = "authorise root's keys of the master candidates"
	return c
}

//go:embed revoke.sh
var revokeScript string

// Revoke takes public keys (authorized_keys lines) of root away from a node.
func Revoke(keys []string) remote.Cmd {
	c := remote.Script(revokeScript)
	c.Stdin = []byte(strings.Join(keys, "\n") + "\n")
	c.Changes = "take back root's old keys of the master candidates"
	return c
}

// PublicKeys reads root's public keys on a node, one authorized_keys line each.
func PublicKeys(ctx context.Context, r remote.Runner, node string) ([]string, error) {
	result, err := r.Run(ctx, node, remote.Script(`cat /root/.ssh/id_ed25519.pub /root/.ssh/id_ecdsa.pub /root/.ssh/id_rsa.pub 2>/dev/null || :`))
	keys := slices.DeleteFunc(strings.Split(string(result.Stdout), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	return keys, err
}

//go:embed hosts.sh
var hostsScript string

// Hosts keeps a node's line in /etc/hosts of the node where it runs: address and names. An empty ip takes the line away.
func Hosts(name, ip string) remote.Cmd {
	short, _, _ := strings.Cut(name, ".")
	c := remote.Script(hostsScript, ip, name, short)
	c.Changes = "keep " + name + " in /etc/hosts"
	return c
}
