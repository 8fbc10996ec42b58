package cluster

import (
	"context"
	"fmt"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// leaveNetdev takes the cluster's address off the interface that is to be another one's.
func (w *modify) leaveNetdev(ctx context.Context) error {
	if w.MasterNetdev == nil {
		return nil
	}
	old := &w.env.Config.Cluster
	w.env.Say("Shutting down master ip on the current netdev (%s)", old.MasterNetdev)
	if trouble := moveAddress(ctx, w.env, old, "stop"); trouble != "" {
		if !w.Force {
			return fault.Exec("Could not disable the master ip: %s", trouble)
		}
		w.env.Say("Could not disable the master ip (continuing anyway): %s", trouble)
	}
	w.env.Say("Changing master_netdev from %s to %s", old.MasterNetdev, *w.MasterNetdev)
	return nil
}

// returnToNetdev brings the address back when nothing was recorded. Starting what is up already does nothing.
func (w *modify) returnToNetdev(ctx context.Context) error {
	if w.MasterNetdev == nil {
		return nil
	}
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, "start"); trouble != "" {
		return fmt.Errorf("starting the cluster's address again: %s", trouble)
	}
	return nil
}

// enterNetdev brings the address up where it now belongs. That it fails does not take back what is recorded.
func (w *modify) enterNetdev(ctx context.Context) error {
	if w.MasterNetdev == nil {
		return nil
	}
	w.env.Say("Starting the master ip on the new master netdev (%s)", *w.MasterNetdev)
	if trouble := moveAddress(ctx, w.env, &w.env.Config.Cluster, "start"); trouble != "" {
		w.env.Warn("Could not re-enable the master ip on the master, please restart manually: %s", unit.SafeText(trouble))
	}
	return nil
}

// changeNetmask gives the address its new netmask where it is up.
func (w *modify) changeNetmask(ctx context.Context) error {
	if w.MasterNetmask == nil {
		return nil
	}
	w.env.Say("Changing master IP netmask to %d", *w.MasterNetmask)
	return w.netmask(ctx, w.env.Config.Cluster.MasterNetmask, *w.MasterNetmask)
}

func (w *modify) restoreNetmask(ctx context.Context) error {
	if w.MasterNetmask == nil {
		return nil
	}
	return w.netmask(ctx, *w.MasterNetmask, w.env.Config.Cluster.MasterNetmask)
}

func (w *modify) netmask(ctx context.Context, from, to int) error {
	c := &w.env.Config.Cluster
	cmd := remote.Script(masterIPScript, "netmask", c.MasterIP, fmt.Sprint(to), c.MasterNetdev, fmt.Sprint(from))
	cmd.OK = []int{notUp}
	cmd.Changes = "set netmask of master IP " + c.MasterIP
	result, err := w.env.Nodes.Run(ctx, w.env.Config.MasterNode().Name, cmd)
	switch {
	case remote.OutcomeOf(err) == remote.Unknown:
		return err
	case err != nil:
		w.env.Say("Could not change the master IP netmask: %s", unit.SafeText(strings.TrimSpace(err.Error())))
	case result.Status == notUp:
		w.env.Say("Could not change the master IP netmask: The master IP address is not up, not attempting to change its netmask")
	}
	return nil
}

// notUp is masterip.sh's status for an address that is not there.
const notUp = 3
