package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// Names of the values in an ISpec, in the order Ganeti checks and complains about them.
const (
	SpecMemory    = "memory-size"
	SpecCPUs      = "cpu-count"
	SpecDiskCount = "disk-count"
	SpecNICs      = "nic-count"
	SpecSpindles  = "spindle-use"
	SpecDiskSize  = "disk-size"
)

// Specs lists the names of the values of an ISpec, sorted.
var Specs = []string{SpecCPUs, SpecDiskCount, SpecDiskSize, SpecMemory, SpecNICs, SpecSpindles}

// DiskTemplates lists all disk templates, sorted.
var DiskTemplates = []string{DTBlock, DTDiskless, DTDRBD, DTExt, DTFile, DTGluster, DTPlain, DTRBD, DTSharedFile}

// DefaultIPolicy is the policy of a cluster that sets none.
func DefaultIPolicy() IPolicy {
	low := ISpec{SpecCPUs: 1, SpecDiskCount: 1, SpecDiskSize: 1024, SpecMemory: 128, SpecNICs: 1, SpecSpindles: 1}
	high := ISpec{SpecCPUs: 8, SpecDiskCount: 16, SpecDiskSize: 1048576, SpecMemory: 32768, SpecNICs: 8, SpecSpindles: 12}
	spindles, vcpus := 32.0, 4.0
	return IPolicy{
		MinMax: []MinMax{{Min: low, Max: high}}, Std: maps.Clone(low),
		SpindleRatio: &spindles, VCPURatio: &vcpus, DiskTemplates: slices.Clone(DiskTemplates),
	}
}

// Fill returns the policy with what it does not set taken from that of the level above.
func (p IPolicy) Fill(above IPolicy) IPolicy {
	out := above.Clone()
	own := p.Clone()
	if len(own.MinMax) > 0 {
		out.MinMax = own.MinMax
	}
	if out.Std == nil {
		out.Std = ISpec{}
	}
	maps.Copy(out.Std, own.Std)
	if own.SpindleRatio != nil {
		out.SpindleRatio = own.SpindleRatio
	}
	if own.VCPURatio != nil {
		out.VCPURatio = own.VCPURatio
	}
	if len(own.DiskTemplates) > 0 {
		out.DiskTemplates = own.DiskTemplates
	}
	return out
}

// ClusterPolicy returns the cluster's policy with the built-in defaults filled in.
func (c *Config) ClusterPolicy() IPolicy { return c.Cluster.IPolicy.Fill(DefaultIPolicy()) }

// InstancePolicy returns the policy that holds in a group; nil is no group.
func (c *Config) InstancePolicy(group *NodeGroup) IPolicy {
	if group == nil {
		return c.ClusterPolicy()
	}
	return group.IPolicy.Fill(c.ClusterPolicy())
}

// Dict is the part of a policy that is set, in Ganeti's order.
func (p IPolicy) Dict() unit.Dict {
	var out unit.Dict
	if p.MinMax != nil {
		var bounds []any
		for _, b := range p.MinMax {
			bounds = append(bounds, unit.Dict{{Key: "min", Value: b.Min.dict()}, {Key: "max", Value: b.Max.dict()}})
		}
		out = append(out, unit.Entry{Key: "minmax", Value: bounds})
	}
	if p.Std != nil {
		out = append(out, unit.Entry{Key: "std", Value: p.Std.dict()})
	}
	if p.SpindleRatio != nil {
		out = append(out, unit.Entry{Key: "spindle-ratio", Value: *p.SpindleRatio})
	}
	if p.VCPURatio != nil {
		out = append(out, unit.Entry{Key: "vcpu-ratio", Value: *p.VCPURatio})
	}
	if p.DiskTemplates != nil {
		out = append(out, unit.Entry{Key: "disk-templates", Value: p.DiskTemplates})
	}
	return out
}

func (s ISpec) dict() unit.Dict {
	var out unit.Dict
	for _, name := range []string{SpecMemory, SpecDiskSize, SpecDiskCount, SpecCPUs, SpecNICs, SpecSpindles} {
		if n, ok := s[name]; ok {
			out = append(out, unit.Entry{Key: name, Value: n})
		}
	}
	return out
}

// Check looks at a policy for what cannot be. A group's own policy may have parts missing, and no standard specification.
func (p IPolicy) Check() error {
	if p.MinMax != nil && len(p.MinMax) == 0 {
		return policyError("Empty minmax specifications")
	}
	for _, m := range p.MinMax {
		if err := m.check(); err != nil {
			return err
		}
	}
	if len(p.MinMax) > 0 && p.Std != nil {
		if missing := p.Std.missing(); missing != "" {
			return policyError("Missing instance specs parameters for std: %s", missing)
		}
		if !slices.ContainsFunc(p.MinMax, p.Std.within) {
			return policyError("Invalid std specifications")
		}
	}
	if p.DiskTemplates != nil && len(p.DiskTemplates) == 0 {
		return policyError("Instance policy must contain at least one disk template")
	}
	var wrong []string
	for _, t := range p.DiskTemplates {
		if !slices.Contains(DiskTemplates, t) {
			wrong = append(wrong, t)
		}
	}
	if wrong != nil {
		return policyError("Invalid disk template(s) %s", strings.Join(wrong, ", "))
	}
	return nil
}

// policyError has the bare message: callers put "Invalid instance policy: " in front where Ganeti does.
func policyError(format string, args ...any) error {
	return fault.New(fault.Configuration, format, args...)
}

func (m MinMax) check() error {
	var absent []string
	if len(m.Max) == 0 {
		absent = append(absent, "max")
	}
	if len(m.Min) == 0 {
		absent = append(absent, "min")
	}
	if absent != nil {
		return policyError("Missing instance specification: %s", strings.Join(absent, ", "))
	}
	if missing := m.Min.missing(); missing != "" {
		return policyError("Missing instance specs parameters for min: %s", missing)
	}
	if missing := m.Max.missing(); missing != "" {
		return policyError("Missing instance specs parameters for max: %s", missing)
	}
	for _, name := range Specs {
		if m.Min[name] > m.Max[name] {
			return policyError("Invalid specification of min/max values for %s: %d/%d", name, m.Min[name], m.Max[name])
		}
	}
	return nil
}

func (s ISpec) missing() string {
	var names []string
	for _, name := range Specs {
		if _, given := s[name]; !given {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func (s ISpec) within(m MinMax) bool {
	for _, name := range Specs {
		if s[name] < m.Min[name] || s[name] > m.Max[name] {
			return false
		}
	}
	return true
}

// Sizing is what an instance needs, as a policy looks at it.
type Sizing struct {
	Memory   int64 // MiB
	CPUs     int64
	NICs     int64
	Spindles int64
	Disks    []DiskSizing    // none: diskless
	long     map[string]Long // of these figures, by the name of the specification
}

// SizingOf is what back-end parameters ask for.
func SizingOf(be Params) Sizing {
	s := Sizing{CPUs: be.Int("vcpus"), Spindles: be.Int("spindle_use")}
	s.keepLong(SpecCPUs, be["vcpus"])
	s.keepLong(SpecSpindles, be["spindle_use"])
	s.SetMemory(be, "maxmem")
	return s
}

// SetMemory makes one of the back-end parameters for memory the one that counts.
func (s *Sizing) SetMemory(be Params, name string) {
	s.Memory = be.Int(name)
	s.keepLong(SpecMemory, be[name])
}

func (s *Sizing) keepLong(spec string, v any) {
	delete(s.long, spec)
	if long, is := v.(Long); is {
		if s.long == nil {
			s.long = map[string]Long{}
		}
		s.long[spec] = long
	}
}

// DiskSizing is one disk of a Sizing.
type DiskSizing struct {
	MiB      int64
	Template string
}

// Violations returns what a policy has against an instance, in Ganeti's words. Of several bounds those are
// named that come nearest.
func (p IPolicy) Violations(s Sizing) []string {
	return append(p.templateViolations(s.Disks), p.fewest(func(m MinMax) []string {
		var out []string
		for _, f := range []struct {
			spec  string
			value int64
		}{{SpecMemory, s.Memory}, {SpecCPUs, s.CPUs}, {SpecNICs, s.NICs}, {SpecSpindles, s.Spindles}} {
			out = m.appendOutside(out, f.spec, "", f.value, s.long[f.spec])
		}
		return m.appendDisks(out, s.Disks)
	})...)
}

// DiskViolations looks at disks alone, as growing one does.
func (p IPolicy) DiskViolations(disks []DiskSizing) []string {
	return append(p.templateViolations(disks), p.fewest(func(m MinMax) []string {
		return m.appendDisks(nil, disks)
	})...)
}

func (p IPolicy) templateViolations(disks []DiskSizing) []string {
	allowed := strings.Join(p.DiskTemplates, ", ")
	if len(disks) == 0 {
		if slices.Contains(p.DiskTemplates, DTDiskless) {
			return nil
		}
		return []string{fmt.Sprintf("Disk template %s is not allowed (allowed templates %s)", DTDiskless, allowed)} // Ganeti has no colon here
	}
	var out []string
	for i, d := range disks {
		first := slices.IndexFunc(disks, func(o DiskSizing) bool { return o.Template == d.Template }) == i
		if first && !slices.Contains(p.DiskTemplates, d.Template) {
			out = append(out, fmt.Sprintf("Disk template %s is not allowed (allowed templates: %s)", d.Template, allowed))
		}
	}
	return out
}

// fewest applies a check to each pair of bounds and returns the shortest list, the first of equal ones.
func (p IPolicy) fewest(check func(MinMax) []string) []string {
	var best []string
	for i, m := range p.MinMax {
		if found := check(m); i == 0 || len(found) < len(best) {
			best = found
		}
	}
	return best
}

func (m MinMax) appendDisks(out []string, disks []DiskSizing) []string {
	for i, d := range disks {
		out = m.appendOutside(out, SpecDiskSize, fmt.Sprintf("/%d", i), d.MiB, "")
	}
	if len(disks) == 0 { // a diskless instance is not held to a number of disks
		return out
	}
	return m.appendOutside(out, SpecDiskCount, "", int64(len(disks)), "")
}

func (m MinMax) appendOutside(out []string, name, suffix string, value int64, long Long) []string {
	low, high := m.Min[name], m.Max[name]
	if value >= low && value <= high {
		return out
	}
	return append(out, fmt.Sprintf("%s%s value %s is not in range [%d, %d]", name, suffix, cmp.Or(string(long), strconv.FormatInt(value, 10)), low, high))
}

// Sizing returns what an instance of the configuration needs.
func (c *Config) Sizing(inst *Instance) Sizing {
	be := c.FilledBE(inst)
	s := SizingOf(be)
	s.NICs = int64(len(inst.NICs))
	spindles := int64(0)
	for _, d := range c.InstanceDisks(inst) {
		s.Disks = append(s.Disks, DiskSizing{d.Size, d.DevType})
		if d.Spindles != nil {
			spindles += *d.Spindles
		}
	}
	if c.exclusiveStorage(inst) {
		s.Spindles = spindles
	}
	return s
}

func (c *Config) exclusiveStorage(inst *Instance) bool {
	for _, uuid := range c.InstanceNodes(inst) {
		if n := c.Node(uuid); n != nil && c.FilledND(n).Bool("exclusive_storage") {
			return true
		}
	}
	return false
}
