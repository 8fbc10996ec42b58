package config

import (
	"maps"
	"slices"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// HVStates reads the resources kept for hypervisors ("kvm:mem_node=64").
func HVStates(typed []unit.Ident) (map[string]Params, error) {
	all := map[string]Params{}
	for _, option := range typed {
		forced, err := HVState.Force(option.Params)
		if err != nil {
			return nil, err
		}
		all[option.Name] = forced
	}
	return all, nil
}

// DiskStates reads the resources kept of storage ("plain/xenvg:disk_reserved=10").
func DiskStates(typed []unit.Ident) (map[string]map[string]Params, error) {
	all := map[string]map[string]Params{}
	for _, option := range typed {
		kind, name, two := strings.Cut(option.Name, "/")
		if !two && kind != DTPlain {
			return nil, fault.Refuse(fault.WrongInput, "Invalid storage type(s) in disk state: %s", kind)
		}
		if !two {
			return nil, fault.Say("The disk state '" + option.Name + "' is not of the form template/name")
		}
		forced, err := DiskState.Force(option.Params)
		if err != nil {
			return nil, err
		}
		if all[kind] == nil {
			all[kind] = map[string]Params{}
		}
		all[kind][name] = forced
	}
	return all, nil
}

// UpdateHVState returns the resources kept for hypervisors after a change, complete for each hypervisor that it names.
func UpdateHVState(old, change map[string]Params) map[string]Params {
	if len(change) == 0 {
		return old
	}
	out := maps.Clone(old)
	if out == nil {
		out = map[string]Params{}
	}
	for hv, p := range change {
		out[hv] = p.Fill(out[hv].Fill(HVState.Defaults()))
	}
	return out
}

// UpdateDiskState does the same for storage.
func UpdateDiskState(old, change map[string]map[string]Params) map[string]map[string]Params {
	if len(change) == 0 {
		return old
	}
	out := maps.Clone(old)
	if out == nil {
		out = map[string]map[string]Params{}
	}
	for kind, names := range change {
		of := maps.Clone(out[kind])
		if of == nil {
			of = map[string]Params{}
		}
		for name, p := range names {
			of[name] = p.Fill(of[name].Fill(DiskState.Defaults()))
		}
		out[kind] = of
	}
	return out
}

// MergeState puts what is said of a group's resources over what was said before; Ganeti does not complete it there.
func MergeState(old, said map[string]Params) map[string]Params {
	if len(said) == 0 {
		return old
	}
	out := maps.Clone(old)
	if out == nil {
		out = map[string]Params{}
	}
	for name, p := range said {
		out[name] = p.Fill(out[name])
	}
	return out
}

// CheckHVState refuses what is said of hypervisors that do not exist.
func CheckHVState(said map[string]Params) error {
	return refuseUnknown(said, Hypervisors(), "Invalid hypervisor(s) in hypervisor state: %s")
}

// CheckDiskState refuses what is said of other storage than volume groups, of which alone Ganeti keeps it.
func CheckDiskState(said map[string]map[string]Params) error {
	return refuseUnknown(said, []string{DTPlain}, "Invalid storage type(s) in disk state: %s")
}

func refuseUnknown[T any](said map[string]T, known []string, format string) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !slices.Contains(known, name) {
			wrong = append(wrong, name)
		}
	}
	if wrong == nil {
		return nil
	}
	return fault.Refuse(fault.WrongInput, format, strings.Join(wrong, ", "))
}
