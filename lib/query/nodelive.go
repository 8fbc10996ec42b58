package query

import (
	"context"
	"slices"
	"time"

	"gantry/lib/config"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// liveLimit is what a node gets to answer a list command.
const liveLimit = 15 * time.Second

// AskNodes completes node rows: each node that is not offline is asked once, all at the same time.
func AskNodes(r remote.Runner) func(context.Context, []*NodeRow) error {
	return func(ctx context.Context, rows []*NodeRow) error {
		byName := map[string]*NodeRow{}
		var names []string
		for _, row := range rows {
			if !row.Node.Offline && byName[row.Node.Name] == nil {
				byName[row.Node.Name] = row
				names = append(names, row.Node.Name)
			}
		}
		ctx, cancel := context.WithTimeout(ctx, liveLimit)
		defer cancel()
		for _, reply := range remote.Each(ctx, names, 0, func(ctx context.Context, node string) (NodeLive, error) {
			return askNode(ctx, r, byName[node])
		}) {
			if err := Overtaken(reply.Err); err != nil {
				return err
			}
			if reply.Err != nil {
				continue // the row says that it did not answer
			}
			for _, row := range rows {
				if row.Node.Name == reply.Node {
					row.Live = reply.Value
				}
			}
		}
		return nil
	}
}

func askNode(ctx context.Context, r remote.Runner, row *NodeRow) (NodeLive, error) {
	results, err := Gather(ctx, r, row.Config, row.Node.Name, nodeProbes(row)...)
	if err != nil {
		return NodeLive{}, err
	}
	return parseNode(row, results)
}

// nodeProbes ask for what parseNode reads.
func nodeProbes(row *NodeRow) []remote.Cmd {
	c := &row.Config.Cluster
	var dirs []string
	kind, place := defaultStorage(c)
	if kind == storageFile {
		dirs = append(dirs, place)
	}
	if files := fileDirectory(c); files != "" && files != place {
		dirs = append(dirs, files)
	}
	probes := []remote.Cmd{nodefacts.Probe(nodefacts.Options{Dirs: dirs})}
	if kind == storageLVM {
		probes = append(probes, lvm.VGProbe())
		if row.exclusive() {
			probes = append(probes, lvm.PVProbe())
		}
	}
	return probes
}

// fileDirectory is where the disks of template file are, "" if there are none.
func fileDirectory(c *config.Cluster) string {
	if !slices.Contains(c.EnabledDiskTemplates, config.DTFile) {
		return ""
	}
	return c.FileStorageDir
}

func parseNode(row *NodeRow, results []remote.Result) (NodeLive, error) {
	facts, err := nodefacts.Parse(results[0].Stdout)
	if err != nil {
		return NodeLive{}, err
	}
	live := NodeLive{Answered: true, BootID: facts.BootID, MemTotal: facts.MemoryTotal, MemNode: facts.MemoryUsed, MemFree: facts.MemoryFree,
		CPUTotal: facts.CPUs, CPUNodes: facts.CPUNodes, CPUSocket: facts.CPUSockets, CPUForNode: facts.CPUs,
		DiskTotal: -1, DiskFree: -1, SpindlesTotal: -1, SpindlesFree: -1}
	c := &row.Config.Cluster
	kind, place := defaultStorage(c)
	if dir := facts.Dirs[fileDirectory(c)]; dir.Exists && (kind == storageLVM || place == c.FileStorageDir) {
		live.Files = &dir
	}
	switch kind {
	case storageFile:
		live.DiskTotal, live.DiskFree = facts.Dirs[place].Total, facts.Dirs[place].Free
	case storageLVM:
		groupSpace(&live, results[1].Stdout, place)
		if row.exclusive() {
			spindles(&live, results[2].Stdout, place)
		}
	}
	return live, nil
}

// exclusive says whether disks of the node take whole physical volumes.
func (r *NodeRow) exclusive() bool { return r.Config.FilledND(r.Node).Bool("exclusive_storage") }

// spindles counts the physical volumes of the cluster's volume group. Only empty ones are room for disks.
func spindles(live *NodeLive, out []byte, vg string) {
	all, err := lvm.ParsePVs(out)
	if err != nil || live.DiskTotal < 0 {
		return
	}
	live.SpindlesTotal, live.SpindlesFree, live.DiskFree = lvm.Spindles(all, vg)
}

// groupSpace reads the size of the cluster's volume group; a node without it has nothing to say of disks.
func groupSpace(live *NodeLive, out []byte, vg string) {
	groups, err := lvm.ParseVGs(out)
	if err != nil {
		return
	}
	live.VGs = append([]lvm.VG{}, groups...)
	for _, g := range groups {
		if g.Name == vg {
			live.DiskTotal, live.DiskFree = int64(g.Size), int64(g.Free)
		}
	}
}

// Kinds of storage whose space nodes report.
const (
	storageNone = iota
	storageLVM
	storageFile
)

// defaultStorage is the storage of the cluster's first disk template that has one, and its volume group or directory.
func defaultStorage(c *config.Cluster) (kind int, place string) {
	for _, template := range c.EnabledDiskTemplates {
		switch template {
		case config.DTPlain, config.DTDRBD:
			kind, place = storageLVM, c.VolumeGroupName
		case config.DTFile:
			kind, place = storageFile, c.FileStorageDir
		case config.DTSharedFile:
			kind, place = storageFile, c.SharedFileStorageDir
		}
		if place != "" {
			return kind, place
		}
	}
	return storageNone, ""
}

// FiguredStorage is the kind of storage that the disk figures of nodes are about, "" if there is none.
func FiguredStorage(c *config.Cluster) string {
	switch kind, place := defaultStorage(c); {
	case kind == storageLVM:
		return config.StorageVG(place)
	case kind == storageFile && place == c.FileStorageDir:
		return config.StorageFile
	case kind == storageFile:
		return config.StorageSharedFile
	}
	return ""
}
