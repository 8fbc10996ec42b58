package instance

import (
	"context"
	"fmt"

	"gantry/lib/config"
	"gantry/lib/disk"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/iallocator"
	"gantry/lib/job"
)

// TryAllocator shows what an allocator would be given, or what it answers. Nothing comes of the answer.
type TryAllocator struct {
	Direction    string               `json:"direction"` // in: what it is given; out: what it answers
	Mode         string               `json:"mode"`
	Name         string               `json:"name"`
	NICs         []map[string]*string `json:"nics,omitempty"`
	Disks        []AllocatorDisk      `json:"disks,omitempty"`
	Hypervisor   string               `json:"hypervisor,omitempty"`
	IAllocator   string               `json:"iallocator,omitempty"`
	Tags         []string             `json:"tags"`
	Memory       int64                `json:"memory"`
	VCPUs        int64                `json:"vcpus"`
	OS           string               `json:"os,omitempty"`
	DiskTemplate string               `json:"disk_template,omitempty"`
	Instances    []string             `json:"instances,omitempty"`
	EvacMode     string               `json:"evac_mode,omitempty"`
	TargetGroups []string             `json:"target_groups,omitempty"`
	SpindleUse   int64                `json:"spindle_use"`
	Count        int                  `json:"count"`
	GroupName    *string              `json:"group_name,omitempty"`
}

// AllocatorDisk is a disk that an instance could have.
type AllocatorDisk struct {
	Size int64  `json:"size"` // MiB
	Mode string `json:"mode"`
}

// What an allocator can be asked.
const (
	AskAllocate    = "allocate"
	AskMulti       = "multi-allocate"
	AskSecondary   = "allocate-secondary"
	AskRelocate    = "relocate"
	AskChangeGroup = "change-group"
	AskEvacuate    = "node-evacuate"
)

// OpID is the operation's name in job files.
func (TryAllocator) OpID() string { return "OP_TEST_ALLOCATOR" }

// Work starts it.
func (op TryAllocator) Work(env *job.Env) job.Work { return &tryAllocator{TryAllocator: op, env: env} }

type tryAllocator struct {
	TryAllocator
	env       *job.Env
	instances []*config.Instance
}

func (w *tryAllocator) Locks(*config.Config) ([]job.Lock, error) { return nil, nil }

func (w *tryAllocator) Check(context.Context) error {
	if w.Direction == "out" && w.IAllocator == "" {
		return fault.Refuse(fault.WrongInput, "Missing allocator name")
	}
	cfg := w.env.Config
	switch w.Mode {
	case AskAllocate, AskMulti:
		return w.checkNew(cfg)
	case AskRelocate:
		return w.checkInstances(cfg, w.Name)
	case AskChangeGroup, AskEvacuate:
		if len(w.Instances) == 0 {
			return fault.Refuse(fault.WrongInput, "Missing instances")
		}
		return w.checkInstances(cfg, w.Instances...)
	}
	return fault.Refuse(fault.WrongInput, "Invalid test allocator mode '%s'", w.Mode)
}

func (w *tryAllocator) checkNew(cfg *config.Config) error {
	if inst := cfg.MatchInstance(w.Name); inst != nil {
		return fault.Refuse(fault.Exists, "Instance '%s' already in the cluster", inst.Name)
	}
	if w.DiskTemplate == "" {
		return fault.Refuse(fault.WrongInput, "Request parameter 'disk_template' has invalid type <class 'NoneType'>/value None")
	}
	if w.OS == "" {
		return fault.Refuse(fault.WrongInput, "Missing attribute 'os' on opcode input")
	}
	if w.Hypervisor == "" {
		w.Hypervisor = cfg.Cluster.EnabledHypervisors[0]
	}
	return nil
}

func (w *tryAllocator) checkInstances(cfg *config.Config, names ...string) error {
	for _, name := range names {
		inst, err := find(cfg, name)
		if err != nil {
			return err
		}
		w.instances = append(w.instances, inst)
	}
	return nil
}

func (w *tryAllocator) Hooks() *hooks.Plan { return nil }

// Run gives the text as the program gets or writes it.
func (w *tryAllocator) Run(ctx context.Context) (any, error) {
	cfg := w.env.Config
	request, template, hypervisor, err := w.request(cfg)
	if err != nil {
		return nil, err
	}
	facts, err := iallocator.Look(ctx, w.env.Nodes, cfg, template, hypervisor)
	if err != nil {
		return nil, err
	}
	text, err := facts.Input(cfg, request)
	if err == nil && w.Direction == "out" {
		text, err = iallocator.Run(ctx, w.env.Nodes, cfg, w.IAllocator, text)
	}
	return string(text), err
}

// request makes the request, and says which storage and whose memory counts.
func (w *tryAllocator) request(cfg *config.Config) (request any, template, hypervisor string, err error) {
	switch w.Mode {
	case AskAllocate:
		return w.allocation(w.Name, AskAllocate), w.DiskTemplate, w.Hypervisor, nil
	case AskMulti:
		several := iallocator.MultiAllocate{Type: AskMulti}
		for i := range w.Count {
			several.Instances = append(several.Instances, w.allocation(fmt.Sprintf("%s%d", w.Name, i), AskAllocate))
		}
		return several, w.DiskTemplate, w.Hypervisor, nil
	}
	first := w.instances[0]
	template, hypervisor = cfg.DiskTemplate(first), first.Hypervisor
	var names []string
	for _, inst := range w.instances {
		names = append(names, inst.Name)
	}
	switch w.Mode {
	case AskEvacuate:
		return iallocator.Evacuate{Instances: names, Mode: w.EvacMode, Type: AskEvacuate}, template, hypervisor, nil
	case AskChangeGroup:
		targets, err := iallocator.Targets(cfg, w.TargetGroups, nil)
		return iallocator.ChangeGroup{Instances: names, Targets: targets, Type: AskChangeGroup}, template, hypervisor, err
	}
	if !disk.Mirrored(template) {
		return nil, "", "", fault.Refuse(fault.WrongInput, "Can't relocate non-mirrored instances")
	}
	r := iallocator.Relocate{Name: first.Name, Nodes: 1, From: []string{}, Type: AskRelocate}
	for _, uuid := range cfg.InstanceNodes(first)[1:] {
		r.From = append(r.From, cfg.NodeName(uuid))
	}
	for _, d := range cfg.InstanceDisks(first) {
		r.DiskSpace += iallocator.Space(d.DevType, d.Size)
	}
	return r, template, hypervisor, nil
}

func (w *tryAllocator) allocation(name, kind string) iallocator.Allocate {
	a := iallocator.Allocate{Name: name, DiskTemplate: w.DiskTemplate, GroupName: w.GroupName, Tags: w.Tags, OS: w.OS, VCPUs: w.VCPUs, Memory: w.Memory,
		SpindleUse: w.SpindleUse, Disks: []iallocator.AllocateDisk{}, NICs: []iallocator.AllocateNIC{}, Nodes: 1, Hypervisor: w.Hypervisor, Type: kind}
	if w.DiskTemplate == config.DTDRBD {
		a.Nodes = 2
	}
	for _, d := range w.Disks {
		a.Disks = append(a.Disks, iallocator.AllocateDisk{Size: d.Size, Mode: d.Mode, DevType: w.DiskTemplate})
		a.DiskSpace += iallocator.Space(w.DiskTemplate, d.Size)
	}
	for _, n := range w.NICs {
		nic := iallocator.AllocateNIC{MAC: *orEmpty(n["mac"]), IP: *orEmpty(n["ip"]), NICParams: config.Params{}}
		if bridge := n["bridge"]; bridge != nil {
			nic.NICParams["link"] = *bridge
		}
		a.NICs = append(a.NICs, nic)
	}
	return a
}

func orEmpty(s *string) *string {
	if s == nil {
		return new(string)
	}
	return s
}
