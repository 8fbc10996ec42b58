package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gantry/lib/fault"
	"gantry/lib/unit"
)

// PolicyOptions are the options of an instance policy as they were typed. nil is not given.
type PolicyOptions struct {
	Bounds        []map[string]unit.Params // of min and max
	Std           unit.Params
	DiskTemplates []string
	VCPURatio     any                    // a float64, or Default
	SpindleRatio  any                    // the same
	Split         map[string]unit.Params // the old --specs-… options: min, max and std by specification
}

// PolicyChange is what a group's own policy is to be: nil leaves a value as it is, an empty list or 0 takes it away.
type PolicyChange struct {
	MinMax        *[]MinMax `json:"minmax,omitempty"`
	DiskTemplates *[]string `json:"disk-templates,omitempty"`
	VCPURatio     *float64  `json:"vcpu-ratio,omitempty"`
	SpindleRatio  *float64  `json:"spindle-ratio,omitempty"`
}

// specTypes are the types of the values of a specification.
var specTypes = Table{
	{Name: SpecCPUs, Type: Int},
	{Name: SpecDiskCount, Type: Int},
	{Name: SpecDiskSize, Type: Size},
	{Name: SpecMemory, Type: Size},
	{Name: SpecNICs, Type: Int},
	{Name: SpecSpindles, Type: Int},
}

// Given says whether any of the options was used.
func (o PolicyOptions) Given() bool {
	return o.Bounds != nil || o.Std != nil || o.DiskTemplates != nil || o.VCPURatio != nil || o.SpindleRatio != nil || len(o.Split) > 0
}

// Unset names an attribute whose value is to be taken away, "" when there is none. Only a group can do without.
func (o PolicyOptions) Unset() string {
	if o.DiskTemplates != nil && (len(o.DiskTemplates) == 0 || slices.Equal(o.DiskTemplates, []string{Default})) {
		return "disk-templates"
	}
	if o.Std != nil && len(o.Std) == 0 {
		return "std"
	}
	for key, typed := range map[string]any{"vcpu-ratio": o.VCPURatio, "spindle-ratio": o.SpindleRatio} {
		if typed == 0.0 || typed == Default {
			return key
		}
	}
	return ""
}

// Policy reads the options; what was not given stays empty.
func (o PolicyOptions) Policy() (p IPolicy, err error) {
	if len(o.Split) > 0 && (o.Bounds != nil || o.Std != nil) {
		return p, fault.Refuse(fault.WrongInput, "A --specs-xxx option cannot be specified together with any --ipolicy-xxx-specs option")
	}
	p.DiskTemplates = o.DiskTemplates
	if p.MinMax, err = bounds(o.Bounds); err != nil {
		return p, err
	}
	if o.Std != nil {
		std, err := spec("std", o.Std)
		if err != nil {
			return p, err
		}
		if specTypes.Held(std) != nil { // beyond any bounds
			return p, fault.Refuse(fault.WrongInput, "Invalid instance policy: Invalid std specifications")
		}
		p.Std = ispec(std)
	}
	if len(o.Split) > 0 {
		if err := o.split(&p); err != nil {
			return p, err
		}
	}
	if p.VCPURatio, err = ratio("vcpu-ratio", o.VCPURatio); err != nil {
		return p, err
	}
	p.SpindleRatio, err = ratio("spindle-ratio", o.SpindleRatio)
	return p, err
}

// ratio refuses the word "default", which only the change of a group knows.
func ratio(key string, typed any) (*float64, error) {
	if f, ok := typed.(float64); ok {
		return &f, nil
	}
	if typed != nil {
		return nil, fault.Refuse(fault.WrongInput, "Invalid instance policy: Invalid value for key '%s': '%v', error: could not convert string to float: '%v'", key, typed, typed)
	}
	return nil, nil
}

// Change reads the options as the change of a group's own policy, in which "default" takes values away.
func (o PolicyOptions) Change() (c PolicyChange, err error) {
	if o.defaultBounds() {
		c.MinMax = &[]MinMax{}
	} else if o.Bounds != nil {
		list, err := bounds(o.Bounds)
		if err != nil {
			return c, err
		}
		c.MinMax = &list
	}
	if o.DiskTemplates != nil {
		list := o.DiskTemplates
		if slices.Equal(list, []string{Default}) {
			list = []string{}
		}
		c.DiskTemplates = &list
	}
	for into, typed := range map[**float64]any{&c.VCPURatio: o.VCPURatio, &c.SpindleRatio: o.SpindleRatio} {
		if typed != nil {
			f, _ := typed.(float64) // "default" is 0
			*into = &f
		}
	}
	return c, nil
}

func (o PolicyOptions) defaultBounds() bool {
	if len(o.Bounds) != 1 || len(o.Bounds[0]) != 1 {
		return false
	}
	values, only := o.Bounds[0][Default]
	return only && len(values) == 0
}

func bounds(typed []map[string]unit.Params) (list []MinMax, err error) {
	for _, pair := range typed {
		m := MinMax{}
		read := map[string]Params{}
		for _, name := range slices.Sorted(maps.Keys(pair)) {
			if name != "min" && name != "max" {
				return nil, fault.Refuse(fault.WrongInput, "Invalid key in bounds instance specifications: %s", name)
			}
		}
		for name, into := range map[string]*ISpec{"min": &m.Min, "max": &m.Max} {
			values, given := pair[name]
			if !given {
				continue
			}
			if read[name], err = spec(name, values); err != nil {
				return nil, err
			}
			*into = ispec(read[name])
			if missing := into.missing(); missing != "" {
				return nil, fault.Refuse(fault.WrongInput, "Missing parameters in ipolicy spec %s: %s", name, missing)
			}
		}
		if err := heldBounds(read["min"], read["max"]); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// heldBounds refuses bounds that no int64 holds, and before that those of them that cannot be bounds.
func heldBounds(low, high Params) error {
	for _, name := range Specs {
		_, isLong := low[name].(Long)
		if from, to := low.Big(name), high.Big(name); isLong && from.Cmp(to) > 0 {
			return fault.Refuse(fault.WrongInput, "Invalid instance policy: Invalid specification of min/max values for %s: %s/%s", name, from, to)
		}
	}
	if err := specTypes.Held(low); err != nil {
		return err
	}
	return specTypes.Held(high)
}

// spec reads one specification. Sizes come first: they are refused in other words.
func spec(name string, typed unit.Params) (Params, error) {
	for _, size := range []string{SpecMemory, SpecDiskSize} {
		if v, given := typed[size]; given {
			_, err := unit.ParseSize(unit.Str(v))
			if _, long := unit.LongSize(unit.Str(v)); err != nil && !long {
				return nil, fault.Refuse(fault.WrongInput, "Invalid parameter %s (%s) in %s instance specs: %v", size, unit.Str(v), name, err)
			}
		}
	}
	return specTypes.ForceLong(typed)
}

func ispec(read Params) ISpec {
	s := ISpec{}
	for name := range read {
		s[name] = read.Int(name)
	}
	return s
}

// split reads the old options: for one specification, its min, max and std. What they do not say comes from the defaults.
func (o PolicyOptions) split(p *IPolicy) error {
	defaults := DefaultIPolicy()
	m := MinMax{Min: maps.Clone(defaults.MinMax[0].Min), Max: maps.Clone(defaults.MinMax[0].Max)}
	p.Std = ISpec{}
	for _, name := range slices.Sorted(maps.Keys(o.Split)) {
		kind := specTypes.Get(name).Type
		forced, err := Table{{Name: "max", Type: kind}, {Name: "min", Type: kind}, {Name: "std", Type: kind}}.Force(o.Split[name])
		if err != nil {
			return err
		}
		for part, into := range map[string]ISpec{"min": m.Min, "max": m.Max, "std": p.Std} {
			if v, given := forced[part]; given {
				into[name], _ = v.(int64)
			}
		}
	}
	p.MinMax = []MinMax{m}
	return nil
}

// Changed returns a group's own policy after a change.
func (p IPolicy) Changed(c PolicyChange) IPolicy {
	out := p.Clone()
	if c.MinMax != nil {
		out.MinMax = nil
		out.MinMax = append(out.MinMax, *c.MinMax...)
	}
	if c.DiskTemplates != nil {
		out.DiskTemplates = nil
		out.DiskTemplates = append(out.DiskTemplates, *c.DiskTemplates...)
	}
	for into, v := range map[**float64]*float64{&out.VCPURatio: c.VCPURatio, &out.SpindleRatio: c.SpindleRatio} {
		if v == nil {
			continue
		}
		if *into = clonePointer(v); *v == 0 {
			*into = nil
		}
	}
	return out
}

// CheckTemplates refuses a policy that allows disk templates which the cluster has not enabled.
func (p IPolicy) CheckTemplates(enabled []string) error {
	var off []string
	for _, t := range p.DiskTemplates {
		if !slices.Contains(enabled, t) {
			off = append(off, t)
		}
	}
	if off != nil {
		return fault.Refuse(fault.WrongInput, "The following disk templates are allowed by the ipolicy, but not enabled on the cluster: %s", strings.Join(off, ", "))
	}
	return nil
}

// Options writes the specifications as the options that would set them, the standard one only if it is a cluster's.
func (p IPolicy) Options(cluster bool) string {
	var out strings.Builder
	if cluster && p.Std != nil {
		out.WriteString(" --ipolicy-std-specs " + p.Std.option())
	}
	for i, m := range p.MinMax {
		separator := "//"
		if i == 0 {
			separator = " --ipolicy-bounds-specs "
		}
		out.WriteString(separator + "min:" + m.Min.option() + "/max:" + m.Max.option())
	}
	return out.String()
}

func (s ISpec) option() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s)) {
		parts = append(parts, fmt.Sprintf("%s=%d", name, s[name]))
	}
	return strings.Join(parts, ",")
}
