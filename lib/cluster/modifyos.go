package cluster

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/job"
	"gantry/lib/osdef"
	"gantry/lib/unit"
)

// ModifyOS are the parts of Modify that concern operating systems. OSes are named with or without a variant.
type ModifyOS struct {
	OSHVP                  map[string]map[string]map[string]any `json:"os_hvp,omitempty"` // by OS and hypervisor; nil takes all of that hypervisor away
	OSParams               map[string]map[string]any            `json:"osparams,omitempty"`
	OSParamsPrivateCluster map[string]job.Private               `json:"osparams_private_cluster,omitempty"`
	HiddenOS               [][2]string                          `json:"hidden_os,omitempty"` // add or remove, and the OS
	BlacklistedOS          [][2]string                          `json:"blacklisted_os,omitempty"`
}

// What is done to a list of OSes.
const (
	listAdd    = "add"
	listRemove = "remove"
)

// Secrets are the values that the job file does not show.
func (op ModifyOS) Secrets() map[string]json.RawMessage {
	all := map[string]map[string]any{}
	for os, p := range op.OSParamsPrivateCluster {
		all[os] = p
	}
	if len(all) == 0 {
		return nil
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil // it was read from words: there is nothing that has no JSON
	}
	return map[string]json.RawMessage{"osparams_private_cluster": data}
}

// OSOptions are what can be changed of one OS, as it was typed. nil is not given.
type OSOptions struct {
	Name                string
	HVOptions           []unit.Ident
	Public, Private     unit.Params
	Hidden, Blacklisted *bool
}

// Given says whether anything is to be changed.
func (o *OSOptions) Given() bool {
	return len(o.HVOptions)+len(o.Public)+len(o.Private) > 0 || o.Hidden != nil || o.Blacklisted != nil
}

// Read gives the operation.
func (o *OSOptions) Read() (op Modify, err error) {
	for _, option := range o.HVOptions {
		if op.OSHVP == nil {
			op.OSHVP = map[string]map[string]map[string]any{o.Name: {}}
		}
		op.OSHVP[o.Name][option.Name] = option.Params
	}
	if len(o.Public) > 0 {
		op.OSParams = map[string]map[string]any{o.Name: o.Public}
	}
	if len(o.Private) > 0 {
		op.OSParamsPrivateCluster = map[string]job.Private{o.Name: job.Private(o.Private)}
	}
	op.HiddenOS, op.BlacklistedOS = o.listed(o.Hidden), o.listed(o.Blacklisted)
	return op, nil
}

func (o *OSOptions) listed(add *bool) [][2]string {
	switch {
	case add == nil:
		return nil
	case *add:
		return [][2]string{{listAdd, o.Name}}
	}
	return [][2]string{{listRemove, o.Name}}
}

// forceOS turns the hypervisor parameters of OSes into their types. "default" takes one away that is a word.
func (w *modify) forceOS() error {
	for _, hypervisors := range w.OSHVP {
		for hv, p := range hypervisors {
			if p == nil {
				continue
			}
			forced, err := hvInput.Force(p)
			if err != nil {
				return err
			}
			if config.HVTable(hv) == nil {
				return fault.New(fault.Hypervisor, "Unknown hypervisor type '%s'", hv)
			}
			hypervisors[hv] = forced
		}
	}
	return nil
}

func (w *modify) applyOS(c *config.Cluster) {
	for os, hypervisors := range w.OSHVP {
		merged := maps.Clone(c.OSHVP[os])
		for hv, p := range hypervisors {
			if p == nil {
				delete(merged, hv)
				continue
			}
			put(&merged, hv, merged[hv].Update(p))
		}
		put(&c.OSHVP, os, merged)
	}
	for os, p := range w.OSParams {
		updateOS(&c.OSParams, os, p)
	}
	for os, p := range w.OSParamsPrivateCluster {
		updateOS(&c.OSParamsPrivateCluster, os, p)
	}
	changeList(&c.HiddenOS, w.HiddenOS)
	changeList(&c.BlacklistedOS, w.BlacklistedOS)
}

// updateOS changes the parameters of an OS; one that has none left has no entry.
func updateOS(all *map[string]config.Params, os string, changes map[string]any) {
	put(all, os, (*all)[os].Update(changes))
	if len((*all)[os]) == 0 {
		delete(*all, os)
	}
}

func changeList(list *[]string, changes [][2]string) {
	for _, change := range changes {
		*list = slices.DeleteFunc(slices.Clone(*list), func(os string) bool { return os == change[1] })
		if change[0] == listAdd {
			*list = append(*list, change[1])
		}
	}
}

// tellOS tells of lists that have, or have not, an OS already.
func (w *modify) tellOS(c *config.Cluster) {
	for _, l := range []struct {
		list    []string
		changes [][2]string
		name    string
	}{{c.HiddenOS, w.HiddenOS, "hidden"}, {c.BlacklistedOS, w.BlacklistedOS, "blacklisted"}} {
		for _, change := range l.changes {
			switch there := slices.Contains(l.list, change[1]); {
			case there && change[0] == listAdd:
				w.env.Say("OS %s already in %s OS list, ignoring", change[1], l.name)
			case !there && change[0] == listRemove:
				w.env.Say("OS %s not found in %s OS list, ignoring", change[1], l.name)
			}
		}
	}
}

// checkOSHypervisors looks at what the hypervisor parameters of OSes make of the cluster's, by themselves and on the nodes.
func (w *modify) checkOSHypervisors(ctx context.Context) error {
	if w.OSHVP == nil {
		return nil
	}
	all := w.next.Cluster.OSHVP
	for _, os := range slices.Sorted(maps.Keys(all)) {
		for _, hv := range slices.Sorted(maps.Keys(all[os])) {
			if err := w.checkHypervisor(ctx, hv, w.next.HVDefaults(hv, os)); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkOSParams asks the OS definitions on the master about the parameters that they are to get, or have. One that is not there is
// passed over.
func (w *modify) checkOSParams(ctx context.Context) error {
	next, master := &w.next.Cluster, w.next.MasterNode()
	if !master.VMCapable {
		return nil
	}
	names := slices.Concat(slices.Collect(maps.Keys(next.OSParams)), slices.Collect(maps.Keys(next.OSParamsPrivateCluster)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		values, err := osdef.Values(config.OSDefaults(next.OSParams, name), config.OSDefaults(next.OSParamsPrivateCluster, name), nil)
		if err != nil {
			return err
		}
		there, err := osdef.ValidateIfThere(ctx, w.env.Nodes, master.Name, name, values)
		if err != nil {
			return fault.Exec("OS Parameters validation failed on node %s: %w", master.Name, err)
		}
		if !there {
			w.env.Info("OS %s not found on node %s, validation skipped", name, master.Name)
		}
	}
	return nil
}
