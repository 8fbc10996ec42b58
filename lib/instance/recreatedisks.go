package instance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/job"
	"gantry/lib/lvm"
)

// RecreateDisks makes disks of an instance anew that are lost, empty, where they were or on other nodes.
type RecreateDisks struct {
	Name       string         `json:"instance_name"`
	Disks      []RecreateDisk `json:"disks"` // none is all
	Nodes      []string       `json:"nodes"`
	IAllocator string         `json:"iallocator,omitempty"`
}

// RecreateDisk is one of them, with what is to be another way than before.
type RecreateDisk struct {
	Index  int
	Params map[string]any
}

// MarshalJSON writes [index, parameters], as Ganeti's opcode has it.
func (d RecreateDisk) MarshalJSON() ([]byte, error) {
	params := d.Params
	if params == nil {
		params = map[string]any{}
	}
	return json.Marshal([]any{d.Index, params})
}

// UnmarshalJSON reads that, or the index alone.
func (d *RecreateDisk) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		return json.Unmarshal(data, &d.Index)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 2 {
		return fmt.Errorf("reading a disk to be made anew: %s", data)
	}
	return errors.Join(json.Unmarshal(parts[0], &d.Index), json.Unmarshal(parts[1], &d.Params))
}

// OpID is the operation's name in job files.
func (RecreateDisks) OpID() string { return "OP_INSTANCE_RECREATE_DISKS" }

// WellFormed refuses a number that Ganeti's daemons do not even take into the queue.
func (op RecreateDisks) WellFormed() error {
	for _, d := range op.Disks {
		if checkIndex("disks", d.Index) == nil {
			continue
		}
		received, err := json.Marshal(op.Disks)
		if err != nil {
			return err
		}
		return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for 'disks': Can't parse disk information as either list of disk indices "+
			"or list of disk parameters; value received:%s", strings.ReplaceAll(string(received), ",", ", "))
	}
	return nil
}

// Work starts it.
func (op RecreateDisks) Work(env *job.Env) job.Work {
	return &recreateDisks{RecreateDisks: op, onOne: onOne{env: env, name: op.Name}}
}

type recreateDisks struct {
	RecreateDisks
	onOne
	where  []*config.Node // they are to be, the primary first
	moving bool           // to other nodes
	disks  []*config.Disk // as they are to be
	minors map[string]map[int]bool
}

// Locks are the instance with its nodes, and the nodes it is to be on.
func (w *recreateDisks) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.checkArguments(); err != nil {
		return nil, err
	}
	locks, err := w.withNodes(cfg)
	if err != nil {
		return nil, err
	}
	more := []string{}
	if w.IAllocator != "" {
		more = append(more, job.All)
	}
	for _, name := range w.Nodes {
		n, err := findNode(cfg, name)
		if err != nil {
			return nil, err
		}
		more = append(more, n.UUID)
	}
	for _, uuid := range more {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: uuid}, job.Lock{Level: job.LevelNodeRes, Name: uuid})
	}
	return locks, nil
}

// changeable is what can be another way about a disk that is made anew.
var changeable = config.Table{{Name: "mode", Type: config.String}, {Name: "size", Type: config.Size}, {Name: "spindles", Type: config.Int}}

func (w *recreateDisks) checkArguments() error {
	seen := map[int]bool{}
	var twice []string
	for _, d := range w.Disks {
		if seen[d.Index] {
			twice = append(twice, strconv.Itoa(d.Index))
		}
		seen[d.Index] = true
	}
	switch {
	case twice != nil:
		return fault.Refuse(fault.WrongInput, "Some disks have been specified more than once: %s", strings.Join(twice, ", "))
	case w.IAllocator != "" && len(w.Nodes) > 0:
		return fault.Refuse(fault.WrongInput, "Do not specify both, iallocator and node")
	}
	for _, d := range w.Disks {
		if _, err := DiskInput.Force(d.Params); err != nil {
			return err
		}
		var fixed []string
		for _, name := range sortedNames(d.Params) {
			if changeable.Get(name) == nil {
				fixed = append(fixed, name)
			}
		}
		if fixed != nil {
			return fault.Refuse(fault.WrongInput, "Parameters for disk %d try to change unmodifyable parameter(s): %s", d.Index, strings.Join(fixed, ", "))
		}
	}
	return nil
}

func (w *recreateDisks) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	w.where, w.moving = w.nodes(), w.IAllocator != "" || len(w.Nodes) > 0
	if given := len(w.Nodes); given > 0 && given != len(w.where) {
		return fault.Refuse(fault.WrongInput, "Instance %s currently has %d nodes, but %d replacement nodes were specified", w.inst.Name, len(w.where), given)
	}
	if len(w.inst.Disks) == 0 {
		return fault.Refuse(fault.WrongInput, "Instance '%s' has no disks", w.inst.Name)
	}
	if !w.moving || !w.primary().Offline {
		if err := checkState(ctx, w.env, w.inst, notRunningStates, "cannot recreate disks"); err != nil {
			return err
		}
	}
	if err := w.checkIndices(); err != nil {
		return err
	}
	if err := w.chooseNodes(ctx); err != nil {
		return err
	}
	for _, n := range w.where {
		if err := checkOnline(n); err != nil {
			return err
		}
	}
	if err := w.layOut(); err != nil {
		return err
	}
	return w.checkRoom(ctx)
}

func (w *recreateDisks) checkIndices() error {
	count := len(w.inst.Disks)
	if len(w.Disks) == 0 {
		for i := range count {
			w.Disks = append(w.Disks, RecreateDisk{Index: i})
		}
	}
	slices.SortFunc(w.Disks, func(a, b RecreateDisk) int { return a.Index - b.Index })
	if last := w.Disks[len(w.Disks)-1].Index; last >= count {
		return fault.Refuse(fault.WrongInput, "Invalid disk index '%d'", last)
	}
	if w.moving && len(w.Disks) != count {
		return fault.Refuse(fault.WrongInput, "Can't recreate disks partially and change the nodes at the same time")
	}
	return nil
}

// chooseNodes finds the nodes that the disks are to be on, by name or by an allocator.
func (w *recreateDisks) chooseNodes(ctx context.Context) error {
	names := w.Nodes
	if w.IAllocator != "" {
		var err error
		if names, err = w.allocate(ctx); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return nil
	}
	w.where = nil
	for _, name := range names {
		n, err := findNode(w.env.Config, name)
		if err != nil {
			return err
		}
		w.where = append(w.where, n)
	}
	if len(w.where) == 2 && w.where[0] == w.where[1] {
		return fault.Refuse(fault.WrongInput, "The secondary node cannot be the primary node")
	}
	return nil
}

func (w *recreateDisks) allocate(ctx context.Context) ([]string, error) {
	cfg, program := w.env.Config, w.IAllocator
	if program == "." {
		if program = cfg.Cluster.DefaultIAllocator; program == "" {
			return nil, fault.Refuse(fault.WrongInput, "No iallocator or node given and no cluster-wide default iallocator found; "+
				"please specify either an iallocator or a node, or set a cluster-wide default iallocator")
		}
	}
	template, be := cfg.DiskTemplate(w.inst), cfg.FilledBE(w.inst)
	facts, err := iallocator.Look(ctx, w.env.Nodes, cfg, template, w.inst.Hypervisor)
	if err != nil {
		return nil, err
	}
	a := iallocator.Allocate{Name: w.inst.Name, DiskTemplate: template, Tags: append([]string{}, w.inst.Tags...), OS: w.inst.OS, VCPUs: be.Int("vcpus"),
		Memory: be.Int("maxmem"), SpindleUse: be.Int("spindle_use"), Disks: []iallocator.AllocateDisk{}, NICs: []iallocator.AllocateNIC{},
		Nodes: len(w.where), Hypervisor: w.inst.Hypervisor}
	for _, d := range cfg.InstanceDisks(w.inst) {
		a.Disks = append(a.Disks, likeBefore(d).allocated(cfg, d.DevType))
		a.DiskSpace += iallocator.Space(template, d.Size)
	}
	nodes, err := facts.Place(ctx, w.env.Nodes, cfg, program, a)
	if err == nil {
		w.env.Info("Selected nodes for instance %s via iallocator %s: %s", w.inst.Name, program, strings.Join(nodes, ", "))
	}
	return nodes, err
}

// likeBefore asks for a disk in the volume groups of one that is there. It has no name, as Ganeti's request has none.
func likeBefore(d *config.Disk) diskRequest {
	asked := diskRequest{size: d.Size, mode: d.Mode, spindles: d.Spindles}
	for i, v := range volumesOf(d) {
		if vg, _, _ := v.LV(); i == 0 {
			asked.vg = vg
		} else {
			asked.metaVG = vg
		}
	}
	return asked
}

// volumesOf are the volumes of a plain disk or of a mirror, the data's first.
func volumesOf(d *config.Disk) []*config.Disk {
	if d.DevType == config.DTPlain {
		return []*config.Disk{d}
	}
	return d.Children
}

// layOut works out the disks as they are to be.
func (w *recreateDisks) layOut() error {
	w.disks = nil
	all := w.env.Config.InstanceDisks(w.inst)
	for _, asked := range w.Disks {
		next := *all[asked.Index]
		params, err := changeable.Force(asked.Params)
		if err != nil {
			return err
		}
		if params["size"] != nil {
			next.Size = params.Int("size")
		}
		if params["mode"] != nil {
			next.Mode = params.String("mode")
		}
		if params["spindles"] != nil {
			next.Spindles = new(params.Int("spindles"))
		}
		next.Children = nil
		for i, child := range all[asked.Index].Children {
			own := *child
			if i == 0 {
				own.Size = next.Size
			}
			next.Children = append(next.Children, &own)
		}
		if len(next.Nodes) > 0 && w.moving {
			next.Nodes = nil
			for _, n := range w.where {
				next.Nodes = append(next.Nodes, n.UUID)
			}
			for _, child := range next.Children {
				child.Nodes = next.Nodes
			}
		}
		w.disks = append(w.disks, &next)
	}
	return nil
}

func (w *recreateDisks) checkRoom(ctx context.Context) (err error) {
	mirrored := false
	for _, n := range w.where {
		for i, asked := range w.Disks {
			if asked.Params["spindles"] == nil {
				continue
			}
			if err := checkSpindles(w.env.Config.FilledND(n).Bool("exclusive_storage"), w.disks[i].Spindles); err != nil {
				return err
			}
		}
		if err := checkRoom(ctx, w.env, w.disks, n); err != nil {
			return err
		}
	}
	for _, d := range w.disks {
		mirrored = mirrored || d.DevType == config.DTDRBD
		for _, n := range w.where {
			if err := w.checkGone(ctx, n, d); err != nil {
				return err
			}
		}
	}
	if mirrored && w.moving {
		w.minors, err = minorsInUse(ctx, w.env, w.where...)
	}
	return err
}

// checkGone refuses where a volume is there already. It may be whole, or left of a job that was cut off: a person has to say. An adopted
// device is nothing that could be made.
func (w *recreateDisks) checkGone(ctx context.Context, n *config.Node, d *config.Disk) error {
	if d.DevType == config.DTBlock {
		known, err := blockDevices(ctx, w.env, n.Name, d.Path())
		if _, there := known[d.Path()]; there {
			return fault.Refuse(fault.WrongState, "Block device %s of %s is on node %s already; it has been adopted and is not made anew", d.Path(), d.IVName, n.Name)
		}
		return err
	}
	for _, v := range volumesOf(d) {
		there, err := lvm.Exists(ctx, w.env.Nodes, n.Name, volumeOf(v))
		if err != nil {
			return fault.Refuse(fault.Environment, "Cannot get LV information from node %s: %w", n.Name, err)
		}
		if there {
			return fault.Refuse(fault.WrongState, "Volume %s of %s is on node %s already; remove it there if nobody needs what it holds", volumeOf(v), d.IVName, n.Name)
		}
	}
	return nil
}

func (w *recreateDisks) Hooks() *hooks.Plan {
	return onInstance(w.env.Config, w.env.Config.Instance(w.inst.UUID), "instance-recreate-disks", nil)
}

// Run makes the disks, and records only then where they are: what fails leaves all as it was.
func (w *recreateDisks) Run(ctx context.Context) (any, error) {
	before := w.env.Config.InstanceDisks(w.inst)
	for _, d := range w.Disks { // what is left of them must not hold what is about to be made
		for _, node := range online(w.env.Config, w.env.Config.InstanceNodes(w.inst)) {
			if err := w.on(node).Detach(ctx, before[d.Index]); err != nil && before[d.Index].DevType == config.DTDRBD {
				return nil, fault.Exec("Could not shutdown block device disk/%d on node %s: %w", d.Index, node, err)
			}
		}
	}
	if w.moving {
		w.env.Warn("Changing the instance's nodes, you will have to remove any disks left on the older nodes manually")
	}
	if err := job.Run(ctx, w.env.Say, []job.Step{
		job.Do("", w.reserve),
		job.Do("", w.makeAll).Undo(w.removeAll),
		job.Do("", w.recordAll),
	}); err != nil || !w.env.Config.Cluster.PreallocWipeDisks {
		return nil, err
	}
	for i, d := range w.disks {
		if err := wipeDisk(ctx, w.env, w.where[0].Name, w.Disks[i].Index, d); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// reserve finds minors on other nodes; port and secret stay.
func (w *recreateDisks) reserve(ctx context.Context) error {
	if w.minors == nil {
		return nil
	}
	return w.env.Update(ctx, func(cfg *config.Config) error {
		for _, d := range w.disks {
			id, _ := d.DRBD()
			id.NodeA, id.NodeB = w.where[0].UUID, w.where[1].UUID
			id.MinorA, id.MinorB = cfg.FreeMinor(id.NodeA, w.minors[id.NodeA]), cfg.FreeMinor(id.NodeB, w.minors[id.NodeB])
			d.LogicalID = id.LogicalID()
			for node, minor := range map[string]int{id.NodeA: id.MinorA, id.NodeB: id.MinorB} {
				cfg.Reservations = append(cfg.Reservations, &config.Reservation{Job: w.env.Job, Node: node, Minor: &minor})
			}
		}
		return nil
	})
}

func (w *recreateDisks) makeAll(ctx context.Context) error {
	if err := w.on(w.where[0].Name).MakeDir(ctx, w.disks[0]); err != nil {
		return err
	}
	for i, d := range w.disks {
		if err := makeDisk(ctx, w.env, w.inst.Name, w.where[0].Name, d); err != nil {
			if isUnknown(err) {
				return err
			}
			return errors.Join(err, w.removeSome(context.WithoutCancel(ctx), w.disks[:i]))
		}
	}
	return nil
}

func (w *recreateDisks) removeAll(ctx context.Context) error { return w.removeSome(ctx, w.disks) }

func (w *recreateDisks) removeSome(ctx context.Context, disks []*config.Disk) (all error) {
	for _, d := range disks {
		err := removeDisk(ctx, w.env, w.where[0].Name, d, func(_ string, err error) { all = errors.Join(all, err) })
		all = errors.Join(all, err)
	}
	return all
}

func (w *recreateDisks) recordAll(ctx context.Context) error {
	return w.write(ctx, func(cfg *config.Config, inst *config.Instance) error {
		w.env.Convert(cfg, nil)
		for _, next := range w.disks {
			d := cfg.Disk(next.UUID)
			if d == nil {
				return fault.Exec("Disk %s is not in the configuration", next.UUID)
			}
			stamp := d.Stamp
			*d = *next
			d.Stamp = stamp
			d.Touch(w.env.Clock())
		}
		if w.moving {
			inst.PrimaryNode = w.where[0].UUID
			inst.Touch(w.env.Clock())
		}
		return nil
	})
}
