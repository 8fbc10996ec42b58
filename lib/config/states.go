package config

import (
	"maps"
	"slices"
	"strings"

	"gantry/lib/fault"
)

// ForceHVState gives what is said of the resources of hypervisors ("kvm" has mem_node 64) its types.
func ForceHVState(said map[string]map[string]any) (map[string]Params, error) {
	if err := unknown(said, Hypervisors(), "Invalid hypervisor(s) in hypervisor state: %s"); err != nil {
		return nil, err
	}
	return forceEach(HVState, said)
}

// ForceDiskState does the same for storage ("plain", "xenvg" has disk_reserved 10). Ganeti keeps it of volume groups alone.
func ForceDiskState(said map[string]map[string]map[string]any) (map[string]map[string]Params, error) {
	if err := unknown(said, []string{DTPlain}, "Invalid storage type(s) in disk state: %s"); err != nil {
		return nil, err
	}
	state := map[string]map[string]Params{}
	for kind, names := range said {
		forced, err := forceEach(DiskState, names)
		if err != nil {
			return nil, err
		}
		state[kind] = forced
	}
	return state, nil
}

func forceEach(table Table, said map[string]map[string]any) (map[string]Params, error) {
	state := map[string]Params{}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		forced, err := table.Force(said[name])
		if err != nil {
			return nil, err
		}
		state[name] = forced
	}
	return state, nil
}

// MergeParams puts what is said anew over what was said of the same thing before.
func MergeParams(old, said map[string]Params) map[string]Params {
	if len(said) == 0 {
		return old
	}
	out := map[string]Params{}
	maps.Copy(out, old)
	for name, p := range said {
		out[name] = p.Fill(out[name])
	}
	return out
}

func unknown[T any](said map[string]T, known []string, format string) error {
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
