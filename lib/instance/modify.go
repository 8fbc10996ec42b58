package instance

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/unit"
)

// Modify changes an instance. Most of it counts at the next start.
type Modify struct {
	Name              string         `json:"instance_name"`
	Force             bool           `json:"force"`
	ForceVariant      bool           `json:"force_variant"`
	IgnoreIPolicy     bool           `json:"ignore_ipolicy"`
	NICs              []DeviceChange `json:"nics"`
	Disks             []DeviceChange `json:"disks"`
	BEParams          map[string]any `json:"beparams"`
	RuntimeMem        int            `json:"runtime_mem,omitempty"`
	HVParams          map[string]any `json:"hvparams"`
	DiskTemplate      string         `json:"disk_template,omitempty"`
	ExtParams         map[string]any `json:"ext_params,omitempty"`
	FileDriver        string         `json:"file_driver,omitempty"`
	FileStorageDir    string         `json:"file_storage_dir,omitempty"`
	PNode             string         `json:"pnode,omitempty"`
	RemoteNode        string         `json:"remote_node,omitempty"`
	IAllocator        string         `json:"iallocator,omitempty"`
	OS                string         `json:"os_name,omitempty"`
	OSParams          map[string]any `json:"osparams"`
	OSParamsPrivate   Private        `json:"osparams_private"`
	WaitForSync       bool           `json:"wait_for_sync"`
	Offline           *bool          `json:"offline,omitempty"`
	ConflictsCheck    bool           `json:"conflicts_check"`
	Hotplug           bool           `json:"hotplug"`
	HotplugIfPossible bool           `json:"hotplug_if_possible"`
	Communication     *bool          `json:"instance_communication,omitempty"`
}

// OpID is the operation's name in job files.
func (Modify) OpID() string { return "OP_INSTANCE_SET_PARAMS" }

// Secrets are the values that the job file does not show.
func (op Modify) Secrets() map[string]json.RawMessage {
	return job.Hide(map[string]Private{"osparams_private": op.OSParamsPrivate})
}

// WellFormed refuses words that Ganeti's daemons do not even take into the queue.
func (op Modify) WellFormed() error {
	for _, d := range op.Disks {
		if err := parseMode(d.Params); err != nil {
			return err
		}
	}
	return nil
}

// Work starts it.
func (op Modify) Work(env *job.Env) job.Work {
	return &modify{Modify: op, onOne: onOne{env: env, name: op.Name}}
}

type modify struct {
	Modify
	onOne
	next     *config.Instance // as it is to be
	nics     *nicChanges
	bridges  map[string]error // that the node has been asked for
	disks    []diskStep
	list     []*config.Disk // all of them, after it
	devices  []int64        // sizes of those that are adopted, in the order of the changes
	be       config.Params  // all of them, as they are to be
	warnings []string
	convert  func(context.Context) error // to another template, nil if that stays
	snode    *config.Node                // of mirrors that are to be
	minors   map[string]map[int]bool
}

// Locks are the instance's node too, whose bridges and memory are looked at, and its group's policy.
func (w *modify) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.checkArguments(); err != nil {
		return nil, err
	}
	locks, err := w.onOne.Locks(cfg)
	if err != nil {
		return nil, err
	}
	if w.PNode != "" {
		if _, err := findNode(cfg, w.PNode); err != nil {
			return nil, err
		}
	}
	inst, _ := find(cfg, w.Name)
	if node := cfg.Node(inst.PrimaryNode); node != nil {
		locks = append(locks, job.Lock{Level: job.LevelNodeGroup, Name: node.Group, Shared: true}, job.Lock{Level: job.LevelNode, Name: node.UUID})
	}
	if w.DiskTemplate == "" && len(w.Disks) == 0 {
		return locks, nil
	}
	for _, uuid := range cfg.SecondaryNodes(inst) {
		locks = append(locks, job.Lock{Level: job.LevelNode, Name: uuid})
	}
	return w.conversionLocks(cfg, locks)
}

func (w *modify) checkArguments() error {
	if len(w.NICs)+len(w.Disks)+len(w.HVParams)+len(w.BEParams)+len(w.OSParams)+len(w.OSParamsPrivate)+w.RuntimeMem == 0 &&
		w.DiskTemplate+w.OS+w.PNode == "" && w.Offline == nil && w.Communication == nil {
		return fault.Refuse(fault.WrongInput, "No changes submitted")
	}
	if err := checkNotGlobal(w.HVParams); err != nil {
		return err
	}
	if w.DiskTemplate != "" && len(w.Disks) > 0 {
		return fault.Refuse(fault.WrongInput, "Disk template conversion and other disk changes not supported at the same time")
	}
	return checkNICArguments(w.NICs)
}

// checkNotGlobal refuses hypervisor parameters that are the same for the whole cluster.
func checkNotGlobal(params map[string]any) error {
	var global []string
	for _, hypervisor := range config.Hypervisors() {
		for _, p := range config.HVTable(hypervisor) {
			if _, given := params[p.Name]; given && p.ClusterOnly && !slices.Contains(global, p.Name) {
				global = append(global, p.Name)
			}
		}
	}
	if global == nil {
		return nil
	}
	slices.Sort(global)
	return fault.Refuse(fault.WrongInput, "The following hypervisor parameters are global and cannot be customized at instance level, "+
		"please modify them at cluster level: %s", strings.Join(global, ", "))
}

func (w *modify) Check(ctx context.Context) error {
	if err := w.locate(); err != nil {
		return err
	}
	next := *w.inst
	w.next, w.be, w.warnings = &next, w.env.Config.FilledBE(w.inst), nil
	for _, check := range []func(context.Context) error{w.checkMove, w.checkHotplug, w.checkTemplate, w.checkDisks, w.checkOffline, w.checkHV, w.checkBE, w.checkCPUs, w.checkOS, w.checkMemory, w.checkNICs} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return w.checkPolicy()
}

// checkMove refuses to say that an instance belongs to another node while it runs on its own.
func (w *modify) checkMove(ctx context.Context) error {
	if w.PNode == "" {
		return nil
	}
	target, err := findNode(w.env.Config, w.PNode)
	if err != nil {
		return err
	}
	w.next.PrimaryNode = target.UUID
	source := w.primary()
	if target == source || w.Force {
		return nil
	}
	s, err := w.stateOn(ctx, source)
	if err != nil {
		w.warnings = append(w.warnings, "Can't get instance runtime information: "+err.Error())
		return nil
	}
	if s.Running {
		return fault.Refuse(fault.WrongState, "Instance is still running on %s", source.Name)
	}
	return nil
}

func (w *modify) stateOn(ctx context.Context, node *config.Node) (state, error) {
	if node.Offline {
		return state{}, fault.Exec("Node is marked offline")
	}
	return stateOf(ctx, w.env.Nodes, w.inst, node.Name)
}

func (w *modify) checkOffline(ctx context.Context) error {
	if w.Offline == nil {
		return nil
	}
	words := "can't change to online (down) without being offline first"
	if *w.Offline {
		words = "can't change to offline without being down first"
	}
	return checkState(ctx, w.env, w.inst, notRunningStates, words)
}

func (w *modify) Hooks() *hooks.Plan {
	cfg := w.env.Config
	env := hooksEnv(cfg, cfg.Instance(w.inst.UUID))
	if len(w.BEParams) > 0 {
		env["INSTANCE_MINMEM"], env["INSTANCE_MAXMEM"] = unit.Str(w.be["minmem"]), unit.Str(w.be["maxmem"])
		env["INSTANCE_MEMORY"], env["INSTANCE_VCPUS"] = unit.Str(w.be["maxmem"]), unit.Str(w.be["vcpus"])
	}
	if w.nics != nil {
		for name := range env {
			if strings.HasPrefix(name, "INSTANCE_NIC") {
				delete(env, name)
			}
		}
		addNICs(env, cfg, w.next.NICs)
	}
	if w.RuntimeMem > 0 {
		env["RUNTIME_MEMORY"] = unit.Str(w.RuntimeMem)
	}
	nodes := masterAnd(cfg, cfg.InstanceNodes(w.inst)...)
	return &hooks.Plan{Path: "instance-modify", Env: env, Pre: nodes, Post: nodes}
}

// Run returns what was changed as pairs of name and value, for the command to print.
func (w *modify) Run(ctx context.Context) (any, error) {
	for _, warning := range w.warnings {
		w.env.Say("WARNING: %s", warning)
	}
	changes := [][2]any{}
	if w.convert != nil {
		changes = append(changes, [2]any{"disk_template", w.DiskTemplate})
	}
	steps := []job.Step{
		job.Do("", func(ctx context.Context) error { return w.balloon(ctx, &changes) }),
		job.Do("", w.changeDisks),
		job.Do("", w.plug),
		job.Do("", func(ctx context.Context) error { return w.update(ctx, w.apply) }),
	}
	if w.Offline != nil {
		m := mark{Admin: config.AdminDown, Source: config.AdminSource}
		if *w.Offline {
			m = mark{Admin: config.AdminOffline, Source: config.AdminSource, Disks: new(false)}
		}
		steps = append(steps, job.Do("", w.recording(m)))
	}
	if err := job.Run(ctx, w.env.Say, steps); err != nil {
		return nil, err
	}
	return w.changes(changes), nil
}

func (w *modify) balloon(ctx context.Context, changes *[][2]any) error {
	if w.RuntimeMem == 0 {
		return nil
	}
	if err := balloonGuest(ctx, w.env.Nodes, w.env.Config, w.inst, w.primary().Name, int64(w.RuntimeMem)); err != nil {
		return fault.Exec("Cannot modify instance runtime memory: %w", err)
	}
	*changes = append(*changes, [2]any{"runtime_memory", w.RuntimeMem})
	return nil
}

// apply takes over all that was checked.
func (w *modify) apply(cfg *config.Config, inst *config.Instance) error {
	if old := []string{inst.PrimaryNode}; w.next.PrimaryNode != inst.PrimaryNode {
		for _, d := range cfg.InstanceDisks(inst) {
			if slices.Equal(d.Nodes, old) { // and no others, as a plain one has
				d.Nodes = []string{w.next.PrimaryNode}
				d.Touch(w.env.Clock())
			}
		}
	}
	inst.PrimaryNode, inst.OS = w.next.PrimaryNode, w.next.OS
	inst.HVParams, inst.BEParams, inst.OSParams, inst.OSParamsPrivate = w.next.HVParams, w.next.BEParams, w.next.OSParams, w.next.OSParamsPrivate
	if err := w.changedDisks(cfg); err != nil || w.nics == nil {
		return err
	}
	w.env.Convert(cfg, ofNIC)
	return w.nics.apply(cfg, inst)
}

// changes completes what has been done with what counts later.
func (w *modify) changes(changes [][2]any) [][2]any {
	for _, change := range w.disks {
		changes = append(changes, change.said...)
	}
	if w.nics != nil {
		changes = append(changes, w.nics.list()...)
	}
	for _, group := range []struct {
		prefix string
		params map[string]any
	}{{"hv/", w.HVParams}, {"be/", w.BEParams}, {"os/", w.OSParams}} {
		for _, name := range sortedNames(group.params) {
			changes = append(changes, [2]any{group.prefix + name, group.params[name]})
		}
	}
	for _, name := range sortedNames(w.OSParamsPrivate) {
		changes = append(changes, [2]any{"os_private/" + name, "Private(?, descr=" + unit.Repr(name) + ")"})
	}
	if w.Offline != nil {
		changes = append(changes, [2]any{"admin_state", map[bool]string{true: config.AdminOffline, false: config.AdminDown}[*w.Offline]})
	}
	return changes
}
