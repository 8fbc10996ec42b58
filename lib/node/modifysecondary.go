package node

import (
	"context"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/instance"
	"gantry/lib/job"
	"gantry/lib/resolve"
)

// mirroredOn returns the instances whose mirrors talk to each other by the node's second address.
func mirroredOn(cfg *config.Config, n *config.Node) (list []*config.Instance) {
	for _, inst := range cfg.Instances {
		drbd := slices.ContainsFunc(cfg.InstanceDisks(inst), func(d *config.Disk) bool { return d.DevType == config.DTDRBD })
		if drbd && slices.Contains(cfg.InstanceNodes(inst), n.UUID) {
			list = append(list, inst)
		}
	}
	return list
}

// secondaryLocks keep the instances down that would lose their mirror's address.
func (w *modify) secondaryLocks(cfg *config.Config, n *config.Node) (locks []job.Lock) {
	if w.SecondaryIP == "" {
		return nil
	}
	for _, inst := range mirroredOn(cfg, n) {
		locks = append(locks, job.Lock{Level: job.LevelInstance, Name: inst.Name, Shared: true})
	}
	return locks
}

func (w *modify) checkSecondary(ctx context.Context, cfg *config.Config) error {
	if w.SecondaryIP == "" {
		return nil
	}
	master := cfg.MasterNode()
	if err := w.checkHomes(master); err != nil {
		return err
	}
	affected := mirroredOn(cfg, w.node)
	if w.node.Offline {
		return refuseOffline(affected)
	}
	for _, inst := range affected {
		if err := instance.CheckDown(ctx, w.env, inst, "cannot change secondary ip"); err != nil {
			return err
		}
	}
	own, err := owns(ctx, w.env.Nodes, w.node.Name, w.SecondaryIP)
	if err == nil && !own {
		return fault.Refuse(fault.Environment, "Node claims it doesn't have the secondary ip you gave (%s), please fix and re-run this command", w.SecondaryIP)
	}
	if err == nil && w.node.UUID != master.UUID && !resolve.AnswersFrom(ctx, master.SecondaryIP, w.SecondaryIP, cfg.SSHPort(w.node)) {
		return fault.Refuse(fault.Environment, "Node secondary ip not reachable by TCP based ping to node daemon port")
	}
	return err
}

// checkHomes lets only the master begin or end a replication network of the cluster, and only by force.
func (w *modify) checkHomes(master *config.Node) error {
	own, shared := master.PrimaryIP != master.SecondaryIP, w.SecondaryIP == w.node.PrimaryIP
	if own != shared {
		return nil
	}
	forced := w.Force && w.node.UUID == master.UUID
	switch {
	case own && forced:
		w.env.Warn("Transitioning from multi-homed to single-homed cluster; secondary IP addresses will have to be removed")
	case own:
		return fault.Refuse(fault.WrongInput, "Cannot set the secondary IP to be the same as the primary IP on a multi-homed cluster, unless the --force option is passed, and the target node is the master")
	case forced:
		w.env.Warn("Transitioning from single-homed to multi-homed cluster; all nodes will require a secondary IP address")
	default:
		return fault.Refuse(fault.WrongInput, "Changing the secondary ip on a single-homed cluster requires the --force option to be passed, and the target node to be the master")
	}
	return nil
}

// refuseOffline refuses for instances whose mirror on an offline node nobody could tell of the new address.
func refuseOffline(affected []*config.Instance) error {
	if affected == nil {
		return nil
	}
	names := make([]string, len(affected))
	for i, inst := range affected {
		names[i] = inst.Name
	}
	return fault.Refuse(fault.WrongState, "Cannot change secondary IP address: offline node has instances (%s) configured to use it", strings.Join(names, ", "))
}
