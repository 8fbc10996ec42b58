package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/cluster"
)

func masterFailover(c *cli.Command) {
	c.Usage("", "Makes this node the master")
	var op cluster.MasterFailover
	c.Flag("no-voting", "Take over although most of the other candidates do not answer").BoolVar(&op.NoVoting)
	sure := c.Flag("yes-do-it", "Do not ask whether --no-voting is meant").Bool()
	c.Flag("ignore-offline-nodes", "Nodes marked offline are never asked; the value makes no difference").Meta("IGNORE_OFFLINE_NODES").String()

	c.Run(func(ctx context.Context, env *cli.Env) error {
		if err := env.Alone(); err != nil {
			return err
		}
		if op.NoVoting && !*sure && !env.Confirm("This will perform the failover even if most other nodes are down, or if this node is outdated. "+
			"This is dangerous as it can lead to a non-consistent cluster. Check the gnt-cluster(8) man page before proceeding. Continue?") {
			return cli.Declined
		}
		return takeOver(ctx, env, op)
	})
}

// takeOver gathers what lies on this node and runs the failover with it.
func takeOver(ctx context.Context, env *cli.Env, op cluster.MasterFailover) error {
	master, err := env.Master()
	if err != nil {
		return err
	}
	s, err := env.LocalStore()
	if err != nil {
		return err
	}
	if exists, err := s.Exists(); err != nil || !exists {
		return notCandidate(env, master, err)
	}
	cfg, err := s.Load()
	if err != nil {
		return err
	}
	self, err := env.Self(cfg)
	if err != nil {
		return err
	}
	queue, err := env.LocalQueue()
	if err != nil {
		return err
	}
	return op.Run(ctx, cluster.Successor{Name: self, Store: s, Queue: queue, Nodes: env.NodesOf(cfg), Warn: env.Warn})
}

// notCandidate names the candidates, which every node knows, when this one is none of them.
func notCandidate(env *cli.Env, master string, err error) error {
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(env.DataDir(), "ssconf_master_candidates"))
	if err != nil {
		return err
	}
	return cluster.NotCandidate(strings.Fields(string(text)), master)
}
