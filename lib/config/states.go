package config

import (
	"slices"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// ReadHVState reads what is said of the resources of hypervisors, as "kvm:mem_node=64" each.
func ReadHVState(typed []unit.Ident) (map[string]Params, error) {
	state := map[string]Params{}
	for _, option := range typed {
		forced, err := HVState.Force(option.Params)
		if err != nil {
			return nil, err
		}
		state[option.Name] = forced
	}
	return state, nil
}

// CheckHVState refuses what is said of hypervisors that do not exist.
func CheckHVState(state map[string]Params) error {
	return strangers(state, Hypervisors(), "Invalid hypervisor(s) in hypervisor state: %s")
}

// ReadDiskState reads what is said of the resources of storage, as "plain/xenvg:disk_reserved=10" each.
func ReadDiskState(typed []unit.Ident) (map[string]map[string]Params, error) {
	state := map[string]map[string]Params{}
	for _, option := range typed {
		kind, name, two := strings.Cut(option.Name, "/")
		if !two {
			return nil, fault.Refuse(fault.WrongInput, "The disk state '%s' is not of the form template/name", option.Name)
		}
		forced, err := DiskState.Force(option.Params)
		if err != nil {
			return nil, err
		}
		if state[kind] == nil {
			state[kind] = map[string]Params{}
		}
		state[kind][name] = forced
	}
	return state, nil
}

// CheckDiskState refuses what is said of other storage than LVM, of which alone Ganeti keeps such a state.
func CheckDiskState(state map[string]map[string]Params) error {
	return strangers(state, []string{DTPlain}, "Invalid storage type(s) in disk state: %s")
}

// MergeState puts what is said anew over what was said of the same thing before.
func MergeState(old, said map[string]Params) map[string]Params {
	if len(said) == 0 {
		return old
	}
	out := cloneParams(old)
	if out == nil {
		out = map[string]Params{}
	}
	for name, p := range said {
		out[name] = p.Fill(out[name])
	}
	return out
}

func strangers[T any](said map[string]T, known []string, format string) error {
	var wrong []string
	for name := range said {
		if !slices.Contains(known, name) {
			wrong = append(wrong, name)
		}
	}
	if wrong == nil {
		return nil
	}
	slices.Sort(wrong)
	return fault.Refuse(fault.WrongInput, format, strings.Join(wrong, ", "))
}
