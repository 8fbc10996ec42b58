package watcher

import (
	"context"
	"encoding/json"
	"slices"

	"gantry/lib/cluster/verify"
	"gantry/lib/instance"
	"gantry/lib/query"
)

// rebooted keeps the boot ids of nodes. It returns the instances that have a side of their disks on one that was started anew, and are
// in use: the start has taken that side down. Those that were started in this run have got it back.
func (x *group) rebooted(started []string) (names []string) {
	for _, r := range x.nodes {
		id, node := r.Live.BootID, r.Node
		if id == "" {
			x.Log.Debug("Node '%s' missing boot ID", node.Name)
			continue
		}
		if x.known.Nodes[node.Name].BootID == id {
			continue
		}
		x.known.Nodes[node.Name] = seen{id}
		for _, row := range x.instances {
			inst := row.Instance
			if slices.Contains(x.cfg.SecondaryNodes(inst), node.UUID) && inst.DisksActive && !slices.Contains(started, inst.Name) && !slices.Contains(names, inst.Name) {
				names = append(names, inst.Name)
			}
		}
	}
	return names
}

// verifyDisks looks for disks that should be attached and are not, and attaches them. What other jobs work on is left to them.
func (x *group) verifyDisks(ctx context.Context) {
	if !slices.ContainsFunc(x.instances, func(r *query.InstanceRow) bool {
		return r.Instance.DisksActive && len(x.cfg.InstanceVolumes(r.Instance)) > 0
	}) {
		return
	}
	id, err := x.follow(ctx, verify.GroupDisks{Group: x.uuid, Strict: new(bool)})
	if err != nil {
		x.Log.Error("Error while verifying disks: %v", oneLine(err))
		return
	}
	var found verify.DisksFound
	j, err := x.Queue.Load(id)
	if err == nil {
		err = json.Unmarshal(j.Ops[0].Result, &found)
	}
	if err == nil {
		_, err = x.Queue.Archive(id)
	}
	if err != nil {
		x.Log.Error("Error while verifying disks: %v", err)
	}
	x.activate(ctx, x.helpful(found.Offline))
}

// helpful leaves out the instances that have a node that cannot help them.
func (x *group) helpful(names []string) (list []string) {
	for _, r := range x.instances {
		if !slices.Contains(names, r.Instance.Name) {
			continue
		}
		offline := slices.ContainsFunc(x.cfg.InstanceNodes(r.Instance), func(uuid string) bool { return x.isOffline(uuid) })
		if offline || slices.Contains([]string{"ERROR_nodedown", "ERROR_nodeoffline", "ERROR_wrongnode"}, r.Status()) {
			x.Log.Info("Skipping instance '%s' because it is in a helpless state or has offline secondaries", r.Instance.Name)
			continue
		}
		list = append(list, r.Instance.Name)
	}
	return list
}

func (x *group) isOffline(uuid string) bool {
	n := x.cfg.Node(uuid)
	return n == nil || n.Offline
}

// activate attaches the disks of instances.
func (x *group) activate(ctx context.Context, names []string) {
	for _, name := range names {
		x.Log.Info("Activating disks for instance '%s'", name)
		if err := x.do(ctx, instance.ActivateDisks{Name: name}); err != nil {
			x.Log.Error("Error while activating disks for instance '%s': %v", name, oneLine(err))
		}
	}
}
