package cluster

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"

	"gantry/lib/ancillary"
	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/remote"
)

//go:embed prepare.sh
var prepareScript string

// Establish makes the cluster that Init.Config described: the master's directories, keys and certificates, the configuration, the cluster's
// address. Before the configuration is written nothing says that there is a cluster; after it, every step can be done again
// (redist-conf, activate-master-ip).
func Establish(ctx context.Context, here Here, dataDir string, s *store.Store, cfg *config.Config) error {
	if _, err := here.run(ctx, prepare(dataDir, &cfg.Cluster)); err != nil {
		return fmt.Errorf("preparing the master: %w", err)
	}
	spice, err := ancillary.NewSpice(here.Now)
	if err != nil {
		return fmt.Errorf("making the certificate of the SPICE consoles: %w", err)
	}
	if err := spice.Put(ctx, here.Nodes, here.Name, dataDir); err != nil {
		return err
	}
	if err := s.Create(ctx, cfg); err != nil {
		return fmt.Errorf("writing the first configuration: %w", err)
	}
	if _, err := s.Redistribute(ctx, here.Nodes); err != nil {
		return fmt.Errorf("writing the files that scripts read: %w", err)
	}
	if _, err := here.run(ctx, MasterIP(&cfg.Cluster, "start")); err != nil {
		return fmt.Errorf("starting the cluster's address: %w", err)
	}
	return nil
}

func prepare(dataDir string, c *config.Cluster) remote.Cmd {
	ssh := "no"
	if c.ModifySSHSetup {
		ssh = "yes"
	}
	words := []string{dataDir, c.ClusterName, c.SSHKeyType, strconv.Itoa(c.SSHKeyBits), ssh}
	for template, dir := range map[string]string{config.DTFile: c.FileStorageDir, config.DTSharedFile: c.SharedFileStorageDir, config.DTGluster: c.GlusterStorageDir} {
		if slices.Contains(c.EnabledDiskTemplates, template) {
			words = append(words, dir)
		}
	}
	slices.Sort(words[5:])
	cmd := remote.Script(prepareScript, words...)
	cmd.Changes = "make the master's directories and key"
	return cmd
}
