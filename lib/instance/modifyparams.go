package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/kvm"
	"gantry/lib/nodefacts"
	"gantry/lib/osdef"
	"gantry/lib/unit"
)

func sortedNames[M ~map[string]any](params M) []string { return slices.Sorted(maps.Keys(params)) }

func (w *modify) checkHV(ctx context.Context) error {
	if len(w.HVParams) == 0 {
		return nil
	}
	cfg := w.env.Config
	given, err := config.HVInput.Force(w.HVParams, config.Default)
	if err != nil {
		return err
	}
	w.HVParams = given
	w.next.HVParams = w.inst.HVParams.Update(given)
	return checkHV(ctx, w.env.Nodes, cfg, w.inst.Hypervisor, cfg.FilledHV(w.next), cfg.InstanceNodes(w.inst))
}

// HVInput and BEInput turn parameters as they were typed into their types; default stays a word.
func HVInput(params map[string]any) (config.Params, error) {
	typed, err := input(config.HVInput, params)
	if err != nil {
		return nil, err
	}
	return typed, config.HVInput.Held(typed)
}

// BEInput is HVInput for back-end parameters. What no int64 holds is left to the policy.
func BEInput(params map[string]any) (config.Params, error) { return input(config.BEInput, params) }

func input(table config.Table, params map[string]any) (config.Params, error) {
	typed := maps.Clone(params)
	for name, v := range typed {
		if s, ok := v.(string); ok && strings.EqualFold(s, config.Default) {
			typed[name] = config.Default
		}
	}
	return table.ForceLong(typed, config.Default)
}

func (w *modify) checkBE(context.Context) error {
	if len(w.BEParams) == 0 {
		return nil
	}
	given, err := config.BEInput.ForceLong(w.BEParams, config.Default)
	if err != nil {
		return err
	}
	w.BEParams = given
	w.next.BEParams = config.SplitMemory(w.inst.BEParams.Update(given))
	w.be = w.env.Config.FilledBE(w.next)
	return nil
}

// checkCPUs holds a mask of CPUs against the number of virtual ones, and a new one against what the nodes have.
func (w *modify) checkCPUs(ctx context.Context) error {
	if w.inst.Hypervisor != config.HVKVM {
		return nil
	}
	cfg := w.env.Config
	hv := cfg.FilledHV(w.next)
	if err := kvm.CheckCPUs(hv, w.be.Int("vcpus")); err != nil {
		return err
	}
	highest := -1
	if masks, err := kvm.ParseMasks(hv.String("cpu_mask")); err == nil && len(w.HVParams) > 0 {
		for _, mask := range masks {
			for _, cpu := range mask {
				highest = max(highest, cpu)
			}
		}
	}
	if highest < 0 {
		return nil
	}
	for _, node := range online(cfg, cfg.InstanceNodes(w.inst)) {
		facts, err := nodefacts.Get(ctx, w.env.Nodes, node, nodefacts.Options{})
		if err != nil {
			return fault.Refuse(fault.Environment, "Cannot get current information from node %s: %v", node, err)
		}
		if int64(highest+1) > facts.CPUs {
			return fault.Refuse(fault.NoResources, "Node %s has %d physical CPUs, but %d are required", node, facts.CPUs, highest+1)
		}
	}
	return nil
}

// checkOS takes any name for an OS, as Ganeti does; parameters have to be known to the one that counts.
func (w *modify) checkOS(ctx context.Context) error {
	choice := osChoice{name: w.inst.OS, forceVariant: w.ForceVariant}
	if w.OS != "" {
		w.next.OS = w.OS
		if !w.Force {
			choice.name = w.OS
		}
	}
	if len(w.OSParams)+len(w.OSParamsPrivate) == 0 {
		return nil
	}
	var twice []string
	for _, name := range sortedNames(w.OSParams) {
		if _, private := w.OSParamsPrivate[name]; private {
			twice = append(twice, name)
		}
	}
	if twice != nil {
		return fault.RefuseBare("OS parameters repeated multiple times: %s", strings.Join(twice, ", "))
	}
	w.next.OSParams, w.next.OSParamsPrivate = w.inst.OSParams.Update(w.OSParams), w.inst.OSParamsPrivate.Update(w.OSParamsPrivate)
	values, err := osdef.Values(w.next.OSParams, w.next.OSParamsPrivate, nil)
	if err != nil {
		return err
	}
	choice.values = values
	return choice.check(ctx, w.env.Nodes, w.env.Config, w.env.Config.InstanceNodes(w.inst))
}

// checkMemory makes sure that the instance can still be started with more memory, and that a running one can have what it is
// to have at once.
func (w *modify) checkMemory(ctx context.Context) error {
	if _, given := w.BEParams["maxmem"]; given && !w.Force && w.be.Int("maxmem") > w.env.Config.FilledBE(w.inst).Int("maxmem") {
		if err := w.checkMaxmem(ctx); err != nil {
			return err
		}
	}
	if w.RuntimeMem == 0 {
		return nil
	}
	s, err := w.stateOn(ctx, w.primary())
	if err != nil {
		return fault.RefuseBare("Error checking node %s: %v", w.primary().Name, err)
	}
	if !s.Running {
		return fault.Refuse(fault.WrongState, "Instance %s is not running", w.inst.Name)
	}
	wanted := int64(w.RuntimeMem)
	if least, most := w.be.Int("minmem"), w.be.Int("maxmem"); !w.Force && (wanted > most || wanted < least) {
		return fault.Refuse(fault.WrongInput, "Instance %s must have memory between %d and %d MB of memory unless --force is given", w.inst.Name, least, most)
	}
	if more := wanted - s.Memory; more > 0 {
		_, err = checkMemory(ctx, w.env.Nodes, w.env.Config, w.primary().Name, "ballooning memory for instance "+w.inst.Name, more)
	}
	return err
}

func (w *modify) checkMaxmem(ctx context.Context) error {
	node := w.primary()
	s, err := w.stateOn(ctx, node)
	var free int64
	if err == nil {
		free, err = freeMemory(ctx, w.env.Nodes, w.env.Config, node.Name)
	}
	if err != nil {
		w.warnings = append(w.warnings, fmt.Sprintf("Can't get info from primary node %s: %v", node.Name, err))
		return nil
	}
	missing := new(big.Int).Sub(w.be.Big("maxmem"), big.NewInt(s.Memory+free))
	if missing.Sign() > 0 {
		return fault.Refuse(fault.NoResources, "This change will prevent the instance from starting, due to %d MB of memory missing on its primary node", missing)
	}
	return nil
}

// checkPolicy holds the instance as it is to be against the policy of its group. What is not to be changed is not looked at.
func (w *modify) checkPolicy() error {
	cfg := w.env.Config
	group := cfg.Group(w.primary().Group)
	sizing := cfg.Sizing(w.next)
	sizing.NICs, sizing.Disks = int64(len(w.next.NICs)), nil
	for _, d := range w.list {
		sizing.Disks = append(sizing.Disks, config.DiskSizing{MiB: d.Size, Template: cmp.Or(w.DiskTemplate, d.DevType)})
	}
	if w.IgnoreIPolicy {
		return errors.Join(config.BEParams.Held(w.next.BEParams), tooLarge(sizing.Disks))
	}
	var found []string
	for _, memory := range []string{"maxmem", "minmem"} {
		sizing.SetMemory(w.be, memory)
		for _, violation := range cfg.InstancePolicy(group).Violations(sizing) {
			what, _, _ := strings.Cut(violation, " ")
			resource := slices.Contains([]string{config.SpecMemory, config.SpecCPUs, config.SpecSpindles}, what)
			if !slices.Contains(found, violation) && !(resource && len(w.BEParams) == 0) {
				found = append(found, violation)
			}
		}
	}
	if found == nil {
		return config.BEParams.Held(w.next.BEParams)
	}
	return fault.Refuse(fault.WrongInput, "Instance allocation to group %s (%s) violates policy: %s", groupDict(group), group.Name, strings.Join(found, ", "))
}

// groupDict shows a group as Ganeti does where it means to name it: all of it.
func groupDict(g *config.NodeGroup) string {
	var parts []string
	for _, p := range []struct {
		name  string
		value any
	}{
		{"name", g.Name}, {"ndparams", map[string]any(g.NDParams)}, {"diskparams", plainMap(g.DiskParams)}, {"ipolicy", g.IPolicy.Dict()},
		{"serial_no", g.SerialNo}, {"alloc_policy", g.AllocPolicy}, {"networks", plainMap(g.Networks)}, {"ctime", g.CTime}, {"mtime", g.MTime},
		{"uuid", g.UUID}, {"tags", g.Tags},
	} {
		parts = append(parts, unit.Repr(p.name)+": "+unit.Repr(p.value))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func plainMap(m map[string]config.Params) map[string]any {
	out := map[string]any{}
	for name, p := range m {
		out[name] = map[string]any(p)
	}
	return out
}
