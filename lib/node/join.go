package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/remote"
)

// Machines is what Join needs of a remote.Pool.
type Machines interface {
	ancillary.Nodes
	// Enter runs a command on a machine that takes no key yet: a person gives the password.
	Enter(ctx context.Context, node string, c remote.Cmd) error
}

// Join prepares the SSH of a machine that is to become a node: the keys of the master candidates may log in there, its own may
// log in on the others, and the cluster's known_hosts vouches for it. Every step can be done again. A machine of another cluster is
// refused before it is given anything, unless it is to join all the same.
func Join(ctx context.Context, nodes Machines, cfg *config.Config, dataDir, name, ip string, force bool) error {
	if err := open(ctx, nodes, cfg.MasterNode().Name, name); err != nil {
		return err
	}
	if err := Belongs(ctx, nodes, cfg, name); err != nil && !force {
		return err
	}
	if err := exchangeKeys(ctx, nodes, cfg, name); err != nil {
		return fmt.Errorf("exchanging root's keys with %s: %w", name, err)
	}
	if err := vouch(ctx, nodes, dataDir, name, ip); err != nil {
		return fmt.Errorf("noting the host keys of %s: %w", name, err)
	}
	return nil
}

// open sees to it that the master's keys may log in on a machine. Where none may, a person's password lets them in once.
func open(ctx context.Context, nodes Machines, master, name string) error {
	_, err := nodes.Run(ctx, name, remote.Command("true"))
	denied, ok := errors.AsType[*remote.LoginError](err)
	if !ok {
		return err
	}
	keys, err := ancillary.PublicKeys(ctx, nodes, master)
	if err != nil {
		return fmt.Errorf("reading root's public keys: %w", err)
	}
	if len(keys) == 0 {
		return fmt.Errorf("root has no SSH key that %s could take: %w", name, denied)
	}
	if err := nodes.Enter(ctx, name, ancillary.Authorize(keys)); err != nil {
		return fmt.Errorf("%s takes none of root's SSH keys, and no password let us in: %w; nothing was changed", name, err)
	}
	return nil
}

// Belongs refuses a machine that another cluster has made its node. One that was removed from this cluster while nobody could reach it
// still has what it had, and may come back.
func Belongs(ctx context.Context, r remote.Runner, cfg *config.Config, name string) error {
	out, err := r.Run(ctx, name, remote.Script(`cat "$1" 2>/dev/null || :`, config.DataDir+"/ssconf_cluster_name"))
	if err != nil {
		return err
	}
	if other := strings.TrimSpace(string(out.Stdout)); other != "" && other != cfg.Cluster.ClusterName {
		return fault.Refuse(fault.WrongState, "Node %s belongs to the cluster %s; '--force-join' makes it a node of this one all the same", name, other)
	}
	return nil
}

// exchangeKeys makes a key for root where there is none, and authorises everybody's keys everywhere.
func exchangeKeys(ctx context.Context, nodes ancillary.Nodes, cfg *config.Config, name string) error {
	if _, err := nodes.Run(ctx, name, makeKey(cfg.Cluster.SSHKeyType)); err != nil {
		return err
	}
	all := []string{name}
	candidates := []string{name}
	for _, n := range cfg.Nodes {
		if n.Offline || n.Name == name {
			continue
		}
		all = append(all, n.Name)
		if n.MasterCandidate {
			candidates = append(candidates, n.Name)
		}
	}
	var keys []string
	for _, r := range remote.Each(ctx, candidates, 0, func(ctx context.Context, node string) ([]string, error) {
		return ancillary.PublicKeys(ctx, nodes, node)
	}) {
		if r.Err != nil {
			return r.Err
		}
		keys = append(keys, r.Value...)
	}
	slices.Sort(keys)
	authorize := ancillary.Authorize(slices.Compact(keys))
	for _, r := range remote.Each(ctx, all, 0, func(ctx context.Context, node string) (remote.Result, error) {
		return nodes.Run(ctx, node, authorize)
	}) {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func makeKey(kind string) remote.Cmd {
	c := remote.Script(`[ -e "/root/.ssh/id_$1" ] || { install -d -m 0700 /root/.ssh && ssh-keygen -q -t "$1" -N "" -f "/root/.ssh/id_$1"; }`, kind)
	c.Changes = "make root's key"
	return c
}

// vouch writes the node's host keys into the cluster's known_hosts, in place of older ones. The connection they are read over
// was itself vouched for, or accepted by --no-ssh-key-check.
func vouch(ctx context.Context, nodes ancillary.Nodes, dataDir, name, ip string) error {
	result, err := nodes.Run(ctx, name, remote.Script(`cat /etc/ssh/ssh_host_*_key.pub`))
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, "known_hosts")
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	hosts := name + "," + ip
	var text bytes.Buffer
	for line := range strings.Lines(string(old)) {
		if first, _, _ := strings.Cut(line, " "); !slices.Contains(strings.Split(first, ","), name) {
			text.WriteString(line)
		}
	}
	for line := range strings.Lines(string(result.Stdout)) {
		if fields := strings.Fields(line); len(fields) >= 2 {
			fmt.Fprintf(&text, "%s %s %s\n", hosts, fields[0], fields[1])
		}
	}
	return replace(path, text.Bytes())
}

// replace writes a file of this machine whole or not at all.
func replace(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".known_hosts.*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	for _, step := range []func() error{func() error { return temp.Chmod(0o644) }, temp.Sync, temp.Close} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
