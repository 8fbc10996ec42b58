package query

import (
	"context"
	"fmt"
	"math"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/filedisk"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
	"gantry/lib/unit"
)

// StorageRow is one place for disks on a node; sizes are in MiB.
type StorageRow struct {
	Node             *config.Node
	Type, Name       string
	Size, Used, Free int64
	Allocatable      bool
}

// AskStorage asks nodes for their storage of one type. What a node cannot say is in the warnings.
func AskStorage(ctx context.Context, r remote.Runner, cfg *config.Config, nodes []*config.Node, storage string) (list []*StorageRow, warnings []string) {
	for _, reply := range eachOnline(ctx, nodes, func(ctx context.Context, n *config.Node) ([]*StorageRow, error) {
		return storageOf(ctx, r, &cfg.Cluster, n.Name, storage)
	}) {
		if reply.Err != nil {
			warnings = append(warnings, fmt.Sprintf("Can't get storage data from node %s: %v", reply.Node, reply.Err))
			continue
		}
		sortRows(reply.Value, func(r *StorageRow) string { return r.Name })
		for _, row := range reply.Value {
			row.Node, row.Type = cfg.NodeByName(reply.Node), storage
			list = append(list, row)
		}
	}
	return list, warnings
}

func storageOf(ctx context.Context, r remote.Runner, c *config.Cluster, node, storage string) ([]*StorageRow, error) {
	switch storage {
	case config.StorageLVMVG:
		return volumeGroups(ctx, r, node)
	case config.StorageLVMPV:
		return physicalVolumes(ctx, r, node)
	case config.StorageSharedFile:
		return directory(ctx, r, node, c.SharedFileStorageDir)
	case config.StorageGluster:
		return directory(ctx, r, node, c.GlusterStorageDir)
	}
	return directory(ctx, r, node, c.FileStorageDir)
}

func volumeGroups(ctx context.Context, r remote.Runner, node string) (list []*StorageRow, err error) {
	groups, err := lvm.VGs(ctx, r, node)
	for _, g := range groups {
		size, free := rounded(g.Size), rounded(g.Free)
		list = append(list, &StorageRow{Name: g.Name, Size: size, Used: size - free, Free: free, Allocatable: true})
	}
	return list, err
}

func physicalVolumes(ctx context.Context, r remote.Runner, node string) (list []*StorageRow, err error) {
	out, err := r.Run(ctx, node, lvm.PVProbe())
	if err != nil {
		return nil, fmt.Errorf("listing physical volumes: %w", err)
	}
	volumes, err := lvm.ParsePVs(out.Stdout)
	for _, v := range volumes {
		size, free := rounded(v.Size), rounded(v.Free)
		list = append(list, &StorageRow{Name: v.Name, Size: size, Used: size - free, Free: free, Allocatable: v.Allocatable})
	}
	return list, err
}

func rounded(mib float64) int64 { return int64(math.Round(mib)) }

func directory(ctx context.Context, r remote.Runner, node, dir string) ([]*StorageRow, error) {
	results, err := nodefacts.Gather(ctx, r, node, nodefacts.Probe(nodefacts.Options{Dirs: []string{dir}}), filedisk.UsedProbe(dir))
	if err != nil {
		return nil, err
	}
	facts, err := nodefacts.Parse(results[0].Stdout)
	if err != nil {
		return nil, err
	}
	place := facts.Dirs[dir]
	if !place.Exists {
		return nil, fmt.Errorf("the directory %s is not there", dir)
	}
	used, err := filedisk.ParseUsed(results[1].Stdout)
	return []*StorageRow{{Name: dir, Size: place.Total, Used: used, Free: place.Free, Allocatable: true}}, err
}

// MinorRow is a DRBD disk on one of its nodes, as the configuration has it.
type MinorRow struct {
	Node, Peer *config.Node
	Minor      int
	Instance   string
	Disk       string
	Role       string
}

// Minors are the DRBD disks of a node, by minor.
func Minors(cfg *config.Config, n *config.Node) []*MinorRow {
	var list []*MinorRow
	for _, inst := range cfg.Instances {
		for _, d := range cfg.InstanceDisks(inst) {
			id, ok := d.DRBD()
			if !ok || id.NodeA != n.UUID && id.NodeB != n.UUID {
				continue
			}
			row := &MinorRow{Node: n, Minor: id.Minor(n.UUID), Instance: inst.Name, Disk: d.IVName, Role: "secondary"}
			if row.Peer = cfg.Node(id.NodeA); id.NodeA == n.UUID {
				row.Peer = cfg.Node(id.NodeB)
			}
			if inst.PrimaryNode == n.UUID {
				row.Role = "primary"
			}
			list = append(list, row)
		}
	}
	sortRows(list, func(r *MinorRow) string { return unit.Str(r.Minor) })
	return list
}

// NodesNamed finds nodes by their names, all nodes if none is named; they are in natural order of their names.
func NodesNamed(cfg *config.Config, names []string) ([]*config.Node, error) {
	var nodes []*config.Node
	wanted := map[*config.Node]bool{}
	for _, name := range names {
		n := cfg.MatchNode(name)
		if n == nil {
			return nil, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
		}
		wanted[n] = true
	}
	for _, row := range NodeRows(cfg) {
		if len(names) == 0 || wanted[row.Node] {
			nodes = append(nodes, row.Node)
		}
	}
	return nodes, nil
}
