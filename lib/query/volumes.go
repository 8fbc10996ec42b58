package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/lvm"
	"gantry/lib/remote"
)

// VolumeRow is a logical volume on one of its devices.
type VolumeRow struct {
	Node     *config.Node
	Volume   lvm.Segment
	Instance string // "-" if it belongs to none
}

// AskVolumes asks nodes for their volumes. What a node cannot say is in the warnings.
func AskVolumes(ctx context.Context, r remote.Runner, cfg *config.Config, nodes []*config.Node) (list []VolumeRow, warnings []string) {
	owners := volumeOwners(cfg)
	for _, reply := range eachOnline(ctx, nodes, func(ctx context.Context, n *config.Node) ([]lvm.Segment, error) {
		return segments(ctx, r, cfg, n)
	}) {
		n := cfg.NodeByName(reply.Node)
		if reply.Err != nil {
			warnings = append(warnings, fmt.Sprintf("Can't compute volume data on node %s: %v", n.Name, reply.Err))
			continue
		}
		slices.SortStableFunc(reply.Value, func(a, b lvm.Segment) int { return cmp.Compare(a.Device, b.Device) })
		for _, s := range reply.Value {
			owner, ok := owners[n.UUID+" "+s.Volume.String()]
			if !ok {
				owner = "-"
			}
			list = append(list, VolumeRow{n, s, owner})
		}
	}
	return list, warnings
}

// segments asks one node. Where the cluster does not use LVM a node without its tools has no volumes.
func segments(ctx context.Context, r remote.Runner, cfg *config.Config, n *config.Node) ([]lvm.Segment, error) {
	c := lvm.SegmentProbe()
	if cfg.Cluster.VolumeGroupName == "" {
		c.OK = []int{127}
	}
	out, err := r.Run(ctx, n.Name, c)
	if err != nil {
		return nil, err
	}
	return lvm.ParseSegments(out.Stdout)
}

// volumeOwners are the names of the instances by node and volume.
func volumeOwners(cfg *config.Config) map[string]string {
	owners := map[string]string{}
	for _, inst := range cfg.Instances {
		for node, volumes := range cfg.InstanceVolumes(inst) {
			for _, v := range volumes {
				owners[node+" "+v] = inst.Name
			}
		}
	}
	return owners
}

// eachOnline asks nodes at once, but those that are offline; the answers are in the order of the nodes.
func eachOnline[T any](ctx context.Context, nodes []*config.Node, ask func(context.Context, *config.Node) (T, error)) []remote.Reply[T] {
	byName := map[string]*config.Node{}
	var names []string
	for _, n := range nodes {
		if !n.Offline {
			byName[n.Name] = n
			names = append(names, n.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, liveLimit)
	defer cancel()
	return remote.Each(ctx, names, 0, func(ctx context.Context, name string) (T, error) { return ask(ctx, byName[name]) })
}
