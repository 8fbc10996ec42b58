package group

import (
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Options are what can be said of a group, as it was typed. nil is not given.
type Options struct {
	AllocPolicy *string
	NDParams    unit.Params
	DiskParams  []unit.Ident
	HVState     []unit.Ident
	DiskState   []unit.Ident
	Policy      config.PolicyOptions
	Order       []string // of all parameters, as they were typed
}

// Settings are the attributes that making a group and changing it have in common. Parameters get their types in the job.
type Settings struct {
	AllocPolicy string                              `json:"alloc_policy,omitempty"`
	NDParams    unit.Dict                           `json:"ndparams,omitempty"`
	DiskParams  map[string]unit.Dict                `json:"diskparams"`
	HVState     map[string]config.Params            `json:"hv_state"`
	DiskState   map[string]map[string]config.Params `json:"disk_state"`
}

// allocPolicies say whether new instances are put into a group.
var allocPolicies = []string{"preferred", "last_resort", "unallocable"}

// Add reads the options as the operation that makes a group.
func (o Options) Add(name string) (op Add, err error) {
	op.Name = name
	if op.IPolicy, err = o.Policy.Policy(); err != nil {
		return op, err
	}
	if p := op.IPolicy; p.DiskTemplates != nil && len(p.DiskTemplates) == 0 { // an empty list is none in a job's file
		return op, checkOwnPolicy(p)
	}
	if name == "" {
		return op, fault.Say("A node group needs a name")
	}
	op.Settings, err = o.settings()
	return op, err
}

// Modify reads the options as the operation that changes a group.
func (o Options) Modify(name string) (op Modify, err error) {
	op.Name = name
	if op.IPolicy, err = o.Policy.Change(); err != nil {
		return op, err
	}
	op.Settings, err = o.settings()
	return op, err
}

// settings refuses words that cannot stand in a job.
func (o Options) settings() (s Settings, err error) {
	s = Settings{NDParams: o.NDParams.Typed(o.Order), DiskParams: map[string]unit.Dict{}}
	for _, said := range o.DiskParams {
		s.DiskParams[said.Name] = said.Params.Typed(o.Order)
	}
	if o.AllocPolicy != nil {
		s.AllocPolicy = *o.AllocPolicy
		if !slices.Contains(allocPolicies, s.AllocPolicy) {
			return s, fault.Say("There is no allocation policy '" + s.AllocPolicy + "', only " + strings.Join(allocPolicies, ", "))
		}
	}
	for template := range s.DiskParams {
		if !slices.Contains(config.DiskTemplates, template) {
			return s, fault.Say("There is no disk template '" + template + "'")
		}
	}
	if s.HVState, err = config.HVStates(o.HVState); err != nil {
		return s, err
	}
	s.DiskState, err = config.DiskStates(o.DiskState)
	return s, err
}
