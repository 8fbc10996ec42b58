package cluster

import (
	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// clusterHV gives the parameters of all hypervisors, with what was typed over Ganeti's defaults.
func clusterHV(typed []unit.Ident) (map[string]config.Params, error) {
	all := map[string]config.Params{}
	for _, hv := range config.Hypervisors() {
		all[hv] = config.HVTable(hv).Defaults()
	}
	for _, option := range typed {
		forced, err := config.HVTable(option.Name).Force(option.Params)
		if err != nil {
			return nil, err
		}
		if all[option.Name] != nil {
			all[option.Name] = forced.Fill(all[option.Name])
		}
	}
	return all, nil
}

// clusterDiskParams does the same for disk templates.
func clusterDiskParams(typed []unit.Ident) (map[string]config.Params, error) {
	all := map[string]config.Params{}
	for _, template := range config.DiskTemplates {
		all[template] = config.DiskTable(template).Defaults()
	}
	for _, option := range typed {
		if all[option.Name] == nil {
			return nil, fault.Refuse(fault.WrongInput, "Unknown disk template name '%s'", option.Name)
		}
		forced, err := config.DiskInput.Force(option.Params)
		if err != nil {
			return nil, err
		}
		all[option.Name] = forced.Fill(all[option.Name])
	}
	return all, nil
}

// uidPool reads user ids as "4000-4019,5000".
func uidPool(s string) ([]config.UIDRange, error) {
	ranges, err := unit.ParseRanges(s)
	if err != nil {
		return nil, fault.Refuse(fault.WrongInput, "%v", err)
	}
	var pool []config.UIDRange
	for _, r := range ranges {
		pool = append(pool, config.UIDRange{int64(r.Low), int64(r.High)})
	}
	return pool, nil
}
