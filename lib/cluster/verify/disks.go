package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/drbd"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/lvm"
	"gantry/lib/nodefacts"
	"gantry/lib/remote"
)

// Disks submits the jobs that look whether the disks of running instances are attached: one for each group, or for the named.
type Disks struct {
	Group  *string `json:"group_name"`
	Strict *bool   `json:"is_strict,omitempty"` // unless false, what other jobs work on is waited for
}

// OpID is the operation's name in job files.
func (Disks) OpID() string { return "OP_CLUSTER_VERIFY_DISKS" }

// Work starts it.
func (op Disks) Work(env *job.Env) job.Work {
	return &disks{Disks: op, submitting: submitting{env: env}}
}

type disks struct {
	Disks
	submitting
}

func (w *disks) Locks(cfg *config.Config) ([]job.Lock, error) {
	if w.Group == nil || *w.Group == "" {
		return nil, nil
	}
	_, err := findGroup(cfg, *w.Group)
	return nil, err
}

// Run submits nothing where all disks are on external storage: no node could have lost them.
func (w *disks) Run(ctx context.Context) (any, error) {
	cfg := w.env.Config
	var requests []job.Request
	here := func(d *config.Disk) bool { return d.DevType != config.DTExt }
	if slices.ContainsFunc(cfg.Instances, func(inst *config.Instance) bool { return slices.ContainsFunc(cfg.InstanceDisks(inst), here) }) {
		for _, g := range cfg.NodeGroups {
			if w.Group == nil || *w.Group == "" || *w.Group == g.Name || *w.Group == g.UUID {
				requests = append(requests, job.Request{Ops: []job.Operation{GroupDisks{Group: g.UUID, Strict: w.Strict}}})
			}
		}
	}
	return w.submit(ctx, requests)
}

// GroupDisks looks whether the volumes and mirrors of the running instances of a group are there and attached.
type GroupDisks struct {
	Group  string `json:"group_name"`
	Strict *bool  `json:"is_strict,omitempty"`
}

// OpID is the operation's name in job files.
func (GroupDisks) OpID() string { return "OP_GROUP_VERIFY_DISKS" }

// Work starts it.
func (op GroupDisks) Work(env *job.Env) job.Work {
	return &groupDisks{group: group{op: Group{Group: op.Group}, env: env}, lax: op.Strict != nil && !*op.Strict}
}

type groupDisks struct {
	group
	lax bool
}

// Locks are those of a group's verification; a look that is to wait for nobody only keeps the group from going.
func (w *groupDisks) Locks(cfg *config.Config) ([]job.Lock, error) {
	locks, err := w.group.Locks(cfg)
	if w.lax {
		locks = slices.DeleteFunc(locks, func(l job.Lock) bool { return l.Level != job.LevelNodeGroup })
	}
	return locks, err
}

// Hooks has none.
func (w *groupDisks) Hooks() *hooks.Plan { return nil }

// DisksFound is the result: the nodes that cannot be asked, with the reason; the instances whose disks are to be activated; the
// volumes that are missing, each with its node, by instance.
type DisksFound struct {
	Broken  map[string]string
	Offline []string
	Missing map[string][][2]string
}

// MarshalJSON makes the list that Ganeti has.
func (f DisksFound) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{f.Broken, f.Offline, f.Missing})
}

// UnmarshalJSON reads it.
func (f *DisksFound) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 3 {
		return fmt.Errorf("expected a list of three, got %s", data)
	}
	for i, into := range []any{&f.Broken, &f.Offline, &f.Missing} {
		if err := json.Unmarshal(parts[i], into); err != nil {
			return err
		}
	}
	return nil
}

// seenDisks is what a node says of volumes and mirrors.
type seenDisks struct {
	volumes map[string]bool // VG/LV, and whether it is open
	minors  map[int]drbd.Status
}

func (w *groupDisks) Run(ctx context.Context) (any, error) {
	found := DisksFound{Broken: map[string]string{}, Offline: []string{}, Missing: map[string][][2]string{}}
	cfg := w.cfg
	active := slices.DeleteFunc(slices.Clone(w.instances), func(inst *config.Instance) bool { return !inst.DisksActive || len(cfg.InstanceVolumes(inst)) == 0 })
	if w.lax {
		var err error
		if active, err = w.idle(active); err != nil {
			return nil, err
		}
	}
	seen := w.look(ctx, active, &found)
	for _, inst := range active {
		offline := false
		for uuid, volumes := range cfg.InstanceVolumes(inst) {
			n, there := cfg.Node(uuid), seen[uuid]
			if n == nil || n.Offline { // nobody knows what it has
				continue
			}
			for _, v := range volumes {
				open, has := there.volumes[v]
				if !has {
					found.Missing[inst.Name] = append(found.Missing[inst.Name], [2]string{n.Name, v})
				}
				offline = offline || has && !open
			}
			offline = offline || there.minors != nil && needsActivation(cfg, inst, uuid, there.minors)
		}
		if offline {
			found.Offline = append(found.Offline, inst.Name)
		}
		slices.SortFunc(found.Missing[inst.Name], func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	}
	return found, nil
}

// idle are the instances that no other job works on at this moment, nor on a node of theirs.
func (w *groupDisks) idle(instances []*config.Instance) (list []*config.Instance, err error) {
	for _, inst := range instances {
		locks := []job.Lock{{Level: job.LevelInstance, Name: inst.Name, Shared: true}}
		for uuid := range w.cfg.InstanceVolumes(inst) {
			locks = append(locks, job.Lock{Level: job.LevelNode, Name: uuid, Shared: true})
		}
		busy, err := w.env.Busy(locks)
		if err != nil {
			return nil, err
		}
		if !busy {
			list = append(list, inst)
		}
	}
	return list, nil
}

// look asks the nodes that hold something of these instances.
func (w *groupDisks) look(ctx context.Context, instances []*config.Instance, found *DisksFound) map[string]seenDisks {
	byName := map[string]string{}
	for _, inst := range instances {
		for uuid := range w.cfg.InstanceVolumes(inst) {
			if n := w.cfg.Node(uuid); n != nil && !n.Offline {
				byName[n.Name] = uuid
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	seen := map[string]seenDisks{}
	for _, reply := range remote.Each(ctx, slices.Sorted(maps.Keys(byName)), 0, func(ctx context.Context, node string) (seenDisks, error) {
		return seeDisks(ctx, w.env.Nodes, node)
	}) {
		if reply.Err != nil {
			found.Broken[reply.Node] = reason(reply.Err)
		}
		seen[byName[reply.Node]] = reply.Value
	}
	return seen
}

func seeDisks(ctx context.Context, r remote.Runner, node string) (seenDisks, error) {
	s := seenDisks{volumes: map[string]bool{}}
	results, err := nodefacts.Gather(ctx, r, node, lvm.SizeProbe(), drbd.StatusProbe())
	if err != nil {
		return s, err
	}
	if results[0].Status != 0 {
		return s, fmt.Errorf("the volumes cannot be listed: %s", strings.TrimSpace(string(results[0].Stderr)+string(results[1].Stderr)))
	}
	sizes, err := lvm.ParseSizes(results[0].Stdout)
	if err != nil {
		return s, err
	}
	for _, v := range sizes {
		s.volumes[v.Volume.String()] = v.Open
	}
	_, s.minors, err = drbd.ParseStatus(results[1].Stdout)
	return s, err
}

// needsActivation says that a mirror of an instance is not set up on a node, or only half.
func needsActivation(cfg *config.Config, inst *config.Instance, node string, minors map[int]drbd.Status) bool {
	return slices.ContainsFunc(cfg.InstanceDisks(inst), func(d *config.Disk) bool {
		id, ok := d.DRBD()
		if !ok {
			return false
		}
		s, used := minors[id.Minor(node)]
		return !used || s.StandAlone() || s.LocalDisk == "Diskless"
	})
}
