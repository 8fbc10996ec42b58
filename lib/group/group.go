// Package group holds the operations on node groups: nodes between which instances may be moved and replicated.
package group

import (
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// find returns a group by name or UUID.
func find(cfg *config.Config, name string) (*config.NodeGroup, error) {
	if g := cfg.GroupByName(name); g != nil {
		return g, nil
	}
	return nil, fault.Refuse(fault.NotFound, "Node group '%s' not found", name)
}

// lock is the exclusive lock of one group.
func lock(g *config.NodeGroup) job.Lock { return job.Lock{Level: job.LevelNodeGroup, Name: g.UUID} }

// onMaster is a plan whose hooks run on the master alone.
func onMaster(cfg *config.Config, path string, env map[string]string) *hooks.Plan {
	master := []string{cfg.MasterNode().Name}
	return &hooks.Plan{Path: path, Env: env, Pre: master, Post: master}
}
