package query

import (
	"context"
	"fmt"
	"slices"

	"gantry/lib/config"
	"gantry/lib/nodefacts"
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
	dir := sharedDirectory(&row.Config.Cluster)
	kinds, probes := guestProbes(row.Config.Cluster.EnabledHypervisors)
	results, err := Gather(ctx, r, row.Config, row.Node.Name, slices.Concat(own, probes, sharedProbes(dir))...)
	if err != nil {
		return all, err
	}
	if all.live, err = parseNode(row, results[:len(own)]); err != nil {
		return all, err
	}
	guests := results[len(own):]
	if dir != "" {
		if all.live.Shared, err = parseShared(guests[len(guests)-1]); err != nil {
			return all, err
		}
		guests = guests[:len(guests)-1]
	}
	all.guests, err = parseAllGuests(kinds, guests)
	return all, err
}

// sharedDirectory is where the disks of template sharedfile are, "" if there are none.
func sharedDirectory(c *config.Cluster) string {
	if !slices.Contains(c.EnabledDiskTemplates, config.DTSharedFile) {
		return ""
	}
	return c.SharedFileStorageDir
}

// sharedLimit is how long a node may take to look at the directory, in seconds: what is mounted from a server that hangs must not
// make the node look dead. Such a look ends for the strongest signal only.
const sharedLimit = "5"

func sharedProbes(dir string) []remote.Cmd {
	if dir == "" {
		return nil
	}
	look := remote.Command("timeout", "-s", "KILL", sharedLimit, "stat", "-f", "-c", "%S %b %a", "--", dir)
	look.OK = []int{noDirectory, 137}
	return []remote.Cmd{look}
}

// noDirectory is the status of stat for what is not there, or cannot be reached.
const noDirectory = 1

// parseShared reads the size of the directory's blocks, how many there are, and how many are free. It is nil if the node could not say.
func parseShared(answer remote.Result) (*nodefacts.Dir, error) {
	switch answer.Status {
	case 0:
	case noDirectory:
		return &nodefacts.Dir{}, nil
	default:
		return nil, nil
	}
	var size, blocks, free int64
	if _, err := fmt.Sscan(string(answer.Stdout), &size, &blocks, &free); err != nil {
		return nil, fmt.Errorf("the space of the shared directory, %q: %w", answer.Stdout, err)
	}
	return &nodefacts.Dir{Exists: true, Total: size * blocks >> 20, Free: size * free >> 20}, nil
}
