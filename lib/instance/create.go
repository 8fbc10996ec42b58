package instance

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
	"gantry/lib/resolve"
	"gantry/lib/unit"
)

// Create makes an instance: reserves what it needs, makes its disks, installs its OS and starts it.
type Create struct {
	Name             string           `json:"instance_name"`
	Mode             string           `json:"mode"` // create or import
	OSType           string           `json:"os_type,omitempty"`
	OSParams         map[string]any   `json:"osparams"`
	OSParamsPrivate  Private          `json:"osparams_private"`
	OSParamsSecret   Private          `json:"osparams_secret"`
	ForceVariant     bool             `json:"force_variant"`
	NoInstall        bool             `json:"no_install"`
	Start            bool             `json:"start"`
	PNode            string           `json:"pnode,omitempty"`
	SNode            string           `json:"snode,omitempty"`
	IAllocator       string           `json:"iallocator,omitempty"`
	GroupName        string           `json:"group_name,omitempty"`
	Opportunistic    bool             `json:"opportunistic_locking"`
	DiskTemplate     string           `json:"disk_template,omitempty"`
	Disks            []map[string]any `json:"disks"`
	FileDriver       string           `json:"file_driver,omitempty"`
	FileStorageDir   string           `json:"file_storage_dir,omitempty"`
	NICs             []map[string]any `json:"nics"`
	Hypervisor       string           `json:"hypervisor,omitempty"`
	HVParams         map[string]any   `json:"hvparams"`
	BEParams         map[string]any   `json:"beparams"`
	NameCheck        bool             `json:"name_check"`
	IPCheck          bool             `json:"ip_check"`
	ConflictsCheck   bool             `json:"conflicts_check"`
	WaitForSync      bool             `json:"wait_for_sync"`
	IgnoreIPolicy    bool             `json:"ignore_ipolicy"`
	IdentifyDefaults bool             `json:"identify_defaults"`
	Tags             []string         `json:"tags"`
	Forthcoming      bool             `json:"forthcoming"`
	Commit           bool             `json:"commit"`
	Communication    bool             `json:"instance_communication"`
	Compress         string           `json:"compress"`
	HelperStartup    int              `json:"helper_startup_timeout"`
	HelperShutdown   int              `json:"helper_shutdown_timeout"`
	SourceShutdown   int              `json:"source_shutdown_timeout"`
	FromExport
}

// Private are parameters that job files and logs do not show.
type Private = job.Private

// Secrets are the values that the job file does not show.
func (op Create) Secrets() map[string]json.RawMessage {
	return job.Hide(map[string]Private{"osparams_private": op.OSParamsPrivate, "osparams_secret": op.OSParamsSecret})
}

// OpID is the operation's name in job files.
func (Create) OpID() string { return "OP_INSTANCE_CREATE" }

// WellFormed refuses words that Ganeti's daemons do not even take into the queue.
func (op Create) WellFormed() error {
	if op.Hypervisor != "" && !slices.Contains(config.Hypervisors(), op.Hypervisor) {
		return Unparsed("'hypervisor'", "Hypervisor", op.Hypervisor)
	}
	if slices.Contains(op.Tags, "") {
		return fault.EmptyValue("tags")
	}
	for _, d := range op.Disks {
		if err := parseMode(d); err != nil {
			return err
		}
	}
	return nil
}

func parseMode(disk map[string]any) error {
	if mode := text(disk, "mode"); mode != "" && mode != "rw" && mode != "ro" {
		return Unparsed("'disks': Can't parse value for 'mode'", "DiskAccess", mode)
	}
	return nil
}

// Unparsed is the refusal of a word that is none of its kind: Ganeti's daemon does not even take it into the queue.
func Unparsed(where, kind, value string) error {
	return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for %s: Invalid string value for type %s: %s", where, kind, strconv.Quote(value))
}

// checkTimeout refuses to wait for less than no time.
func checkTimeout(field string, seconds int) error {
	if seconds >= 0 {
		return nil
	}
	return fault.New(fault.Protocol, "Failed to parse request: SubmitJob: Can't parse value for '%s': Invalid value for non-negative type '%d'", field, seconds)
}

// Work starts it.
func (op Create) Work(env *job.Env) job.Work { return &create{Create: op, env: env} }

// create is one creation in the runner.
type create struct {
	Create
	env   *job.Env
	ready bool         // arguments have been looked at
	host  resolve.Host // what the name resolves to
	adopt bool         // disks are there already

	inst   *config.Instance // as it will be in the configuration
	old    *config.Instance // what it takes the place of, if it is forthcoming already
	asked  []diskRequest
	nics   []nicRequest
	disks  []*config.Disk
	dir    string // for files of disks
	os     osChoice
	pnode  *config.Node
	snode  *config.Node            // of mirrored disks, else nil
	minors map[string]map[int]bool // that the nodes have set up, by their UUIDs
	seen   map[string]bool         // instances whose memory the check of the node has counted
	free   int64                   // memory of the node at that moment
	placed bool                    // the room on the nodes is reserved
	booked bool                    // all reservations are made
	chosen *addresses              // for its network interfaces
	from   importing               // what it is made out of, if it is imported
	port   int                     // reserved for the console, 0 if none is
}

// Locks are the name of the instance, and the nodes it may come to with their groups. Nodes and groups are shared: what is taken of them is
// reserved, so that many instances can be made at once.
func (w *create) Locks(cfg *config.Config) ([]job.Lock, error) {
	if err := w.arguments(cfg); err != nil {
		return nil, err
	}
	if err := w.existence(cfg); err != nil {
		return nil, err
	}
	locks := []job.Lock{{Level: job.LevelInstance, Name: w.Name}}
	if w.PNode == "" {
		return append(locks, job.Lock{Level: job.LevelNodeGroup, Name: job.All, Shared: true}, job.Lock{Level: job.LevelNode, Name: job.All, Shared: true}), nil
	}
	for _, name := range []string{w.PNode, w.SNode, w.SrcNode} {
		if name == "" {
			continue
		}
		n, err := findNode(cfg, name)
		if err != nil {
			return nil, err
		}
		locks = append(locks, job.Lock{Level: job.LevelNodeGroup, Name: n.Group, Shared: true}, job.Lock{Level: job.LevelNode, Name: n.UUID, Shared: true})
	}
	return locks, nil
}

// existence refuses a name that is taken, unless by the forthcoming instance that is to become real.
func (w *create) existence(cfg *config.Config) error {
	if !w.Commit {
		if cfg.InstanceByName(w.Name) != nil {
			return fault.Refuse(fault.Exists, "Instance '%s' is already in the cluster", w.Name)
		}
		return nil
	}
	inst := cfg.MatchInstance(w.Name)
	if inst == nil {
		return fault.Refuse(fault.WrongInput, "Instance %s unknown", w.Name)
	}
	if !inst.Forthcoming {
		return fault.Refuse(fault.WrongState, "Instance %s (with uuid %s) not forthcoming but --commit was passed.", inst.Name, inst.UUID)
	}
	w.Name, w.old = inst.Name, inst
	return nil
}

// Check goes through what can refuse an instance, in Ganeti's order.
func (w *create) Check(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		w.readExport, w.parameters, w.devices, w.ping, w.place, w.primary, w.secondary, w.addresses, w.storage, w.access, w.policy, w.node, w.reachExport,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// DryRunResult is what a rehearsal answers: the nodes.
func (w *create) DryRunResult() any { return w.nodes() }

// nodes are the UUIDs of the nodes, the primary first.
func (w *create) nodes() []string {
	if w.snode == nil {
		return []string{w.pnode.UUID}
	}
	return []string{w.pnode.UUID, w.snode.UUID}
}

// Hooks run on the master and the instance's nodes. The disks do not exist yet, so little can be told of them.
func (w *create) Hooks() *hooks.Plan {
	cfg := w.env.Config
	env := map[string]string{
		"ADD_MODE":               w.Mode,
		"INSTANCE_STATUS":        unit.Str(w.Start),
		"INSTANCE_DISK_TEMPLATE": w.DiskTemplate,
		"INSTANCE_DISK_COUNT":    strconv.Itoa(len(w.asked)),
	}
	addInstance(env, cfg, w.inst)
	for i, d := range w.asked {
		addDisk(env, "INSTANCE_DISK"+strconv.Itoa(i)+"_", &config.Disk{Name: d.name, Mode: d.mode, Size: d.size})
	}
	nodes := masterAnd(cfg, w.nodes()...)
	return &hooks.Plan{Path: "instance-add", Env: env, Pre: nodes, Post: nodes}
}

// Run makes the instance. Until it is in the configuration everything can be taken back; from then on it is there, whatever fails
// after that, as in Ganeti.
func (w *create) Run(ctx context.Context) (any, error) {
	if err := w.layOut(); err != nil {
		return nil, err
	}
	if err := job.Run(ctx, w.env.Say, w.making()); err != nil {
		return nil, err
	}
	if w.Forthcoming {
		w.env.Say("Instance is forthcoming; not creating the actual instance")
	} else if err := w.finish(ctx); err != nil {
		return nil, err
	}
	names := []string{w.pnode.Name}
	if w.snode != nil {
		names = append(names, w.snode.Name)
	}
	return names, nil
}

func (w *create) making() []job.Step {
	record := job.Do("", w.record)
	switch {
	case w.Forthcoming:
		w.env.Say("Instance is forthcoming, not creating disks")
		return []job.Step{record}
	case w.adopt:
		return []job.Step{job.Do("", w.adoptDisks).Undo(w.giveBack), record}
	}
	return []job.Step{
		job.Do("", w.reserve),
		job.Do("creating instance disks...", w.createDisks).Undo(w.removeDisks),
		record,
	}
}

// finish makes an instance that is in the configuration usable.
func (w *create) finish(ctx context.Context) error {
	if len(w.disks) > 0 {
		for _, step := range []func(context.Context) error{w.wipe, w.waitForSync, w.image, w.waitForSync, w.install} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	} else if err := w.release(); err != nil {
		return err
	}
	if !w.Start {
		return nil
	}
	return w.start(ctx)
}

// release gives back the locks of nodes and groups: what the instance takes of them is in the configuration.
func (w *create) release() error { return release(w.env, job.LevelNodeGroup, job.LevelNode) }

// given are parameters that may be absent.
func given(p map[string]any) map[string]any {
	if p == nil {
		return map[string]any{}
	}
	return maps.Clone(p)
}

// NewCreate is an operation with Ganeti's defaults.
func NewCreate() Create {
	return Create{Mode: "create", Start: true, NameCheck: true, IPCheck: true, ConflictsCheck: true, WaitForSync: true, Compress: "none",
		OSParams: map[string]any{}, HVParams: map[string]any{}, BEParams: map[string]any{}, Tags: []string{}, HelperStartup: 300, HelperShutdown: 7200, SourceShutdown: 120}
}
