package query

import (
	"context"

	"gantry/lib/remote"
)

// AskCluster completes the rows of all nodes and all instances of a configuration with one round trip to each node, for
// those who need both: what is free and what runs are then of the same moment.
func AskCluster(ctx context.Context, r remote.Runner, nodes []*NodeRow, instances []*InstanceRow) error {
	rows := map[string]*NodeRow{}
	var names []string
	for _, row := range nodes {
		if !row.Node.Offline && row.Node.VMCapable {
			rows[row.Node.Name] = row
			names = append(names, row.Node.Name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, liveLimit)
	defer cancel()
	answered, guests := map[string]bool{}, map[string][]guest{}
	for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (nodeAndGuests, error) {
		return askAll(ctx, r, rows[node])
	}) {
		if err := Overtaken(reply.Err); err != nil {
			return err
		}
		if reply.Err != nil {
			continue // the rows say that it did not answer
		}
		row := rows[reply.Node]
		row.Live = reply.Value.live
		answered[row.Node.UUID] = true
		for name, g := range reply.Value.guests {
			g.node = row.Node.UUID
			guests[name] = append(guests[name], g)
		}
	}
	for _, row := range instances {
		row.Live = row.judge(answered, guests[row.Instance.Name])
	}
	return nil
}

// nodeAndGuests is all that one node says.
type nodeAndGuests struct {
	live   NodeLive
	guests map[string]guest
}

func askAll(ctx context.Context, r remote.Runner, row *NodeRow) (all nodeAndGuests, err error) {
	own := nodeProbes(row)
	kinds, probes := guestProbes(row.Config.Cluster.EnabledHypervisors)
	results, err := Gather(ctx, r, row.Config, row.Node.Name, append(own, probes...)...)
	if err != nil {
		return all, err
	}
	if all.live, err = parseNode(row, results[:len(own)]); err != nil {
		return all, err
	}
	all.guests, err = parseAllGuests(kinds, results[len(own):])
	return all, err
}
